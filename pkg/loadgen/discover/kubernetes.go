package discover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Service is a Kubernetes service.
type Service struct {
	Name      string
	Namespace string // "" for that of the service account or of the context
	// Port is the pods' port as a number, or its name in the service; "" for the
	// only one.
	Port string
}

func (s Service) String() string { return "service " + s.Namespace + "/" + s.Name }

const (
	maxAnswer = 8 << 20
	pageSize  = 500
	maxPages  = 20
)

// slices of endpoints, as the API has them (discovery.k8s.io/v1).
type endpointSlices struct {
	Metadata struct {
		Continue string `json:"continue"`
	} `json:"metadata"`
	Items []endpointSlice `json:"items"`
}

type endpointSlice struct {
	AddressType string `json:"addressType"`
	Ports       []struct {
		Name string `json:"name"`
		Port int    `json:"port"`
	} `json:"ports"`
	Endpoints []struct {
		Addresses  []string `json:"addresses"`
		Conditions struct {
			Ready *bool `json:"ready"`
		} `json:"conditions"`
		TargetRef *struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"targetRef"`
	} `json:"endpoints"`
}

// Kubernetes asks the API server for the ready pods behind a service.
func Kubernetes(ctx context.Context, s Service, m Machine) ([]Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	api, err := m.cluster()
	if err != nil {
		return nil, failed("service "+s.Name, err)
	}
	if s.Namespace == "" {
		if s.Namespace = api.namespace; s.Namespace == "" {
			s.Namespace = "default"
		}
	}
	client := &http.Client{Transport: api.transport}
	defer client.CloseIdleConnections()
	var all []endpointSlice
	more := ""
	for range maxPages {
		page, err := api.list(ctx, client, s, more)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if more = page.Metadata.Continue; more == "" {
			break
		}
	}
	if len(all) == 0 {
		return nil, unreachable(s.String(), errors.New("it does not exist, or selects nothing"))
	}
	list, err := pods(s, all)
	if err != nil {
		return nil, err
	}
	return finish(s.String(), list)
}

func (c *cluster) list(ctx context.Context, client *http.Client, s Service, more string) (*endpointSlices, error) {
	u := c.server.JoinPath("apis/discovery.k8s.io/v1/namespaces", s.Namespace, "endpointslices")
	q := url.Values{"labelSelector": {"kubernetes.io/service-name=" + s.Name}, "limit": {strconv.Itoa(pageSize)}}
	if more != "" {
		q.Set("continue", more)
	}
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failed(s.String(), err)
	}
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := client.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, unreachable(s.String(), fmt.Errorf("ask the API server at %s: %w", c.server.Host, err))
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil || len(body) > maxAnswer {
		return nil, unreachable(s.String(), fmt.Errorf("read the answer of %s: %w", c.server.Host, cmpErr(err, errors.New("larger than 8 MiB"))))
	}
	if res.StatusCode != http.StatusOK {
		var status struct{ Message string }
		_ = json.Unmarshal(body, &status) // whatever it is, the status says enough
		text := res.Status
		if status.Message != "" {
			text += ": " + status.Message
		}
		if res.StatusCode == http.StatusForbidden {
			text += " (it needs a role that may list endpointslices of discovery.k8s.io)"
		}
		return nil, unreachable(s.String(), errors.New(text))
	}
	var page endpointSlices
	if err := json.Unmarshal(body, &page); err != nil {
		return nil, unreachable(s.String(), fmt.Errorf("the answer of %s is no list of endpoint slices", c.server.Host))
	}
	return &page, nil
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// pods are the addresses of the ready endpoints, one for each pod: the slices
// of a dual-stack service have each pod twice.
func pods(s Service, all []endpointSlice) ([]Endpoint, error) {
	// IPv4 comes first, so that it wins.
	slices.SortStableFunc(all, func(a, b endpointSlice) int { return strings.Compare(a.AddressType, b.AddressType) })
	seen := map[string]bool{}
	var out []Endpoint
	for _, slice := range all {
		port, err := s.portOf(slice)
		if err != nil {
			return nil, failed(s.String(), err)
		}
		for _, e := range slice.Endpoints {
			if e.Conditions.Ready != nil && !*e.Conditions.Ready || len(e.Addresses) == 0 || port == 0 {
				continue
			}
			name := ""
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
				if name = e.TargetRef.Name; seen[name] {
					continue
				}
				seen[name] = true
			}
			// The addresses of one endpoint are interchangeable.
			out = append(out, Endpoint{Name: name, Addr: net.JoinHostPort(e.Addresses[0], strconv.Itoa(port))})
		}
	}
	return out, nil
}

// portOf is the port to connect to, 0 for a slice that lacks it.
func (s Service) portOf(slice endpointSlice) (int, error) {
	if n, err := strconv.Atoi(s.Port); err == nil {
		return n, nil
	}
	var names []string
	for _, p := range slice.Ports {
		if s.Port != "" && p.Name == s.Port {
			return p.Port, nil
		}
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.Port))
	}
	switch {
	case len(slice.Endpoints) == 0 || len(slice.Ports) == 0 && s.Port == "":
		return 0, nil
	case s.Port != "":
		return 0, fmt.Errorf("no port is called %q, there is %s", s.Port, strings.Join(names, ", "))
	case len(slice.Ports) > 1:
		return 0, fmt.Errorf("several ports, say which: %s", strings.Join(names, ", "))
	}
	return slice.Ports[0].Port, nil
}
