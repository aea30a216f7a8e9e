//go:build linux

package drive

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"
)

// Options is what a Driver drives.
type Options struct {
	Protocol Protocol
	Addrs    []string // host:port of each pod
	Rooms    []string
	Clients  []Client // subscribers; each pod gets a publisher besides
	Size     int      // bytes of a payload
}

// Driver holds the connections. It is for one goroutine.
type Driver struct {
	protocol Protocol
	addrs    []string
	rooms    []string
	size     int

	epoll      int
	events     [512]syscall.EpollEvent
	conns      []*conn
	publishers []*conn // by pod
	members    []int   // by room
	sequences  [][]uint32
	buf        []byte
	payload    []byte
	text       []byte
	frame      []byte
	start      time.Time

	sent      int64
	expected  int64 // deliveries of what was sent
	got       int64
	disorder  int64 // deliveries that came twice or out of order
	timed     bool
	echoing   bool
	same      []int32 // microseconds from due to delivery, on the publisher's pod
	cross     []int32 // and on other pods
	lost      error   // the first connection that was lost
	lostConns int
}

// handshakes is how many connections are made at once.
const handshakes = 8

// calm is waited for after the last one has joined: a pod that subscribes room by
// room has answered before Redis has the subscription.
const calm = 500 * time.Millisecond

// Open makes all connections and returns when all subscribers are in their rooms.
func Open(o Options) (*Driver, error) {
	d := &Driver{
		protocol: o.Protocol, addrs: o.Addrs, rooms: o.Rooms, size: o.Size,
		members: make([]int, len(o.Rooms)), buf: make([]byte, 1<<18), start: time.Now(),
	}
	for range o.Rooms {
		d.sequences = append(d.sequences, make([]uint32, len(o.Addrs)))
	}
	all := append([]Client(nil), o.Clients...)
	for i := range o.Addrs {
		all = append(all, Client{Pod: i, Room: -1})
	}
	var err error
	if d.epoll, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := d.connect(all); err != nil {
		d.Close()
		return nil, err
	}
	time.Sleep(calm)
	d.publishers = d.conns[len(o.Clients):]
	for i, c := range d.conns {
		if c.Room >= 0 {
			d.members[c.Room]++
			c.next = make([]place, len(o.Addrs))
		}
		if err := d.watch(syscall.EPOLL_CTL_ADD, i, syscall.EPOLLIN); err != nil {
			d.Close()
			return nil, err
		}
	}
	return d, nil
}

func (d *Driver) connect(all []Client) error {
	conns := make([]*conn, len(all))
	errs := make([]error, handshakes)
	var wg sync.WaitGroup
	for w := range handshakes {
		wg.Go(func() {
			for i := w; i < len(all) && errs[w] == nil; i += handshakes {
				conns[i], errs[w] = d.dial(all[i])
			}
		})
	}
	wg.Wait()
	for _, c := range conns {
		if c != nil {
			d.conns = append(d.conns, c)
		}
	}
	return errors.Join(errs...)
}

func (d *Driver) watch(op, i int, events uint32) error {
	e := syscall.EpollEvent{Events: events, Fd: int32(i)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(d.epoll, op, d.conns[i].fd, &e))
}

// Close ends all connections.
func (d *Driver) Close() {
	for _, c := range d.conns {
		if c.fd >= 0 {
			_ = syscall.Close(c.fd)
		}
	}
	_ = syscall.Close(d.epoll)
}

func (d *Driver) now() int64 { return int64(time.Since(d.start)) }

// publish sends one message to a room over the publisher of a pod.
func (d *Driver) publish(pod, room int, due int64) {
	s := stamp{publisher: pod, sequence: d.sequences[room][pod], due: due}
	d.sequences[room][pod]++
	d.payload = appendPayload(d.payload[:0], s, d.size)
	d.text = d.protocol.publish(d.text[:0], d.rooms[room], uint32(d.sent), d.payload)
	d.frame = appendFrame(d.frame[:0], opText, d.text)
	d.write(len(d.conns)-len(d.publishers)+pod, d.frame)
	d.sent++
	d.expected += int64(d.members[room])
}

func (d *Driver) fail(i int, err error) {
	c := d.conns[i]
	if c.fd < 0 {
		return
	}
	_ = syscall.Close(c.fd)
	c.fd = -1
	d.lostConns++
	if d.lost == nil {
		d.lost = fmt.Errorf("connection to %s is lost: %w", d.addrs[c.Pod], err)
	}
}
