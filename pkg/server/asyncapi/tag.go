package asyncapi

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// apply sets what a schema tag says.
func (s *Schema) apply(tag string, t reflect.Type) (optional bool, err error) {
	for tag != "" {
		var item string
		if strings.HasPrefix(tag, "pattern=") {
			item, tag = tag, ""
		} else {
			item, tag, _ = strings.Cut(tag, ",")
		}
		if item == "optional" {
			optional = true
			continue
		}
		key, value, _ := strings.Cut(item, "=")
		if err := s.set(key, value, t); err != nil {
			return false, fmt.Errorf("schema tag %q: %w", item, err)
		}
	}
	return optional, nil
}

func (s *Schema) set(key, value string, t reflect.Type) error {
	switch key {
	case "pattern":
		s.Pattern = value
	case "format":
		s.Format = value
	case "enum":
		for v := range strings.SplitSeq(value, "|") {
			c, err := constant(v, t)
			if err != nil {
				return err
			}
			s.Enum = append(s.Enum, c)
		}
	case "example":
		c, err := constant(value, t)
		if err != nil {
			return err
		}
		s.Examples = append(s.Examples, c)
	case "minimum":
		return number(&s.Minimum, value)
	case "maximum":
		return number(&s.Maximum, value)
	case "minLength":
		return count(&s.MinLength, value)
	case "maxLength":
		return count(&s.MaxLength, value)
	case "minItems":
		return count(&s.MinItems, value)
	case "maxItems":
		return count(&s.MaxItems, value)
	default:
		return fmt.Errorf("unknown key %q", key)
	}
	return nil
}

// constant is a value in a tag as the field's type has it.
func constant(v string, t reflect.Type) (any, error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Bool:
		return strconv.ParseBool(v)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64:
		var n json.Number
		err := number(&n, v)
		return n, err
	}
	return v, nil
}

func number(dst *json.Number, v string) error {
	if _, err := strconv.ParseFloat(v, 64); err != nil || !json.Valid([]byte(v)) {
		return fmt.Errorf("%q is not a number", v)
	}
	*dst = json.Number(v)
	return nil
}

func count(dst **int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is not a count", v)
	}
	*dst = &n
	return nil
}
