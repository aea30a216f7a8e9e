package nestws

import "github.com/realtime-toolkit/rtk/pkg/wire/rawjson"

// InternalError is the message that NestJS gives for an error it doesn't know.
const InternalError = "Internal server error"

// AppendException appends the frame of a failure that has a message. pattern and
// data are the event and the data of the request that failed; data is JSON and
// left out when empty. Profile V11 sends nothing: dst comes back as it was.
func AppendException(dst []byte, p Profile, message, pattern string, data []byte) []byte {
	if p == V11 {
		return dst
	}
	dst = append(dst, `{"event":"exception","data":{"status":"error","message":`...)
	dst = rawjson.AppendQuote(dst, message)
	dst = append(dst, `,"cause":{"pattern":`...)
	dst = rawjson.AppendQuote(dst, pattern)
	dst = appendData(dst, data)
	return append(dst, "}}"...)
}

// AppendExceptionObject appends the frame of a failure that brings its own JSON
// object, verbatim, without status and cause. Profile V11 sends nothing.
func AppendExceptionObject(dst []byte, p Profile, object []byte) []byte {
	if p == V11 {
		return dst
	}
	return Append(dst, ExceptionEvent, object)
}
