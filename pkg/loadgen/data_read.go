package loadgen

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of a data file.
const (
	maxData    = 64 << 20
	maxRows    = 1 << 20
	maxColumns = 256
	maxCell    = 64 << 10
)

// LoadFiles reads what the scenario names: private keys and data. readFile
// gets each path as the file that names it means it, and must refuse files
// that are larger than MaxFile. Columns that templates name are checked here,
// when it is known which there are.
func (s *Scenario) LoadFiles(readFile func(path string) ([]byte, error)) error {
	if err := s.LoadKeys(readFile); err != nil {
		return err
	}
	for _, f := range s.Data {
		path := beside(f.filePos.File, f.File)
		src, err := readFile(path)
		if err == nil && len(src) > maxData {
			err = errors.New("larger than 64 MiB")
		}
		if err != nil {
			return fmt.Errorf("%s: data %q: %w", f.filePos, f.Name, err)
		}
		if err := f.read(path, src); err != nil {
			return err
		}
	}
	for _, u := range s.dataUses {
		f := s.feeder(u.feeder)
		if _, ok := f.index[u.column]; !ok {
			hint := ""
			if h := didYouMean(u.column, f.columns); h != "" {
				hint = " (" + h + ")"
			}
			return fmt.Errorf("%s: {{data.%s.%s}}: %s has no column %q%s", u.pos, u.feeder, u.column, f.File, u.column, hint)
		}
	}
	return s.dataSecrets()
}

// MaxFile bounds the files that LoadFiles reads.
const MaxFile = maxData

