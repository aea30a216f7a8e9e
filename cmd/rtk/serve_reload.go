package main

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/realtime-toolkit/rtk/pkg/server"
	"github.com/realtime-toolkit/rtk/pkg/server/auth"
)

// SIGHUP reads the configuration again. Nothing changes when any of it is wrong.

// reloadable are the flags that a running pod can change, besides those of
// tokens.
var reloadable = []string{
	"throttle", "throttle-burst", "throttle-strikes", "throttle-limit", "throttle-event", "throttle-dry-run",
	"origins", "policy", "log-level",
}

// ofTokens reports whether a flag is one of the verifier's.
func ofTokens(name string) bool {
	return strings.HasPrefix(name, "jwt-") || name == "jwks" || name == "issuer"
}

// reloadSignals delivers SIGHUP, never where the Env has no such signal.
func reloadSignals(env *Env) (signals <-chan os.Signal, stop func()) {
	if env.NotifyReload == nil {
		return nil, func() {}
	}
	return env.NotifyReload()
}

// valuesOf returns a function that gives the text of all flags of a command.
func valuesOf(cmd *cobra.Command) func() map[string]string {
	return func() map[string]string {
		m := map[string]string{}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { m[f.Name] = f.Value.String() })
		return m
	}
}

// rereader is called when cmd has nothing but its command line. What it returns
// makes flags anew from that, the environment and the file as it is then.
func rereader(env *Env, cmd *cobra.Command) func() (*serveFlags, error) {
	given := map[string]string{}
	lists := map[string][]string{}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok {
			lists[f.Name] = slices.Clone(list.GetSlice())
		}
		given[f.Name] = f.Value.String()
	})
	return func() (*serveFlags, error) {
		fresh, f := newServeCmdFlags(env, nil)
		for name, value := range given {
			flag := fresh.Flags().Lookup(name)
			if flag == nil {
				continue // of the root, such as --color
			}
			var err error
			if list, ok := flag.Value.(pflag.SliceValue); ok {
				err = list.Replace(lists[name])
			} else {
				err = flag.Value.Set(value)
			}
			if err != nil {
				return nil, fmt.Errorf("read --%s again: %w", name, maskValue(flag, err, value))
			}
			flag.Changed = true
		}
		if err := bindFlagsLike(env, fresh, cmd); err != nil {
			return nil, err
		}
		f.changed, f.values = fresh.Flags().Changed, valuesOf(fresh)
		var err error
		f.routing, err = loadRouting(env, cmd)
		return f, err
	}
}

// reloader changes a running pod.
type reloader struct {
	env *Env
	f   *serveFlags // as the pod was started
	pod *pod
	log *slog.Logger

	inForce  map[string]string // values of the flags
	keys     string            // keyPrint of the keys in force
	nextKeys string            // of those that prepare has read
	terminal bool              // logs went to a terminal at the start
}

func newReloader(env *Env, f *serveFlags, p *pod) *reloader {
	r := &reloader{env: env, f: f, pod: p, log: p.log, terminal: env.IsTerminal(env.Stderr)}
	if f.values != nil {
		r.inForce = f.values()
	}
	r.keys, _ = f.keyPrint(env) // the start has read them
	return r
}

// hungUp reports whether SIGHUP means what its name says: the terminal that the
// program was started on is gone.
func (r *reloader) hungUp() bool { return r.terminal && !r.env.IsTerminal(r.env.Stderr) }

