package loadgen

// Environment is where a run was made. Figures of different environments are
// compared with a warning.
type Environment struct {
	Version   string  // of rtk
	Go        string  // version of the toolchain
	OS        string  // linux/amd64
	CPU       string  // model of the processor, "" if not known
	Cores     int     // of the machine
	CPULimit  float64 // cores that the process may use, of GOMAXPROCS and the control group
	Memory    int64   // bytes that the process may use: of the machine, or of the control group
	OpenFiles int64   // limit of open files, 0 if not known
	Host      string  // short digest of the machine's name
	CI        string  // name of the CI system, "" outside of one
}

// jsonEnvironment is Environment in the report.
type jsonEnvironment struct {
	Version   string  `json:"rtk" doc:"Version of rtk."`
	Go        string  `json:"go" doc:"Version of the Go toolchain."`
	OS        string  `json:"os" doc:"Operating system and architecture."`
	CPU       string  `json:"cpu" doc:"Model of the processor, empty if not known."`
	Cores     int     `json:"cores" doc:"Cores of the machine."`
	CPULimit  float64 `json:"cpu_limit" doc:"Cores that rtk could use."`
	Memory    int64   `json:"memory_bytes" doc:"Memory that rtk could use, 0 if not known."`
	OpenFiles int64   `json:"open_files" doc:"Limit of open files, 0 if not known."`
	Host      string  `json:"host" doc:"Short digest of the machine's name: tells machines apart and names none."`
	CI        string  `json:"ci" doc:"Name of the CI system, empty outside of one."`
}
