package main

import (
	"bytes"

	"github.com/realtime-toolkit/rtk/pkg/loadgen"
)

// checkpointer writes the partial reports of a scenario that asks for them. It
// fails before the run where the file can't be written.
func checkpointer(sc *loadgen.Scenario) (func(*loadgen.Report) error, error) {
	if sc.Checkpoint == nil {
		return nil, nil
	}
	file := sc.Checkpoint.File
	if err := checkWritable(sc.Checkpoint.Pos.String()+": checkpoint", []string{file}); err != nil {
		return nil, err
	}
	return func(r *loadgen.Report) error {
		var b bytes.Buffer
		if err := loadgen.WriteJSON(&b, []*loadgen.Report{r}); err != nil {
			return err
		}
		return writeFile(file, b.Bytes())
	}, nil
}