// reload applies what can be applied of the configuration as it is now, and
// names the rest. It is called by one goroutine.
func (r *reloader) reload() {
	next, opts, verifier, err := r.prepare()
	if err != nil {
		r.log.Error("reload refused, the configuration in force stays", "error", oneLine(err))
		return
	}
	services, policyChanged, err := r.reconfigure(next, opts)
	if err != nil {
		r.log.Error("reload refused, the configuration in force stays", "error", oneLine(err))
		if verifier != nil {
			verifier.Close()
		}
		return
	}
	changed, restart := r.compare(next)
	if policyChanged && !slices.Contains(changed, "policy") {
		changed = append(changed, "policy")
	}
	if services != nil {
		if err := services.commit(); err != nil {
			restart = append(restart, "services ("+oneLine(err)+")")
		} else {
			changed = append(changed, "services")
		}
	}
	if verifier != nil {
		r.pod.verifier.Replace(verifier)
		r.keys = r.nextKeys
		if !slices.ContainsFunc(changed, ofTokens) {
			changed = append(changed, "keys")
		}
	}
	r.f.level.Set(next.level.Level())
	if c := r.pod.certs; c != nil {
		if err := c.reload(); err != nil {
			r.log.Error("the changed certificate can't be used, the old one stays in force", "error", err)
		}
	}
	r.log.Info("configuration reloaded", "changed", strings.Join(changed, ", "))
	if len(restart) > 0 {
		r.log.Warn("changed, but needs a restart", "settings", strings.Join(restart, ", "))
	}
}

// reconfigure changes the gateway, or on an error nothing. services are ready to
// come into force, nil when they are as they were.
func (r *reloader) reconfigure(next *serveFlags, opts server.Options) (services *staged, policyChanged bool, err error) {
	if out := r.pod.outside; out.config.differs(next.routing) {
		if services, err = out.stage(next.routing); err != nil {
			return nil, false, err
		}
	}
	live := r.pod.gateway.Live()
	if policyChanged = !live.Policy.Equal(opts.Policy); policyChanged {
		live.Policy = opts.Policy
	}
	live.Throttle, live.ThrottleStrikes, live.Origins = opts.Throttle, opts.ThrottleStrikes, opts.Origins
	live.Rules, live.DryRun = opts.Limits.Rules, opts.Limits.DryRun
	if err := r.pod.gateway.Reconfigure(live); err != nil {
		services.abandon()
		return nil, false, err
	}
	return services, policyChanged, nil
}

// prepare reads and checks everything. The verifier is nil when the keys are as
// they were.
func (r *reloader) prepare() (next *serveFlags, opts server.Options, verifier *auth.Verifier, err error) {
	if next, err = r.f.reread(); err != nil {
		return nil, opts, nil, err
	}
	if opts, err = next.options(r.env); err != nil {
		return nil, opts, nil, err
	}
	if _, err = next.logger(r.env); err != nil { // sets the level
		return nil, opts, nil, err
	}
	print, err := next.keyPrint(r.env)
	if err != nil || print == r.keys {
		return next, opts, nil, err
	}
	if r.pod.verifier == nil {
		return next, opts, nil, nil // compare says that it needs a restart
	}
	if verifier, err = next.verifier(r.env, r.log); err != nil {
		return nil, opts, nil, err
	}
	if verifier == nil {
		return nil, opts, nil, usagef("no key is left: a running gateway is not opened to everybody, restart it")
	}
	r.nextKeys = print
	return next, opts, verifier, nil
}

// compare names the flags whose value differs from the one in force: those that
// next brings into force, and those that need a restart.
func (r *reloader) compare(next *serveFlags) (changed, restart []string) {
	values := next.values()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if values[name] == r.inForce[name] {
			continue
		}
		if slices.Contains(reloadable, name) || ofTokens(name) && r.pod.verifier != nil {
			changed = append(changed, name)
			r.inForce[name] = values[name]
		} else {
			restart = append(restart, name)
		}
	}
	return changed, restart
}

// keyPrint is a fingerprint of everything that the verifier is made of, "" for
// none. It holds no secret.
func (f *serveFlags) keyPrint(env *Env) (string, error) {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(f.values())) {
		if ofTokens(name) {
			fmt.Fprintf(h, "%s=%q\n", name, f.values()[name])
		}
	}
	if f.changed("jwt-secret") {
		secret, err := f.secret(env, "jwt-secret", f.jwtSecret)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q\n", secret)
	}
	if f.changed("jwt-key") {
		keys, err := readKeyFile(f.jwtKey)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%q\n", keys)
	}
	issuers, err := issuersOf(env, f.issuers)
	if err != nil {
		return "", err
	}
	for _, i := range issuers {
		fmt.Fprintf(h, "%q %q\n", i.Secret, i.Keys)
	}
	return string(h.Sum(nil)), nil
}

// oneLine joins the lines of an error, so that a log has it whole.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
