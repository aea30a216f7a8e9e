package redisadapter

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/realtime-toolkit/rtk/pkg/wire/rawjson"
	"github.com/realtime-toolkit/rtk/pkg/wire/socketio"
)

var errJSON = errors.New("not valid JSON")

// decodeJSON reads a message in JSON. What was walked over once is valid, so
// only the outermost walk can fail for its syntax.
func (m *ClusterMessage) decodeJSON(msg []byte, dataOnly bool) error {
	msg = bytes.TrimRight(msg, " \n\r\t")
	if len(msg) == 0 || msg[len(msg)-1] != '}' || !rawjson.Valid(msg) {
		return errJSON
	}
	if dataOnly {
		return m.jsonData(msg)
	}
	var data []byte
	err := eachMember(msg, func(key, v []byte) (err error) {
		switch {
		case rawjson.KeyIs(key, "type"):
			t, err := jsonInt(v)
			if err != nil || t < 0 || !ClusterType(min(t, 255)).valid() {
				return errType
			}
			m.Type = ClusterType(t)
		case rawjson.KeyIs(key, "data"):
			data = v
		case rawjson.KeyIs(key, "uid"):
			m.UID, err = jsonText(v)
		case rawjson.KeyIs(key, "nsp"):
			m.Namespace, err = jsonText(v)
		}
		return err
	})
	if err != nil {
		return err
	}
	return m.jsonData(data)
}

func (m *ClusterMessage) jsonData(data []byte) error {
	return eachMember(data, func(key, v []byte) (err error) {
		if isNull(v) && !rawjson.KeyIs(key, "packet") {
			return nil
		}
		switch {
		case rawjson.KeyIs(key, "requestId"):
			m.RequestID, err = jsonText(v)
		case rawjson.KeyIs(key, "opts") && m.Type.hasOptions():
			err = m.jsonOptions(v)
		case rawjson.KeyIs(key, "packet") && m.Type == ClusterBroadcast:
			err = m.jsonPacket(v)
		case rawjson.KeyIs(key, "packet") && (m.Type.isEvent() || m.Type.isValue()):
			m.Args = v
		case rawjson.KeyIs(key, "rooms"):
			m.Targets, err = jsonNames(v)
		case rawjson.KeyIs(key, "close"):
			m.Close = v[0] == 't'
		case rawjson.KeyIs(key, "clientCount"):
			var n int64
			n, err = jsonInt(v)
			m.Clients = int(min(max(n, -1), 1<<31-1))
		case rawjson.KeyIs(key, "sockets"):
			err = m.jsonSockets(v)
		}
		return err
	})
}

func (m *ClusterMessage) jsonPacket(packet []byte) error {
	return eachMember(packet, func(key, v []byte) error {
		switch {
		case rawjson.KeyIs(key, "type"):
			t, err := jsonInt(v)
			if err != nil || socketio.Type(t) != socketio.Event && socketio.Type(t) != socketio.BinaryEvent {
				return fmt.Errorf("packet type %.20s is not an event", v)
			}
		case rawjson.KeyIs(key, "data"):
			m.Args = v
		}
		return nil
	})
}

func (m *ClusterMessage) jsonOptions(opts []byte) error {
	return eachMember(opts, func(key, v []byte) (err error) {
		switch {
		case rawjson.KeyIs(key, "rooms"):
			m.Rooms, err = jsonNames(v)
		case rawjson.KeyIs(key, "except"):
			m.Except, err = jsonNames(v)
		case rawjson.KeyIs(key, "flags") && !isNull(v):
			err = m.jsonFlags(v)
		}
		return err
	})
}

func (m *ClusterMessage) jsonFlags(flags []byte) error {
	return eachMember(flags, func(key, v []byte) error {
		switch {
		case rawjson.KeyIs(key, "volatile"):
			m.Volatile = v[0] == 't'
		case rawjson.KeyIs(key, "compress"):
			m.Compress, m.NoCompress = v[0] == 't', v[0] == 'f'
		case rawjson.KeyIs(key, "timeout"):
			if ms, err := jsonInt(v); err == nil {
				m.Timeout = timeout(ms)
			}
		}
		return nil
	})
}

func (m *ClusterMessage) jsonSockets(list []byte) error {
	return eachElement(list, func(v []byte) error {
		if len(m.Sockets) == maxSockets {
			return errTooMany
		}
		var s Socket
		err := eachMember(v, func(key, v []byte) (err error) {
			switch {
			case rawjson.KeyIs(key, "id"):
				s.ID, err = jsonText(v)
			case rawjson.KeyIs(key, "handshake"):
				s.Handshake = v
			case rawjson.KeyIs(key, "rooms"):
				s.Rooms, err = jsonNames(v)
			case rawjson.KeyIs(key, "data"):
				s.Data = v
			}
			return err
		})
		if err == nil {
			err = s.complete()
		}
		m.Sockets = append(m.Sockets, s)
		return err
	})
}

// eachMember calls f with the members of a JSON object until its first error.
func eachMember(object []byte, f func(key, value []byte) error) error {
	var failed error
	ok := rawjson.Members(object, func(key, value []byte) bool {
		if err := f(key, value); err != nil {
			failed = fmt.Errorf("%.20s: %w", key, err)
		}
		return failed == nil
	})
	if failed == nil && !ok {
		return errors.New("not an object")
	}
	return failed
}

func eachElement(array []byte, f func(value []byte) error) error {
	var failed error
	ok := rawjson.Elements(array, func(value []byte) bool {
		failed = f(value)
		return failed == nil
	})
	if failed == nil && !ok {
		return errors.New("not an array")
	}
	return failed
}

// jsonInt reads a number as JavaScript's Number would hold it, without what is
// behind the point.
func jsonInt(v []byte) (int64, error) {
	if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
		return i, nil
	}
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || f > 1<<53 || f < -(1<<53) {
		return 0, fmt.Errorf("%.20s is not a number to use", v)
	}
	return int64(f), nil
}

func jsonText(v []byte) (string, error) {
	if v[0] != '"' {
		return "", fmt.Errorf("%.20s is not a string", v)
	}
	text, ok := rawjson.Text(v)
	if !ok {
		return "", errJSON
	}
	return string(text), nil
}

// jsonNames reads an array of rooms. JavaScript servers may use numbers as
// rooms; here they are text.
func jsonNames(v []byte) (names []string, err error) {
	if isNull(v) {
		return nil, nil
	}
	err = eachElement(v, func(v []byte) error {
		if len(names) == maxNames {
			return errTooMany
		}
		name := string(v)
		switch c := v[0]; {
		case c == '"':
			var err error
			if name, err = jsonText(v); err != nil {
				return err
			}
		case c != '-' && (c < '0' || c > '9'):
			return fmt.Errorf("room %.20s is not a string or a number", v)
		}
		names = append(names, name)
		return nil
	})
	return names, err
}
