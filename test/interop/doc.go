// Package interop tests rtk pods in one cluster with Socket.IO servers in Node,
// over a real Redis. What both sides must do is the same table, run from each
// side for each adapter: TestMatrix, which also writes docs/interop.md.
package interop
