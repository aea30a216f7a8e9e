package webhook_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/service"
	"github.com/realtime-toolkit/rtk/pkg/server/service/webhook"
)

// An endpoint checks the signature before it believes anything.
func ExampleVerify() {
	secret := "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 2<<20))
		if err != nil {
			return
		}
		if err := webhook.Verify(secret, r.Header, body, time.Now(), webhook.DefaultTolerance); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		call, err := service.DecodeCloudEvent(body)
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Println(call.Hook, call.Data.Namespace, call.Data.Connection.Subject)
		_, _ = io.WriteString(w, `{"join":["staff"]}`)
	}))
	defer endpoint.Close()

	hook, err := webhook.New(webhook.Options{URL: endpoint.URL, Secret: secret})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer hook.Close()
	answer, err := hook.Call(httptest.NewRequest(http.MethodGet, "/", nil).Context(), &service.Call{
		ID: "1", Hook: service.HookConnect, Data: service.Data{Namespace: "/orders", Connection: service.Connection{ID: "c", Subject: "ana"}},
	})
	fmt.Println(answer.Join, err)
	// Output:
	// connect /orders ana
	// [staff] <nil>
}
