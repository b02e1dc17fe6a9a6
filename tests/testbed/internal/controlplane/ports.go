package controlplane

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// Ports are taken below the range that the kernel hands out for outgoing connections, so that no
// neighbour's connection sits on one before its owner listens.
const firstPort, portCount = 20000, 12000

// openFileLock is F_OFD_SETLK: a lock that belongs to the open file, not to the process, because
// one process may run two control planes.
const openFileLock = 37

// ports are free ones that no other control plane takes as long as the file is open: each is a
// locked byte of one file, since between finding a port and listening on it seconds may pass.
type ports struct {
	file    *os.File
	numbers []int
}

func takePorts(n int) (*ports, error) {
	file, err := os.OpenFile(filepath.Join(Base(), "ports"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	p := &ports{file: file}
	if _, err := p.more(n); err != nil {
		file.Close()
		return nil, err
	}
	return p, nil
}

// more takes n further ones.
func (p *ports) more(n int) ([]int, error) {
	var found []int
	for range 1000 {
		port := firstPort + rand.IntN(portCount)
		lock := syscall.Flock_t{Type: syscall.F_WRLCK, Start: int64(port), Len: 1}
		if slices.Contains(p.numbers, port) || syscall.FcntlFlock(p.file.Fd(), openFileLock, &lock) != nil {
			continue
		}
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		listener.Close()
		p.numbers = append(p.numbers, port)
		if found = append(found, port); len(found) == n {
			return found, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports on 127.0.0.1", n)
}
