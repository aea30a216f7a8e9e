// Package redis is a backplane over Redis that speaks the classic adapter of
// Socket.IO, @socket.io/redis-adapter 8.3: rtk pods and Node servers on one Redis
// and prefix receive each other's broadcasts, and what @socket.io/redis-emitter
// publishes.
//
// A pod subscribes to broadcasts only, not to the request channel: who subscribes
// there is counted as a server that answers, and this package answers nothing.
//
// Delivery is at most once, as with the npm package. While Redis is away,
// messages wait in the outbox and go out in order when it is back; those that
// were on their way when a connection broke are not sent again, since Redis may
// have had them. Status counts both losses.
//
// It imports rueidis, package cluster and package wire/redisadapter. Only
// programs that import it link a Redis client.
package redis
