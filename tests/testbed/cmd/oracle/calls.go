package main

import (
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
)

// call is one successful or refused write, named as the protocol names it.
type call struct {
	Op       string `json:"op"`
	Name     string `json:"name"`
	Revision string `json:"revision,omitempty"`

	phase phase
}

// phase is the part of a sync that made a call. Under Parallel the calls of one part come from many goroutines.
type phase int

const (
	revisions phase = iota
	replicas
	condemnedClaims
	condemned
	rollingUpdate
	truncate
)

type calls struct {
	mu   sync.Mutex
	list []call
}

func (c *calls) add(op, name, revision string) {
	p := caller()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, call{op, name, revision, p})
}

// caller finds the phase in the stack of the goroutine that writes. The names are those of the controller's functions;
// what none of them called is the rolling update, which is the body of updateStatefulSet itself.
func caller() phase {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	found := rollingUpdate
	for {
		frame, more := frames.Next()
		switch name := frame.Function; {
		case strings.HasSuffix(name, ".processReplica"):
			return replicas
		case strings.HasSuffix(name, ".processCondemned"):
			return condemned
		case strings.HasSuffix(name, ".getStatefulSetRevisions"):
			return revisions
		case strings.HasSuffix(name, ".truncateHistory"):
			return truncate
		case strings.HasSuffix(name, ".UpdatePodClaimForRetentionPolicy"):
			// Phase A calls it too, but then processReplica is further up.
			found = condemnedClaims
		}
		if !more {
			return found
		}
	}
}

// inOrder puts the calls of one phase in a fixed order: by ordinal, and the claims of one pod (the controller walks a
// map of them) by name. What one ordinal did keeps its order, and so does what comes from a single goroutine.
func (c *calls) inOrder() []call {
	sort.SliceStable(c.list, func(i, j int) bool {
		a, b := c.list[i], c.list[j]
		if a.phase != b.phase {
			return a.phase < b.phase
		}
		switch a.phase {
		case replicas:
			return ordinal(a.Name) < ordinal(b.Name)
		case condemnedClaims, condemned:
			return ordinal(a.Name) > ordinal(b.Name)
		default:
			return false
		}
	})
	for start := 0; start < len(c.list); start++ {
		end := start
		for end < len(c.list) && c.list[end].Op == "createClaim" && ordinal(c.list[end].Name) == ordinal(c.list[start].Name) {
			end++
		}
		run := c.list[start:max(start, end)]
		sort.SliceStable(run, func(i, j int) bool { return run[i].Name < run[j].Name })
		start = max(start, end-1)
	}
	if c.list == nil {
		return []call{}
	}
	return c.list
}

func ordinal(name string) int {
	n, err := strconv.Atoi(name[strings.LastIndexByte(name, '-')+1:])
	if err != nil {
		return -1
	}
	return n
}
