package server

import (
	"encoding/json"
	"time"

	"github.com/realtime-toolkit/rtk/pkg/server/auth"
	"github.com/realtime-toolkit/rtk/pkg/server/cluster"
)

// controlNamespace is where the pods talk among themselves. No client can join
// it, and pods of other make have nobody in it.
const controlNamespace = "/.rtk"

// The messages of the pods.
const (
	controlRevoke = "revoke"  // an array of revocations
	controlAsk    = "revoked" // a pod that has just come, or was cut off, asks for all
	controlTaken  = "taken"   // a session goes on at the sender
)

// revocation is an auth.Revocation among pods; times are Unix milliseconds.
type revocation struct {
	JTI          string `json:"jti,omitempty"`
	Sub          string `json:"sub,omitempty"`
	Iss          string `json:"iss,omitempty"`
	IssuedBefore int64  `json:"issuedBefore,omitempty"`
	Until        int64  `json:"until"`
}

func (r revocation) auth() auth.Revocation {
	out := auth.Revocation{TokenID: r.JTI, Subject: r.Sub, Issuer: r.Iss, Until: time.UnixMilli(r.Until)}
	if r.IssuedBefore != 0 {
		out.IssuedBefore = time.UnixMilli(r.IssuedBefore)
	}
	return out
}

func wireRevocation(r auth.Revocation) revocation {
	out := revocation{JTI: r.TokenID, Sub: r.Subject, Iss: r.Issuer, Until: r.Until.UnixMilli()}
	if !r.IssuedBefore.IsZero() {
		out.IssuedBefore = r.IssuedBefore.UnixMilli()
	}
	return out
}

// Revoke ends tokens before they expire, on all pods: new handshakes with them
// are refused with "token_revoked", and connections and streams that have them
// are closed at once. closed is the number of those on this pod. Other pods
// learn of it through the backplane, and ask for what they missed when they
// come or come back.
func (s *Server) Revoke(r auth.Revocation) (closed int, err error) {
	now := time.Now()
	if err := r.Validate(now); err != nil {
		return 0, err
	}
	// Milliseconds, as the other pods have it.
	r = wireRevocation(r).auth()
	if _, err := s.revoked.Add(r, now); err != nil {
		return 0, err
	}
	s.tellPods(controlRevoke, []revocation{wireRevocation(r)})
	return s.closeRevoked(), nil
}

// closeRevoked ends the connections whose token has been revoked.
func (s *Server) closeRevoked() (closed int) {
	for _, l := range s.allLinks() {
		if l.isRevoked() {
			closed++
			l.bye(reasonRevoked, closePolicy)
		}
	}
	return closed
}

func (l *link) isRevoked() bool {
	l.connsMu.Lock()
	defer l.connsMu.Unlock()
	for _, c := range l.conns {
		if l.srv.revoked.Has(c.Identity()) {
			return true
		}
	}
	return false
}

// tellPods sends a message to the other pods.
func (s *Server) tellPods(what string, payload any) {
	if s.opts.Backplane == nil || s.state.Load() == stateNew {
		return
	}
	args, err := json.Marshal([]any{what, payload})
	if err != nil {
		s.log.Error("encode a message to the other pods", "error", err)
		return
	}
	s.opts.Backplane.Publish(&cluster.Broadcast{Namespace: controlNamespace, Args: args})
}

// control handles a message of another pod. It runs on the backplane's
// goroutine and must not block.
func (s *Server) control(b *cluster.Broadcast) {
	var m []json.RawMessage
	var what string
	if json.Unmarshal(b.Args, &m) != nil || len(m) != 2 || json.Unmarshal(m[0], &what) != nil {
		return
	}
	switch what {
	case controlAsk:
		s.tellAll()
	case controlRevoke:
		var list []revocation
		if json.Unmarshal(m[1], &list) != nil {
			return
		}
		s.learn(list)
	case controlTaken:
		var session takenSession
		if json.Unmarshal(m[1], &session) == nil {
			s.takenElsewhere(session)
		}
	case controlPresence:
		if s.presence != nil {
			s.presence.receive(m[1])
		}
	}
}

// learn adds what another pod revoked.
func (s *Server) learn(list []revocation) {
	now := time.Now()
	news := false
	for _, w := range list {
		r := w.auth()
		if r.TokenID == "" && r.IssuedBefore.IsZero() || r.Validate(now) != nil {
			continue
		}
		added, err := s.revoked.Add(r, now)
		if err != nil {
			s.log.Error("a revocation of another pod can't be kept", "error", err)
			return
		}
		news = news || added
	}
	if news {
		s.closeRevoked()
	}
}

// perMessage is how many revocations go in one message.
const perMessage = 500

// tellAll sends all revocations to the other pods.
func (s *Server) tellAll() {
	var list []revocation
	for _, r := range s.revoked.All(time.Now()) {
		list = append(list, wireRevocation(r))
	}
	for len(list) > 0 {
		n := min(len(list), perMessage)
		s.tellPods(controlRevoke, list[:n])
		list = list[n:]
	}
}

// askEvery is how often a pod looks whether it was cut off from the others.
const askEvery = 2 * time.Second

// keepRevocations asks the other pods for what this one missed, when it comes
// and whenever its link to them was lost.
func (s *Server) keepRevocations(stop <-chan struct{}) {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	asked := false
	var reconnects uint64
	for {
		st := s.opts.Backplane.Status()
		if st.Connected && (!asked || st.Reconnects != reconnects) {
			asked, reconnects = true, st.Reconnects
			s.tellPods(controlAsk, nil)
			s.tellAll() // what the others missed meanwhile
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}
