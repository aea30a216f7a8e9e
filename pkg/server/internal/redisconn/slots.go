package redisconn

import (
	"net"
	"slices"
	"strconv"
	"strings"
)

// Slots is how many slots a Cluster has.
const Slots = 16384

// Slot returns the slot of a key or of a sharded channel: CRC16 of what is
// between the first braces, or of all of it (Redis Cluster specification, hash
// tags).
func Slot(key string) int {
	if i := strings.IndexByte(key, '{'); i >= 0 {
		if j := strings.IndexByte(key[i+1:], '}'); j > 0 {
			key = key[i+1 : i+1+j]
		}
	}
	var crc uint16
	for i := range len(key) {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^key[i]]
	}
	return int(crc) % Slots
}

// crcTable is CRC16 with the polynomial 0x1021 (XMODEM).
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()

// Map says which master has which slot. The map of what is no Cluster has one
// node for all slots. It doesn't change.
type Map struct {
	Nodes []string // addresses, sorted
	owner [Slots]int16
}

// SingleMap is the map of one server.
func SingleMap() *Map { return &Map{Nodes: []string{AnyNode}} }

// Single reports whether the map is that of one server, which never changes.
func (m *Map) Single() bool { return len(m.Nodes) == 1 && m.Nodes[0] == AnyNode }

// Node returns the address of the master of a slot, "" when it has none.
func (m *Map) Node(slot int) string {
	if i := m.owner[slot]; i >= 0 {
		return m.Nodes[i]
	}
	return ""
}

// parseSlots reads the answer to CLUSTER SLOTS that the node at addr gave.
func parseSlots(answer any, addr string) (*Map, bool) {
	list, ok := answer.([]any)
	if !ok || len(list) == 0 {
		return nil, false
	}
	asked, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, false
	}
	type slotRange struct {
		from, to int64
		node     string
	}
	m := new(Map)
	var ranges []slotRange
	for _, v := range list {
		entry, ok := v.([]any)
		if !ok || len(entry) < 3 {
			return nil, false
		}
		from, ok1 := entry[0].(int64)
		to, ok2 := entry[1].(int64)
		master, ok3 := entry[2].([]any)
		if !ok1 || !ok2 || !ok3 || from < 0 || to >= Slots || len(master) < 2 {
			return nil, false
		}
		host, _ := master[0].(string) // null or empty: where you asked
		port, ok := master[1].(int64)
		if !ok {
			return nil, false
		}
		if host == "" {
			host = asked
		}
		node := net.JoinHostPort(host, strconv.FormatInt(port, 10))
		ranges = append(ranges, slotRange{from, to, node})
		m.Nodes = append(m.Nodes, node)
	}
	slices.Sort(m.Nodes)
	m.Nodes = slices.Compact(m.Nodes)
	for i := range m.owner {
		m.owner[i] = -1
	}
	for _, r := range ranges {
		i, _ := slices.BinarySearch(m.Nodes, r.node)
		for s := r.from; s <= r.to; s++ {
			m.owner[s] = int16(i)
		}
	}
	return m, true
}
