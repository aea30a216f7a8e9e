package stats

// Service is a webhook or a pool of workers, as this pod has found it. Each call
// has one outcome: answered, which is not counted, or one of the others.
type Service struct {
	Name     string `json:"name"`
	Calls    uint64 `json:"calls"`    // handed to the service
	InFlight int64  `json:"inFlight"` // of these, without an outcome yet
	Rejected uint64 `json:"rejected"` // the service refused
	// Busy, Timeouts and Unavailable are the codes that clients got, Failed are
	// other errors.
	Busy        uint64 `json:"busy"`
	Timeouts    uint64 `json:"timeouts"`
	Unavailable uint64 `json:"unavailable"`
	Failed      uint64 `json:"failed"`
	// Refused were not handed over, because too many calls of their connection
	// waited. They are not among Calls.
	Refused uint64 `json:"refused"`
	// Breaker is "closed", "open" or "half-open", empty without a circuit breaker.
	Breaker string `json:"breaker,omitempty"`
}
