package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile puts a file in place as a whole: who reads it sees the old one or
// the new one, and a write that fails leaves the old one. What is no regular
// file, such as /dev/stdout or a pipe, is written to as it is.
func writeFile(path string, data []byte) error {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return os.WriteFile(path, data, 0o644)
	}
	// The link stays a link.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".rtk-*")
	if err != nil {
		return unwrapTemp(err, path)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(modeFor(path)), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// modeFor keeps the permissions of a file that is replaced.
func modeFor(path string) fs.FileMode {
	if st, err := os.Stat(path); err == nil {
		return st.Mode().Perm()
	}
	return 0o644
}

// unwrapTemp speaks of the file that was asked for, not of the temporary one.
func unwrapTemp(err error, path string) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &fs.PathError{Op: "write", Path: path, Err: e.Err}
	}
	return err
}

// checkWritable finds out before a run whether its reports can be written
// after it. flag is where the paths are from, for messages.
func checkWritable(flag string, paths []string) error {
	for _, path := range paths {
		if err := writable(path); err != nil {
			return usagef("%s %s: %w", flag, path, err)
		}
	}
	return nil
}

func writable(path string) error {
	dir := filepath.Dir(path)
	switch st, err := os.Stat(path); {
	case err == nil && st.IsDir():
		return errors.New("is a folder")
	case err == nil && !st.Mode().IsRegular():
		return nil
	}
	if st, err := os.Stat(dir); err != nil || !st.IsDir() {
		return errors.New("there is no folder " + dir)
	}
	f, err := os.CreateTemp(dir, ".rtk-*")
	if err != nil {
		if e, ok := errors.AsType[*fs.PathError](err); ok {
			err = e.Err
		}
		return errors.New("can't write in " + dir + ": " + err.Error())
	}
	f.Close()
	return os.Remove(f.Name())
}
