package validate

import (
	"math/big"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var english = message.NewPrinter(language.English)

// explain returns where the first thing that is wrong is, as a JSON Pointer, and
// what. It never repeats the client's data, which may end up in a log.
func explain(e *jsonschema.ValidationError) (pointer, problem string) {
	for len(e.Causes) > 0 {
		e = e.Causes[0]
	}
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		at = append(at[:len(at):len(at)], k.Missing[0])
		problem = "is missing"
	case *kind.Pattern:
		problem = "does not match the pattern " + k.Want
	case *kind.Format:
		problem = "is not a valid " + k.Want
	case *kind.Minimum:
		problem = "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		problem = "must be at most " + decimal(k.Want)
	case *kind.ExclusiveMinimum:
		problem = "must be more than " + decimal(k.Want)
	case *kind.ExclusiveMaximum:
		problem = "must be less than " + decimal(k.Want)
	case *kind.MultipleOf:
		problem = "must be a multiple of " + decimal(k.Want)
	case *kind.AdditionalProperties:
		problem = "has members that are not allowed"
	case *kind.PropertyNames:
		problem = "has a member with a name that is not allowed"
	case *kind.Type, *kind.Enum, *kind.Const, *kind.MinLength, *kind.MaxLength, *kind.MinItems, *kind.MaxItems:
		problem = k.LocalizedString(english)
	default:
		problem = "does not match the schema at " + strings.Join(e.ErrorKind.KeywordPath(), "/")
	}
	return jsonPointer(at), problem
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return english.Sprint(f)
}

var escape = strings.NewReplacer("~", "~0", "/", "~1")

func jsonPointer(path []string) string {
	var b strings.Builder
	for _, token := range path {
		b.WriteByte('/')
		b.WriteString(escape.Replace(token))
	}
	return b.String()
}
