package main

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
)

// newDevRedisCmd is the embedded Redis of `rtk bench` without a target: an
// in-memory server for development, in a process of its own so that its cost
// does not count as the generator's. One slow reader can stop it (it writes
// under a global lock): it is no Redis for production.
func newDevRedisCmd(env *Env) *cobra.Command {
	listen := ""
	cmd := &cobra.Command{
		Use:    "dev-redis",
		Short:  "An in-memory Redis for development",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(cmd.Context(), env)
			defer stop()
			m := miniredis.NewMiniRedis()
			if err := m.StartAddr(listen); err != nil {
				return fmt.Errorf("start the embedded redis: %w", err)
			}
			defer m.Close()
			fmt.Fprintf(env.Stdout, "rtk: embedded redis for development on redis://%s\n", m.Addr())
			<-ctx.Done()
			return nil
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "`ADDRESS` to listen at")
	return cmd
}

// untilSignal returns a context that the first SIGINT or SIGTERM cancels.
func untilSignal(ctx context.Context, env *Env) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	signals, stop := env.Notify()
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, func() { stop(); cancel() }
}
