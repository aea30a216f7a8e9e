package loadgen

var discoverDef = &objectDef{
	name: "discover", what: "discover", doc: "Where the pods of a target are looked up when the run begins: each address is a target.",
	keys: []keyDef{
		{name: "dns", typ: textType, doc: "host:port, whose addresses are the pods, or _service._proto.name for SRV records.", examples: []any{"chat-headless:3000", "_http._tcp.chat.default.svc.cluster.local"}},
		{name: "server", typ: textType, doc: "Name server to ask, the system's by default.", examples: []any{"10.96.0.10:53"}},
		{name: "kubernetes", typ: refTo("kubernetes"), doc: "A Kubernetes service; its ready endpoints are the pods. Asked with $KUBECONFIG, the service account of the pod, or ~/.kube/config.", examples: []any{map[string]any{"service": "chat", "port": 3000}}},
	},
}

var kubernetesDef = &objectDef{
	name: "kubernetes", what: "kubernetes", doc: "A Kubernetes service.",
	keys: []keyDef{
		{name: "service", typ: textType, doc: "Name of the service.", examples: []any{"chat"}, required: true},
		{name: "namespace", typ: textType, doc: "Namespace, that of the context or of the service account by default.", examples: []any{"staging"}},
		{name: "port", typ: textType, doc: "Port of the pods, as a number or by its name in the service; may be left out when there is only one.", examples: []any{3000, "http"}},
	},
}

func (p *parse) discovery(n *node) *Discovery {
	o := p.object(n, discoverDef)
	if o == nil {
		return nil
	}
	d := &Discovery{Pos: n.pos, DNS: o.str("dns"), Server: o.str("server")}
	k := o.get("kubernetes")
	switch {
	case k != nil && o.has("dns"):
		p.errorf(o.keyPos("kubernetes"), "discover has dns or kubernetes, not both")
	case k != nil:
		if x := p.object(k, kubernetesDef); x != nil {
			d.Kubernetes = &KubernetesService{Service: x.str("service"), Namespace: x.str("namespace"), Port: x.str("port")}
			for _, key := range []string{"service", "namespace"} {
				if v := x.get(key); v != nil && !v.bad && (!validName(v.text) || len(v.text) > 63) {
					p.errorf(v.pos, "%s is no name of a %s", v.describe(), key)
				}
			}
		}
		if o.has("server") {
			p.errorf(o.keyPos("server"), "server goes with dns")
		}
	case !o.has("dns"):
		p.errorf(n.pos, "discover needs dns or kubernetes")
	case d.DNS == "" && !o.get("dns").bad:
		p.errorf(o.get("dns").pos, "dns names no host")
	}
	return d
}
