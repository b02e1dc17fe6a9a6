package controlplane

import (
	"net"
	"strings"
	"sync"
)

// gate is a client's way to the API server, which can be cut as a network can: connections stay, nothing passes any more, and
// nobody is told.
type gate struct {
	listener net.Listener
	server   string
	closed   sync.RWMutex // held for reading while bytes pass; to cut is to take it and keep it
}

// newGate listens on a port of its own; server is https://HOST:PORT.
func newGate(server string) (*gate, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gate{listener: listener, server: strings.TrimPrefix(server, "https://")}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go g.serve(client)
		}
	}()
	return g, nil
}

func (g *gate) serve(client net.Conn) {
	server, err := net.Dial("tcp", g.server)
	if err != nil {
		client.Close()
		return
	}
	go g.pump(server, client)
	g.pump(client, server)
}

func (g *gate) pump(to, from net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		g.closed.RLock()
		_, failed := to.Write(buffer[:n])
		g.closed.RUnlock()
		if err != nil || failed != nil {
			return
		}
	}
}

func (g *gate) cut() { g.closed.Lock() }
