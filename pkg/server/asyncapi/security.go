package asyncapi

const tokenText = "A JSON Web Token. One place is enough; the first that holds a token counts."

// security adds a scheme for each place that a token may travel in, when the
// gateway asks for tokens.
func (b *builder) security() {
	b.secured = make(map[string][]Ref)
	if b.opts.Auth == nil {
		return
	}
	add := func(id string, s *SecurityScheme, servers ...string) {
		b.doc.Components.SecuritySchemes.Set(id, s)
		for _, name := range servers {
			b.secured[name] = append(b.secured[name], Ref{"#/components/securitySchemes/" + id})
		}
	}
	all := []string{socketIO, webSocket, sse}
	p := b.opts.AuthPlaces
	if !p.NoAuthPayload {
		add("connectPayload", &SecurityScheme{
			Type: "apiKey", In: "password",
			Description: `The member "token" of the payload of CONNECT: io(url, { auth: { token } }). ` + tokenText,
		}, socketIO)
	}
	if !p.NoHeader {
		add("bearer", &SecurityScheme{Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "Authorization: Bearer TOKEN. " + tokenText}, all...)
	}
	if name := orElse(p.Cookie, "token"); name != "-" {
		add("cookie", &SecurityScheme{Type: "httpApiKey", In: "cookie", Name: name, Description: "A cookie, for browsers. " + tokenText}, all...)
	}
	if name := p.QueryName(); name != "" {
		add("query", &SecurityScheme{Type: "httpApiKey", In: "query", Name: name, Description: "A query parameter. It ends up in the logs of proxies. " + tokenText}, all...)
	}
}
