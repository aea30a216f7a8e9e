// Package loadgen is the load engine of rtk bench: it reads a scenario,
// drives clients at the scenario's targets and returns a report with a
// verdict.
//
// It opens no socket itself (it is handed an rt.Dialer), prints nothing and
// reads no environment (it is handed a lookup function). It imports pkg/rt
// and nothing else of this module.
//
//	sc, diags := loadgen.Parse("chat.yaml", src, os.LookupEnv)
//	plan, err := loadgen.Compile(sc, loadgen.CompileOptions{})
//	rep, err := loadgen.Run(ctx, plan, loadgen.Options{Dialer: d})
//	os.Exit(rep.Verdict.ExitCode())
package loadgen
