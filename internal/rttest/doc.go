// Package rttest holds what tests of several packages share: an in-memory
// listener, a fault proxy, a screen, real processes (redis-server, node, rtk
// itself). Only tests import it.
package rttest
