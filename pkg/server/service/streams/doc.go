// Package streams is a service.Service whose work is done by other processes:
// calls go as commands onto a Redis stream, workers of a consumer group take
// them, and the answers come back on a stream of the pod's own.
//
//	gateway ─ XADD ─▶ stream ─ XREADGROUP ─▶ worker
//	   ▲                                        │
//	   └──── XREAD ── {stream}:reply:POD ◀─ XADD ┘   with XACK and XDEL
//
// Bus is the gateway's side, Worker the other in Go. A command is delivered at
// least once: one whose worker has died is claimed by another (XAUTOCLAIM) when
// it has been idle for WorkerOptions.ClaimAfter, one that fails again and again
// ends on {stream}:dead. The call's ID tells a worker that it has seen it.
//
// An answered command is deleted, so the stream's length is what waits. Nothing
// is trimmed: a gateway that finds the stream full refuses the call.
//
// # The form of the entries
//
// A command has the fields call (the CloudEvent of service.EncodeCloudEvent),
// reply (the stream for the answer) and deadline (Unix milliseconds after which
// nobody waits). An answer has id (of the call) and either answer (a
// service.Answer as JSON) or code and message. Workers in other languages do
// XACK and XDEL themselves.
//
// The package imports rueidis; nothing that an embedding program links by
// importing pkg/server does.
package streams
