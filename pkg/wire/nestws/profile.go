package nestws

import "fmt"

// Profile says which major version of NestJS a server answers like.
type Profile int

const (
	// V12 sends an exception frame for a failed handler (NestJS 12).
	V12 Profile = iota
	// V11 is silent about failures (NestJS 10 and 11).
	V11
)

// ParseProfile returns the profile of a name, "nest-ws@12" or "nest-ws@11".
func ParseProfile(name string) (Profile, error) {
	switch name {
	case "nest-ws@12":
		return V12, nil
	case "nest-ws@11":
		return V11, nil
	}
	return 0, fmt.Errorf("unknown profile %q: use nest-ws@12 or nest-ws@11", name)
}

// String returns the name that ParseProfile takes.
func (p Profile) String() string {
	if p == V11 {
		return "nest-ws@11"
	}
	return "nest-ws@12"
}
