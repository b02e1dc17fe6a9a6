package controlplane

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Base is the folder that holds the folders of all running control planes of this user.
func Base() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("kubectl-sts-testbed-%d", os.Getuid()))
}

// Folder is a run's own folder. It is locked as long as its owner lives; the kernel drops the lock
// with the process, so a folder that can be locked belongs to nobody and may be removed.
type Folder struct {
	Path string
	lock *os.File
}

// NewFolder removes what killed runs left behind and makes a folder: `name` itself when exact,
// otherwise name and something unique.
func NewFolder(name string, exact bool) (*Folder, error) {
	if err := os.MkdirAll(Base(), 0o700); err != nil {
		return nil, err
	}
	// Held while folders appear and disappear, so that no sweep sees one that is not locked yet.
	gate, err := lockFile(filepath.Join(Base(), "lock"), true)
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	sweep()
	path := filepath.Join(Base(), name)
	if exact {
		err = os.Mkdir(path, 0o700)
	} else {
		path, err = os.MkdirTemp(Base(), name+"-")
	}
	if err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(path, "lock"), false)
	if err != nil {
		return nil, err
	}
	return &Folder{Path: path, lock: lock}, nil
}

// Remove removes the folder and then gives up its lock.
func (f *Folder) Remove() {
	_ = os.RemoveAll(f.Path)
	_ = f.lock.Close()
}

// InUse says whether the owner of a folder is alive.
func InUse(path string) bool {
	lock, err := lockFile(filepath.Join(path, "lock"), false)
	if err == nil {
		lock.Close()
	}
	return errors.Is(err, syscall.EWOULDBLOCK)
}

func sweep() {
	entries, _ := os.ReadDir(Base())
	for _, entry := range entries {
		path := filepath.Join(Base(), entry.Name())
		if entry.IsDir() && !InUse(path) {
			_ = os.RemoveAll(path)
		}
	}
}

func lockFile(path string, wait bool) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	if err := syscall.Flock(int(file.Fd()), how); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
