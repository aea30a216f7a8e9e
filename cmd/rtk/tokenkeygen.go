package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/realtime-toolkit/rtk/pkg/loadgen/mint"
)

const keygenLong = `Make a key for signing tokens.

For HS256 and its kin that is a random secret, for the other algorithms a key
pair in PEM form. With --out the private key or secret goes into that file,
readable by its owner only, and the public key into FILE.pub; a file that exists
is never overwritten. Without --out everything goes to standard output.`

// newTokenKeygenCmd is rtk token keygen.
func newTokenKeygenCmd(env *Env) *cobra.Command {
	var alg, out string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make a secret or a key pair",
		Long:  keygenLong,
		Example: `  rtk token keygen --out secret
  rtk token keygen --alg EdDSA --out dev.key
  rtk serve --jwt-key dev.key.pub`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := bindFlags(env, cmd); err != nil {
				return err
			}
			private, public, err := generate(alg)
			if err != nil {
				return usagef("--alg: %w", err)
			}
			if out == "" {
				_, err = env.Stdout.Write(append(private, public...))
				return err
			}
			return writeKeys(env.Stderr, out, private, public)
		},
	}
	cmd.Flags().StringVar(&alg, "alg", "HS256", "the `ALGORITHM` to sign with: "+strings.Join(mint.Algorithms, ", "))
	cmd.Flags().StringVar(&out, "out", "", "write to `FILE` and FILE.pub")
	_ = cmd.RegisterFlagCompletionFunc("alg", cobra.FixedCompletions(mint.Algorithms, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func generate(alg string) (private, public []byte, err error) {
	switch alg {
	case "HS256", "HS384", "HS512":
		return []byte(mint.GenerateSecret() + "\n"), nil, nil
	}
	return mint.GenerateKey(alg)
}

func writeKeys(log io.Writer, name string, private, public []byte) error {
	if err := writeNew(name, private, 0o600); err != nil {
		return err
	}
	if len(public) == 0 {
		fmt.Fprintf(log, "rtk: secret in %s\n", name)
		return nil
	}
	if err := writeNew(name+".pub", public, 0o644); err != nil {
		return errors.Join(err, os.Remove(name)) // half a pair helps nobody
	}
	fmt.Fprintf(log, "rtk: private key in %s, public key in %s.pub\n", name, name)
	return nil
}

func writeNew(name string, data []byte, mode os.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return hint(usagef("%s exists and is not overwritten", name), "choose another name, or remove it first")
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
