package discover

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
)

// Machine is where the credentials of a cluster are found.
type Machine struct {
	Getenv   func(name string) string
	ReadFile func(path string) ([]byte, error)
}

// cluster is an API server and how it is asked.
type cluster struct {
	server    *url.URL
	token     string
	namespace string
	transport *http.Transport
}

// serviceAccount is where a pod finds its own credentials.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"

// cluster takes $KUBECONFIG if it is set, inside of a pod its service account,
// and ~/.kube/config otherwise.
func (m Machine) cluster() (*cluster, error) {
	if list := m.Getenv("KUBECONFIG"); list != "" {
		return m.fromConfig(filepath.SplitList(list)[0])
	}
	if host, port := m.Getenv("KUBERNETES_SERVICE_HOST"), m.Getenv("KUBERNETES_SERVICE_PORT"); host != "" && port != "" {
		return m.inCluster(net.JoinHostPort(host, port))
	}
	home := m.Getenv("HOME")
	if home == "" {
		return nil, errors.New("no cluster: neither KUBECONFIG nor a service account")
	}
	path := filepath.Join(home, ".kube", "config")
	if _, err := m.ReadFile(path); err != nil {
		return nil, fmt.Errorf("no cluster: KUBECONFIG is not set, this is no pod, and %w", err)
	}
	return m.fromConfig(path)
}

func (m Machine) inCluster(host string) (*cluster, error) {
	token, err := m.ReadFile(serviceAccount + "token")
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	ca, err := m.ReadFile(serviceAccount + "ca.crt")
	if err != nil {
		return nil, fmt.Errorf("service account: %w", err)
	}
	namespace, _ := m.ReadFile(serviceAccount + "namespace") // it may be left out
	c := &cluster{server: &url.URL{Scheme: "https", Host: host}, token: strings.TrimSpace(string(token)), namespace: strings.TrimSpace(string(namespace))}
	c.transport, err = transport(ca, "", false, nil)
	return c, err
}

// config is what of a kubeconfig file is needed.
type config struct {
	Current  string `yaml:"current-context"`
	Contexts []struct {
		Name    string
		Context struct{ Cluster, User, Namespace string }
	}
	Clusters []struct {
		Name    string
		Cluster struct {
			Server   string
			Insecure bool   `yaml:"insecure-skip-tls-verify"`
			Name     string `yaml:"tls-server-name"`
			CAFile   string `yaml:"certificate-authority"`
			CA       string `yaml:"certificate-authority-data"`
		}
	}
	Users []struct {
		Name string
		User struct {
			Token     string
			TokenFile string         `yaml:"tokenFile"`
			CertFile  string         `yaml:"client-certificate"`
			Cert      string         `yaml:"client-certificate-data"`
			KeyFile   string         `yaml:"client-key"`
			Key       string         `yaml:"client-key-data"`
			Exec      map[string]any `yaml:"exec"`
			Provider  map[string]any `yaml:"auth-provider"`
		}
	}
}

func (m Machine) fromConfig(path string) (*cluster, error) {
	src, err := m.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(src) > 1<<20 {
		return nil, fmt.Errorf("%s: larger than 1 MiB", path)
	}
	var cfg config
	if err := yaml.Unmarshal(src, &cfg); err != nil {
		return nil, fmt.Errorf("%s: no kubeconfig", path) // the error may quote a secret
	}
	c, err := m.currentContext(&cfg, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func (m Machine) currentContext(cfg *config, dir string) (*cluster, error) {
	c := &cluster{}
	clusterName, userName := "", ""
	for _, x := range cfg.Contexts {
		if x.Name == cfg.Current {
			clusterName, userName, c.namespace = x.Context.Cluster, x.Context.User, x.Context.Namespace
		}
	}
	if clusterName == "" {
		return nil, fmt.Errorf("current-context %q is not among the contexts", cfg.Current)
	}
	// Either the text itself, in base64, or the name of a file.
	data := func(inline, file string) ([]byte, error) {
		switch {
		case inline != "":
			b, err := base64.StdEncoding.DecodeString(inline)
			if err != nil {
				return nil, errors.New("a -data field is not valid base64")
			}
			return b, nil
		case file == "":
			return nil, nil
		case !filepath.IsAbs(file):
			file = filepath.Join(dir, file)
		}
		return m.ReadFile(file)
	}
	var pair *tls.Certificate
	for _, x := range cfg.Users {
		if x.Name != userName {
			continue
		}
		u := x.User
		c.token = u.Token
		if u.Token == "" && u.TokenFile != "" {
			b, err := data("", u.TokenFile)
			if err != nil {
				return nil, err
			}
			c.token = strings.TrimSpace(string(b))
		}
		cert, err := data(u.Cert, u.CertFile)
		if err != nil {
			return nil, err
		}
		key, err := data(u.Key, u.KeyFile)
		if err != nil {
			return nil, err
		}
		if cert != nil {
			p, err := tls.X509KeyPair(cert, key)
			if err != nil {
				return nil, fmt.Errorf("client certificate of user %q: %w", userName, err)
			}
			pair = &p
		}
		if c.token == "" && pair == nil && (u.Exec != nil || u.Provider != nil) {
			return nil, fmt.Errorf("user %q gets its credentials from a plugin, which is not supported: give it a token (kubectl create token) or a client certificate", userName)
		}
	}
	for _, x := range cfg.Clusters {
		if x.Name != clusterName {
			continue
		}
		u, err := url.Parse(x.Cluster.Server)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("server of cluster %q is no URL", clusterName)
		}
		ca, err := data(x.Cluster.CA, x.Cluster.CAFile)
		if err != nil {
			return nil, err
		}
		c.server = u
		c.transport, err = transport(ca, x.Cluster.Name, x.Cluster.Insecure, pair)
		return c, err
	}
	return nil, fmt.Errorf("cluster %q is not among the clusters", clusterName)
}

func transport(ca []byte, name string, insecure bool, pair *tls.Certificate) (*http.Transport, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: name, InsecureSkipVerify: insecure} //nolint:gosec // the kubeconfig asks for it
	if ca != nil {
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("the certificate authority is no PEM certificate")
		}
	}
	if pair != nil {
		t.Certificates = []tls.Certificate{*pair}
	}
	return &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true}, nil
}
