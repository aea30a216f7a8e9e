// Package faults tests what a cluster of rtk pods loses, repeats, reorders and
// delays when the way between them breaks: two pods on a real Redis, numbered
// messages from each to the clients of both, and a fault in the middle. Each
// adapter has each fault; what is measured is held against the stated bound, and
// go test ./test/faults -update writes it to docs/faults.md.
package faults
