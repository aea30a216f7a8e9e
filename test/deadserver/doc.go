// Package deadserver holds the test that no shipped scenario can pass on a
// server that does nothing.
package deadserver
