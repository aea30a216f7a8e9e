// Package redis is a backplane over Redis that speaks the classic adapter of
// Socket.IO, @socket.io/redis-adapter 8.3: rtk pods and Node servers on one Redis
// and prefix receive each other's broadcasts and commands, answer each other's
// questions, and hear what @socket.io/redis-emitter publishes.
//
// A pod subscribes to the request channel of each namespace once, so it is counted
// as one server, and it answers every question, with an empty list when it has
// nothing. What one pod publishes and commands is done elsewhere in its order.
// Node's servers execute their own commands when Redis brings them back; this one
// has done so before it publishes, and knows its own by the uid.
//
// # The sharded adapter
//
// Options.Adapter Sharded speaks createShardedAdapter of the same package, over the
// sharded channels of Redis 7: each channel is at the server that has its slot. A
// pod has a connection to every server that it listens at, takes the channels of a
// slot that moves to where the slot has gone, and publishes over one connection to
// each server. Its rooms have channels of their own as Options.ShardedMode says; a
// room's first member is heard of by the others a round trip later, and what is
// sent to the room until then does not arrive.
//
// On one server, what a pod sends arrives in its order, as with the classic
// adapter. On a Cluster that holds for each channel: a message to a room and one to
// the namespace, or to two rooms, go through two servers and may change places, as
// with npm's adapter.
//
// # What is lost
//
// With these two, delivery is at most once, as with the npm package. While Redis is
// away, messages wait in the outbox and go out in order when it is back; those that
// were on their way when a connection broke are not sent again, since Redis may
// have had them. Status counts both losses. What others send while a pod has no
// subscription does not reach it, so after an outage the outbox waits until the
// other pods have had time to come back, two seconds. When a server of a
// Cluster is away, what goes to its channels waits, and the rest goes on.
//
// Measured on one machine, two pods, 500 messages a second to each of two
// channels, nothing twice and nothing out of order in any case:
//
//   - the master killed, or silent, Sentinels that wait 0.5 s: 0 to 2 messages lost,
//     no remote delivery for 3.5 to 5 s;
//   - a master of a Cluster killed, cluster-node-timeout 1 s, sharded: 0 to 2 messages
//     lost, no remote delivery for 4 to 6 s on the channels of its slots, and for
//     under 1 s on the others;
//   - the same, classic, which goes to another server: 1 to 13 lost, no remote
//     delivery for under 0.2 s;
//   - a master of a Cluster that stands still, sharded: 0 to 2 messages lost, no
//     remote delivery for 5 to 7 s on the channels of its slots and for 2.5 to 5 s on
//     the others, since the messages that it has not answered hold up the next. With
//     the classic adapter a pod that is connected to it goes elsewhere within
//     IOTimeout;
//   - the slots of two channels moved: 0 to 13 lost, no pause above 0.2 s.
//
// Local delivery never waits for any of it.
//
// # Finding the server
//
// Options.URL names one server, Sentinels or a Cluster. The search for the master
// is part of each dial, so that a failover is followed by dialling again. A server
// that is only cut off from its Sentinels is left within two seconds of their
// choosing another. On a Cluster the classic adapter is connected to any master,
// since every server carries every message there, and changes to another when that
// one ends or no longer sees the others.
//
// It imports rueidis, package cluster and package wire/redisadapter. Only
// programs that import it link a Redis client.
package redis
