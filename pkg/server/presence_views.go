package server

import (
	"encoding/json"
	"maps"
	"slices"
	"sync/atomic"
	"time"
)

// Bounds of what a pod keeps of others.
const (
	maxPresencePods   = 1024
	maxPresenceRemote = 1 << 20 // members on other pods
	maxPodName        = 64      // bytes of an id
	maxPodOwner       = 2 * maxPresenceUser
	// maxPresenceHeld bounds what is held while pods send all of their members, of
	// all pods together: as many as are kept, and a quarter of that for what changes
	// meanwhile. What doesn't fit is asked for again.
	maxPresenceHeld = maxPresenceRemote + maxPresenceRemote/4
)

// podViews is what this pod knows of the others. It belongs to the goroutine of
// the hub, but for the counts.
type podViews struct {
	hub  *presenceHub
	pods map[string]*podView

	members, alive atomic.Int64
	dropped        atomic.Uint64 // members beyond the bounds
	ignored        atomic.Uint64 // messages and changes that make no sense
	held           int           // entries of collected and changed, of all pods

	beaten     time.Time // when this pod last sent a heartbeat
	reconnects uint64
	connected  bool

	wanted bool // somebody has asked for all members of this pod
	parts  int  // of what is being sent
	rest   [][]podChange
}

// podView is one other pod.
type podView struct {
	id      string
	seen    time.Time
	seq     uint64
	stale   bool // something of it was missed
	asked   time.Time
	members map[viewKey]struct{}

	// While all of its members come in parts: what has come, and what has
	// changed since the first part, which counts more.
	collected map[viewKey]podChange
	changed   map[viewKey]struct{}
	next      int
	partAt    time.Time // when the latest part came
}

// viewKey names a member of a pod.
type viewKey struct{ namespace, room, conn string }

func keyOf(ch *podChange) viewKey { return viewKey{ch.Namespace, ch.Room, ch.Conn} }

// handle takes a message of another pod.
func (v *podViews) handle(raw json.RawMessage) {
	var m podMessage
	if json.Unmarshal(raw, &m) != nil || m.Pod == "" || len(m.Pod) > maxPodName {
		v.ignored.Add(1)
		return
	}
	if m.Pod == v.hub.pod {
		return
	}
	// Before any of them is a key of what is kept.
	sane := slices.DeleteFunc(m.Changes, func(ch podChange) bool { return !ch.sane() })
	v.ignored.Add(uint64(len(m.Changes) - len(sane)))
	m.Changes = sane
	if m.Kind == podAsk {
		v.wanted = v.wanted || m.Of == "" || m.Of == v.hub.pod
	}
	pod := v.pods[m.Pod]
	switch {
	case m.Kind == podGone && pod != nil:
		v.drop(pod, true)
		return
	case m.Kind == podGone, pod == nil && len(v.pods) >= maxPresencePods:
		return
	case pod == nil:
		pod = &podView{id: m.Pod, seq: m.Seq, stale: true, asked: time.Now(), members: make(map[viewKey]struct{})}
		v.pods[m.Pod] = pod
		v.alive.Store(int64(len(v.pods)))
	}
	pod.seen = time.Now()
	switch m.Kind {
	case podBeat, podAsk:
		pod.stale = pod.stale || m.Seq != pod.seq
	case podChanges:
		pod.stale = pod.stale || m.Seq != pod.seq+1 && m.Seq != pod.seq
		pod.seq = m.Seq
		v.apply(pod, m.Changes)
	case podAll:
		v.collect(pod, &m)
	}
}

// told are rooms with something to tell, by presence.
type told map[*presence]map[string]bool

func (t told) add(p *presence, room string) {
	if t[p] == nil {
		t[p] = make(map[string]bool)
	}
	t[p][room] = true
}

func (t told) tell() {
	for p, rooms := range t {
		p.tell(slices.Collect(maps.Keys(rooms)))
	}
}

// apply brings changes of a pod in.
func (v *podViews) apply(pod *podView, changes []podChange) {
	rooms := told{}
	for i := range changes {
		ch := &changes[i]
		if pod.collected != nil {
			v.hold(pod, keyOf(ch))
		}
		if p := v.change(pod, ch); p != nil {
			rooms.add(p, ch.Room)
		}
	}
	rooms.tell()
}

