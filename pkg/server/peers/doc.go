// Package peers lets every pod of a cluster take the requests of every session,
// so that long polling works behind a balancer that knows nothing of sessions.
//
// A session's id begins with the tag of the pod that has it. A pod that gets a
// request with another pod's tag passes it on over HTTP and passes the answer
// back:
//
//	client ── GET …&sid=TAG… ──► any pod ── the same request, signed ──► the pod TAG
//
// Pods know each other by a static list of addresses or through a Directory. The
// request between the pods goes to the peer's client listener. It carries a
// signature of its method, its URI, the client's address and the time, made with
// a secret that all pods share: it is how the peer believes the client's address,
// and a signed request is never passed on again. What is passed on is still
// checked in full by the pod that has the session.
//
// It imports the standard library only.
package peers
