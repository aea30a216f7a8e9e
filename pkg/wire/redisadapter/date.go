package redisadapter

import (
	"encoding/binary"
	"fmt"
	"time"
)

func be64(b []byte) uint64 { return binary.BigEndian.Uint64(b) }

// parseTimestamp decodes MessagePack's timestamp extension, 4, 8 or 12 bytes.
func parseTimestamp(data []byte) (time.Time, bool) {
	switch len(data) {
	case 4:
		return time.Unix(int64(binary.BigEndian.Uint32(data)), 0), true
	case 8:
		v := be64(data)
		return time.Unix(int64(v&(1<<34-1)), int64(v>>34)), true
	case 12:
		return time.Unix(int64(be64(data[4:])), int64(binary.BigEndian.Uint32(data))), true
	}
	return time.Time{}, false
}

// maxDate is the last second of a JavaScript Date (ECMAScript, time values).
const maxDate = 8_640_000_000_000

// appendDate writes a date as JSON.stringify does: ISO 8601 in UTC with
// milliseconds, years beyond 9999 and before 0 with a sign and six digits; null
// when no JavaScript Date can hold it.
func appendDate(dst []byte, t time.Time) []byte {
	if s := t.Unix(); s > maxDate || s < -maxDate || s == maxDate && t.Nanosecond() >= int(time.Millisecond) {
		return append(dst, "null"...)
	}
	t = t.UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		dst = fmt.Appendf(dst, `"%+07d`, y)
	} else {
		dst = fmt.Appendf(dst, `"%04d`, y)
	}
	return t.AppendFormat(dst, `-01-02T15:04:05.000Z"`)
}
