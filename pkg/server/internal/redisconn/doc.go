// Package redisconn reads Redis URLs, of a single server, of Sentinels and of a
// Cluster, and connects to the node that they mean: it gives rueidis's options
// and a dial function in which the search for a master takes place, so that a
// client for one server follows a failover by dialling again.
//
// It imports rueidis for its options only.
package redisconn
