package main

import (
	"net"
	"strings"
	"testing"

	"github.com/realtime-toolkit/rtk/internal/rttest"
)

// A Redis that trusts one authority and wants its clients to be trusted by it.
func TestServeRedisTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	_, port, _ := net.SplitHostPort(closedPort(t))
	rttest.NewRedisServer(t, "--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "yes")
	environ := map[string]string{"RTK_REDIS": "rediss://127.0.0.1:" + port, "RTK_REDIS_TLS_CA": cert, "RTK_PEER_SECRET": goodSecret}
	with := []string{"--redis-tls-cert", cert, "--redis-tls-key", key}

	// The adapter, the directory and the shared limits each connect by themselves.
	_, s := servePod(t, environ, append(with, "--advertise", "http://127.0.0.1:9", "--throttle-limit", "ip.messages=1000/s", "--throttle-shared")...)
	if log := s.stderr.String(); strings.Contains(log, "does not answer") || strings.Contains(log, "x509") {
		t.Errorf("the log tells of trouble:\n%s", log)
	}
	if code, out, errs := runInteropCmd(t, environ, append(with, "--for", "0s")...); code != exitOK || !strings.Contains(out, "1 server") {
		t.Errorf("interop: exit code %d\n%s%s", code, out, errs)
	}
	delete(environ, "RTK_REDIS_TLS_CA")
	if code, _, errs := runInteropCmd(t, environ, append(with, "--for", "0s")...); code != exitUnreachable || !strings.Contains(errs, "certificate") {
		t.Errorf("a certificate of nobody: exit code %d\n%s", code, errs)
	}
}
