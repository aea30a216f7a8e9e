package server

import (
	"time"
)

// controlPresence is the message of the pods about who is in their rooms.
const controlPresence = "presence"

// podOp is what happened to a member.
type podOp byte

// What pods tell of a member.
const (
	opJoin  podOp = '+'
	opLeave podOp = '-'
	opMiss  podOp = '~' // it is absent and may come back
)

// Kinds of podMessage.
const (
	podBeat    = "beat"    // it lives
	podChanges = "changes" // Changes has what happened
	podAll     = "all"     // Changes has a part of its members
	podAsk     = "ask"     // the pod Of, all when that is empty, is to send all
	podGone    = "gone"    // it has stopped
)

// podMessage is what a pod tells the others.
type podMessage struct {
	Kind    string      `json:"k"`
	Pod     string      `json:"p"`
	Seq     uint64      `json:"s"` // of the latest changes
	Of      string      `json:"of,omitempty"`
	Part    int         `json:"i,omitempty"` // of podAll, from 0
	Parts   int         `json:"n,omitempty"`
	Changes []podChange `json:"c,omitempty"`
}

// podChange is a member of the pod that tells it. Owner, the verified subject,
// finds it again when it comes back on another pod.
type podChange struct {
	Op        podOp  `json:"o"`
	Namespace string `json:"ns"`
	Room      string `json:"r"`
	Conn      string `json:"c"`
	ID        string `json:"i,omitempty"`
	User      string `json:"u,omitempty"`
	Owner     string `json:"w,omitempty"`
	Since     int64  `json:"t,omitempty"`
	Grace     int64  `json:"g,omitempty"`  // milliseconds that it may still be absent
	FromPod   string `json:"fp,omitempty"` // whose place it takes
	FromConn  string `json:"fc,omitempty"`
}

// sane reports whether ch can be of a pod like this one. It bounds the strings that
// are kept.
func (ch *podChange) sane() bool {
	switch {
	case ch.Op != opJoin && ch.Op != opLeave && ch.Op != opMiss,
		len(ch.Namespace) > maxNamespaceBytes, len(ch.Room) > maxPresenceRoom,
		ch.Conn == "", len(ch.Conn) > maxPodName, len(ch.FromPod) > maxPodName, len(ch.FromConn) > maxPodName:
		return false
	}
	return ch.Op == opLeave ||
		ch.ID != "" && len(ch.ID) <= maxPodName && len(ch.User) <= maxPresenceUser && len(ch.Owner) <= maxPodOwner
}

// note keeps changes that happened here for flush, in their order.
func (h *presenceHub) note(namespace, room string, changes []change) {
	if !h.srv.clustered() {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range changes {
		if ch := &changes[i]; ch.op != 0 {
			h.out = append(h.out, h.wire(namespace, room, ch.op, ch.key, &ch.who, ch.from))
		}
	}
	if len(h.out) >= perPart {
		h.flushLocked()
	}
}

// flush tells the other pods what has been noted.
func (h *presenceHub) flush() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flushLocked()
}

func (h *presenceHub) flushLocked() {
	if len(h.out) == 0 {
		return
	}
	h.seq++
	h.send(podMessage{Kind: podChanges, Changes: h.out})
	h.out = nil
}

func (h *presenceHub) wire(namespace, room string, op podOp, key memberKey, who *present, from memberKey) podChange {
	w := podChange{Op: op, Namespace: namespace, Room: room, Conn: key.conn}
	if op != opLeave {
		w.ID, w.User, w.Owner, w.Since = who.id, who.user, who.owner, who.since
	}
	if !who.until.IsZero() {
		w.Grace = max(time.Until(who.until).Milliseconds(), 1)
	}
	if from.conn != "" {
		if w.FromPod, w.FromConn = from.pod, from.conn; from.pod == "" {
			w.FromPod = h.pod
		}
	}
	return w
}

// send sends a message. The caller holds mu.
func (h *presenceHub) send(m podMessage) {
	m.Pod, m.Seq = h.pod, h.seq
	h.srv.tellPods(controlPresence, m)
}

func (h *presenceHub) sendNow(m podMessage) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.send(m)
}

// gone tells the other pods that this one stops: nobody has to wait until it is
// missed. It is called when the last connection has ended.
func (h *presenceHub) gone() {
	if h != nil && h.srv.clustered() {
		h.sendNow(podMessage{Kind: podGone})
	}
}

// perPart and partsATick bound how fast a pod tells of all of its members, which
// must not push out what else waits for the backplane.
const (
	perPart    = 500
	partsATick = 10
)

// begin collects the members of this pod and sends the first part of them. What
// changes later is told later, so that others can tell which counts.
func (h *presenceHub) begin() (rest [][]podChange, parts int) {
	all := h.presences()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flushLocked()
	var list []podChange
	for _, p := range all {
		list = p.appendOwn(list)
	}
	for len(list) > perPart {
		rest = append(rest, list[:perPart])
		list = list[perPart:]
	}
	rest = append(rest, list)
	h.send(podMessage{Kind: podAll, Parts: len(rest), Changes: rest[0]})
	return rest[1:], len(rest)
}

// appendOwn appends the members on this pod.
func (p *presence) appendOwn(list []podChange) []podChange {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, r := range p.rooms {
		for key, who := range r.members {
			if key.pod == "" {
				op := opJoin
				if !who.until.IsZero() {
					op = opMiss
				}
				list = append(list, p.hub.wire(p.ns.name, name, op, key, &who, memberKey{}))
			}
		}
	}
	return list
}
