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
// Delivery is at most once, as with the npm package. While Redis is away,
// messages wait in the outbox and go out in order when it is back; those that
// were on their way when a connection broke are not sent again, since Redis may
// have had them. Status counts both losses.
//
// It imports rueidis, package cluster and package wire/redisadapter. Only
// programs that import it link a Redis client.
package redis
