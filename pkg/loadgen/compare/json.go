package compare

import (
	"bytes"
	"encoding/json"
	"io"
)

// WriteJSON writes the result as JSON, described by Schema.
func (res *Result) WriteJSON(w io.Writer) error {
	b, err := json.MarshalIndent(res, "", "  ")
	if err != nil {
		return err
	}
	b = bytes.ReplaceAll(b, []byte("##["), []byte(`#\u0023[`)) // no command to a CI runner
	_, err = w.Write(append(b, '\n'))
	return err
}
