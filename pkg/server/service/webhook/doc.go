// Package webhook is a service.Service that is an HTTP endpoint. Each call is a
// POST of a CloudEvent (CloudEvents 1.0, HTTP protocol binding, structured
// content mode); the answer is the body of the response, a service.Answer as
// JSON or nothing.
//
//	POST /hook
//	Content-Type: application/cloudevents+json; charset=utf-8
//	Idempotency-Key: 4TXJ…          the call, the same in every try
//	Webhook-Id: 4TXJ…               these three as in Standard Webhooks 1.0
//	Webhook-Timestamp: 1767096277   of this try, Unix time in seconds
//	Webhook-Signature: v1,K5oZ…     with Options.Secret
//
// A program in Go checks the signature with Verify.
//
// # When the endpoint is in trouble
//
// A try takes at most Options.Timeout. One that failed for want of an answer, or
// with 408, 425, 429 or 5xx, is repeated after a random pause that grows, as long
// as Options.Deadline leaves time. At most Options.Concurrency tries are under
// way, Options.Queue calls wait for a place, the rest is refused at once. When
// most of the tries of the last seconds have failed, the circuit breaker opens:
// calls are refused without a try until a probe succeeds.
//
// The package imports the standard library and package service.
package webhook
