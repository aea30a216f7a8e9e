// Command rtk runs, loads and inspects real-time endpoints: `rtk serve` is a
// gateway, `rtk bench` a load generator with a verdict, `rtk watch` a terminal
// view. It is the only package of the module that touches the process: its
// arguments, environment, streams, signals and exit code.
package main

import (
	"context"
	"os"
)

func main() {
	env := newEnv()
	followParent(env)
	os.Exit(run(context.Background(), env, os.Args[1:]))
}