// change brings one change in. It returns the presence of its namespace when
// there may be something to tell.
func (v *podViews) change(pod *podView, ch *podChange) *presence {
	key := keyOf(ch)
	_, known := pod.members[key]
	switch {
	case ch.Op == opLeave:
		if known {
			delete(pod.members, key)
			v.members.Add(-1)
		}
	case !known:
		if v.members.Load() >= maxPresenceRemote {
			v.dropped.Add(1)
			return nil
		}
		pod.members[key] = struct{}{}
		v.members.Add(1)
	}
	p := v.hub.of(ch.Namespace)
	if p == nil || !p.has(ch.Room) {
		return nil // when that namespace comes, all is asked for
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote(memberKey{pod.id, ch.Conn}, ch, v.hub.pod) {
		return p
	}
	return nil
}

// remote brings in what another pod tells of a member, and reports whether there
// is something to tell of it. The caller holds mu.
func (p *presence) remote(key memberKey, ch *podChange, self string) bool {
	r := p.rosterFor(ch.Room)
	who, has := r.members[key]
	if ch.Op == opLeave {
		if has {
			p.remove(r, key, 0)
		}
		return true // at least that the room is empty
	}
	if has && ch.Op == opJoin {
		if !who.until.IsZero() {
			who = r.take(key)
			who.until = time.Time{}
			r.put(key, who)
		}
		return false
	}
	if !has {
		from := memberKey{ch.FromPod, ch.FromConn}
		if from.pod == self {
			from.pod = ""
		}
		p.add(r, key, present{id: ch.ID, user: ch.User, since: ch.Since, owner: ch.Owner}, from, 0)
	}
	if ch.Op == opMiss {
		p.miss(r, key, time.Duration(min(ch.Grace, maxGraceMillis))*time.Millisecond+presenceSlack, 0)
	}
	return true
}

// maxGraceMillis bounds the grace that another pod may give.
const maxGraceMillis = int64(time.Hour / time.Millisecond)

// collect takes a part of all members of a pod and, when it has all, brings in
// how they differ from those that were known.
func (v *podViews) collect(pod *podView, m *podMessage) {
	if m.Part == 0 {
		v.release(pod)
		pod.collected, pod.changed, pod.next = make(map[viewKey]podChange), make(map[viewKey]struct{}), 0
		pod.seq, pod.stale = m.Seq, false
	}
	if pod.collected == nil || m.Part != pod.next {
		v.giveUp(pod)
		return
	}
	if v.held+len(m.Changes) > maxPresenceHeld {
		v.dropped.Add(uint64(len(m.Changes)))
		v.giveUp(pod)
		return
	}
	pod.next++
	pod.partAt = time.Now()
	for _, ch := range m.Changes {
		before := len(pod.collected)
		pod.collected[keyOf(&ch)] = ch
		v.held += len(pod.collected) - before
	}
	if pod.next < m.Parts {
		return
	}
	var diff []podChange
	for key := range pod.members {
		if _, has := pod.collected[key]; !has {
			diff = append(diff, podChange{Op: opLeave, Namespace: key.namespace, Room: key.room, Conn: key.conn})
		}
	}
	for _, ch := range pod.collected {
		diff = append(diff, ch)
	}
	diff = slices.DeleteFunc(diff, func(ch podChange) bool {
		_, later := pod.changed[keyOf(&ch)]
		return later
	})
	v.release(pod)
	v.apply(pod, diff)
}

// hold notes that a member has changed since the first part of all came.
func (v *podViews) hold(pod *podView, key viewKey) {
	if _, has := pod.changed[key]; has {
		return
	}
	if v.held >= maxPresenceHeld {
		v.dropped.Add(1)
		v.giveUp(pod) // the parts would undo the change
		return
	}
	pod.changed[key] = struct{}{}
	v.held++
}

// release forgets what is held of a pod.
func (v *podViews) release(pod *podView) {
	v.held -= len(pod.collected) + len(pod.changed)
	pod.collected, pod.changed = nil, nil
}

// giveUp forgets what has come of all members, which has them asked for again.
func (v *podViews) giveUp(pod *podView) {
	v.release(pod)
	pod.stale = true
}

// drop forgets a pod. When it has told that it stops, those of its members that
// may come back elsewhere have their time.
func (v *podViews) drop(pod *podView, announced bool) {
	delete(v.pods, pod.id)
	v.release(pod)
	v.alive.Store(int64(len(v.pods)))
	v.members.Add(-int64(len(pod.members)))
	rooms := told{}
	for key := range pod.members {
		p := v.hub.of(key.namespace)
		if p == nil {
			continue
		}
		p.mu.Lock()
		if r := p.rooms[key.room]; r != nil {
			k := memberKey{pod.id, key.conn}
			if who, has := r.members[k]; has && (who.until.IsZero() || !announced) {
				p.remove(r, k, 0)
				rooms.add(p, key.room)
			}
		}
		p.mu.Unlock()
	}
	rooms.tell()
}

// tick sends what is due and looks after the other pods.
func (v *podViews) tick(now time.Time) {
	h := v.hub
	for range min(partsATick, len(v.rest)) {
		h.sendNow(podMessage{Kind: podAll, Part: v.parts - len(v.rest), Parts: v.parts, Changes: v.rest[0]})
		v.rest = v.rest[1:]
	}
	if v.wanted && len(v.rest) == 0 {
		v.wanted = false
		v.rest, v.parts = h.begin()
	}
	if now.Sub(v.beaten) < presenceBeat {
		return
	}
	v.beaten = now
	st := h.srv.opts.Backplane.Status()
	up := st.Connected && !st.Degraded
	if up && (!v.connected || st.Reconnects != v.reconnects) {
		h.askDue.Store(true)
		v.wanted = true // what the others missed meanwhile
	}
	v.connected, v.reconnects = up, st.Reconnects
	if h.askDue.CompareAndSwap(true, false) || h.lost.CompareAndSwap(true, false) {
		h.sendNow(podMessage{Kind: podAsk})
		for _, pod := range v.pods {
			pod.asked = now
		}
	} else {
		h.sendNow(podMessage{Kind: podBeat})
	}
	for _, pod := range v.pods {
		if pod.collected != nil && now.Sub(pod.partAt) > 2*presenceBeat {
			v.giveUp(pod) // the rest was lost
		}
		switch {
		case !up:
			// It is this pod that is cut off: the others are as they were.
			pod.seen = now
		case now.Sub(pod.seen) > presenceSilence:
			v.drop(pod, false)
		case pod.stale && pod.collected == nil && now.Sub(pod.asked) > 2*presenceBeat:
			pod.asked = now
			h.sendNow(podMessage{Kind: podAsk, Of: pod.id})
		}
	}
}
