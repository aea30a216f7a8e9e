// Package rt holds the nouns that every other package of rtk shares: a
// message, a connection, a dialer, a target and the kinds of error.
//
// It opens no socket and knows no wire format. It imports the standard
// library only, so that anything may import it.
//
//	var d rt.Dialer = client.New(client.Options{})
//	c, err := d.Dial(ctx, &rt.DialRequest{Target: target}, handler)
//	if err != nil { … rt.KindOf(err) … }
//	err = c.Send(ctx, &rt.Outgoing{Event: "join", Body: []byte(`"lobby"`), AckID: 0})
package rt