func (s *Scenario) feeder(name string) *Feeder {
	for _, f := range s.Data {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// dataSecrets adds the values of secret columns to those that are masked.
func (s *Scenario) dataSecrets() error {
	for _, f := range s.Data {
		secret := slices.Clone(f.Secret)
		for _, c := range secret {
			if _, ok := f.index[c]; !ok {
				return fmt.Errorf("%s: secret: %s has no column %q", f.secretPos, f.File, c)
			}
		}
		for _, c := range f.columns {
			if isSecretName(c) {
				secret = append(secret, c)
			}
		}
		for _, u := range s.dataUses {
			if u.feeder == f.Name && u.secret {
				secret = append(secret, u.column)
			}
		}
		slices.Sort(secret)
		for _, c := range slices.Compact(secret) {
			for i := f.index[c]; i < len(f.cells); i += len(f.columns) {
				if f.cells[i] != "" {
					s.Secrets = append(s.Secrets, f.cells[i])
				}
			}
		}
	}
	return nil
}

// read fills the table. Its errors name file and line.
func (f *Feeder) read(path string, src []byte) error {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	if !utf8.Valid(src) {
		p := invalidUTF8(src)
		return fmt.Errorf("%s:%d:%d: not valid UTF-8", path, p.Line, p.Column)
	}
	f.columns, f.index, f.cells = nil, map[string]int{}, nil
	var err error
	if f.jsonLines() {
		err = f.readJSONLines(path, src)
	} else {
		err = f.readCSV(path, src)
	}
	if err == nil && len(f.cells) == 0 {
		err = fmt.Errorf("%s: no rows, only a header", path)
		if len(f.columns) == 0 {
			err = fmt.Errorf("%s: empty", path)
		}
	}
	return err
}

func (f *Feeder) setColumns(where string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("%s: no columns", where)
	}
	if len(names) > maxColumns {
		return fmt.Errorf("%s: more than %d columns", where, maxColumns)
	}
	for i, name := range names {
		name = strings.TrimSpace(name)
		if name == "" || len(name) > 128 || strings.ContainsAny(name, "{}%") || name != printable(name) || strings.Contains(name, "\t") {
			return fmt.Errorf("%s: column %d has no name that fits into {{data.%s.COLUMN}}", where, i+1, f.Name)
		}
		if _, twice := f.index[name]; twice {
			return fmt.Errorf("%s: two columns are called %q", where, name)
		}
		f.index[name] = i
		f.columns = append(f.columns, name)
	}
	return nil
}

func (f *Feeder) readCSV(path string, src []byte) error {
	r := csv.NewReader(bytes.NewReader(src))
	r.Comma = f.Delimiter
	if r.Comma == 0 {
		r.Comma = ','
	}
	r.FieldsPerRecord = -1 // told apart below, with a better message
	r.TrimLeadingSpace = r.Comma != ' ' && r.Comma != '\t'
	if f.Fields != nil {
		if err := f.setColumns(path, f.Fields); err != nil {
			return err
		}
	}
	for first := true; ; first = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if pe, ok := errors.AsType[*csv.ParseError](err); ok {
			return fmt.Errorf("%s:%d:%d: %w", path, pe.Line, pe.Column, pe.Err)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		line, _ := r.FieldPos(0)
		where := fmt.Sprintf("%s:%d", path, line)
		switch {
		case first && f.Fields == nil:
			if err := f.setColumns(where, row); err != nil {
				return err
			}
			continue
		case first && f.SkipHeader:
			continue
		case len(row) != len(f.columns):
			return fmt.Errorf("%s: %d columns, want %d (%s)", where, len(row), len(f.columns), clip(strings.Join(f.columns, ", "), 80))
		}
		if err := f.addRow(where, row); err != nil {
			return err
		}
	}
}

func (f *Feeder) addRow(where string, row []string) error {
	if len(f.cells)/len(f.columns) >= maxRows {
		return fmt.Errorf("%s: more than %d rows", where, maxRows)
	}
	for i, c := range row {
		if len(c) > maxCell {
			return fmt.Errorf("%s: column %s is longer than 64 KiB", where, f.columns[i])
		}
	}
	f.cells = append(f.cells, row...)
	return nil
}

// readJSONLines reads one object a line. The first one says which columns
// there are; a later one that lacks one, or has more, is an error, since the
// client of that line would send something else than the rest.
func (f *Feeder) readJSONLines(path string, src []byte) error {
	line := 0
	for text := range bytes.SplitSeq(src, []byte("\n")) {
		line++
		text = bytes.TrimSpace(text)
		if len(text) == 0 {
			continue
		}
		where := fmt.Sprintf("%s:%d", path, line)
		names, values, err := jsonRow(text)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		if f.columns == nil {
			if err := f.setColumns(where, names); err != nil {
				return err
			}
		}
		row := make([]string, len(f.columns))
		seen := 0
		for i, name := range names {
			c, ok := f.index[name]
			if !ok {
				return fmt.Errorf("%s: %q is no field of the first line", where, clip(printable(name), 60))
			}
			row[c] = values[i]
			seen++
		}
		if seen < len(f.columns) {
			missing := slices.IndexFunc(f.columns, func(c string) bool { return !slices.Contains(names, c) })
			return fmt.Errorf("%s: %q is missing", where, f.columns[missing])
		}
		if err := f.addRow(where, row); err != nil {
			return err
		}
	}
	return nil
}

// jsonRow reads an object into names and texts, in order. Texts stay as they
// are, anything else is its JSON.
func jsonRow(text []byte) (names, values []string, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("want a JSON object on each line")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, fmt.Errorf("not valid JSON")
		}
		name, _ := key.(string)
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("%q is given twice", clip(printable(name), 60))
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, nil, fmt.Errorf("not valid JSON")
		}
		value := string(raw)
		if raw[0] == '"' {
			if err := json.Unmarshal(raw, &value); err != nil {
				return nil, nil, fmt.Errorf("not valid JSON")
			}
		} else {
			var b bytes.Buffer
			if json.Compact(&b, raw) == nil {
				value = b.String()
			}
		}
		names, values = append(names, name), append(values, value)
	}
	if _, err := d.Token(); err != nil {
		return nil, nil, fmt.Errorf("not valid JSON")
	}
	if d.More() || d.InputOffset() != int64(len(text)) {
		return nil, nil, errors.New("more than one JSON object in a line")
	}
	return names, values, nil
}
