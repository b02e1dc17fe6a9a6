// The oracle runs one sync of the real StatefulSet controller on states that come as JSON lines, and answers with
// the writes that this sync made. The Rust model (src/controller) must answer alike; see tests/differential.rs.
//
// It must not repair, default or reorder anything that the controller reads: what a state says is what the sync sees.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/klog/v2"
	// Both groups must be installed: without them defaulting and conversion silently do nothing.
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

// version is what this binary was linked against, such as v1.36.3; a state that asks for another minor version is an
// error.
var version = linked("k8s.io/kubernetes")

func linked(module string) string {
	info, _ := debug.ReadBuildInfo()
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}

// minor is the version without its patch level.
func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	return strings.Join(parts[:min(len(parts), 2)], ".")
}

type state struct {
	ID            json.RawMessage             `json:"id"`
	ServerVersion string                      `json:"serverVersion"`
	FeatureGates  map[string]bool             `json:"featureGates"`
	Now           time.Time                   `json:"now"`
	Set           *apps.StatefulSet           `json:"set"`
	Pods          []*v1.Pod                   `json:"pods"`
	Claims        []*v1.PersistentVolumeClaim `json:"claims"`
	Revisions     []*apps.ControllerRevision  `json:"revisions"`
}

type answer struct {
	ID     json.RawMessage         `json:"id"`
	Calls  []call                  `json:"calls"`
	Status *apps.StatefulSetStatus `json:"status"`
	Error  string                  `json:"error"`
}

func main() {
	klog.SetLogger(logr.Discard())
	// A sync makes much short-lived garbage and keeps nothing.
	debug.SetGCPercent(400)
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	lines := json.NewDecoder(in)
	write := json.NewEncoder(out)
	gates := newGates()
	for lines.More() {
		var s state
		if err := lines.Decode(&s); err != nil {
			fmt.Fprintln(os.Stderr, "oracle: not a state:", err)
			os.Exit(1)
		}
		if err := write.Encode(gates.sync(s)); err != nil {
			fmt.Fprintln(os.Stderr, "oracle:", err)
			os.Exit(1)
		}
		// Interactive use gets its answer at once; a batch is flushed when the input buffer ran dry.
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
	out.Flush()
}

// gates holds the defaults of all feature gates and which of them differ now. Gates belong to the process, so states
// run one after the other.
type gates struct{ defaults, changed map[string]bool }

func newGates() gates {
	g := gates{defaults: map[string]bool{}, changed: map[string]bool{}}
	for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		g.defaults[string(name)] = spec.Default
	}
	return g
}

func (g gates) set(wanted map[string]bool) error {
	change := map[string]bool{}
	for name, on := range wanted {
		if _, known := g.defaults[name]; !known {
			return fmt.Errorf("unknown feature gate %q", name)
		}
		if now, differs := g.changed[name]; (differs && now != on) || (!differs && g.defaults[name] != on) {
			change[name] = on
		}
	}
	for name, now := range g.changed {
		if _, named := wanted[name]; !named && now != g.defaults[name] {
			change[name] = g.defaults[name]
		}
	}
	for name, on := range change {
		g.changed[name] = on
	}
	if len(change) == 0 {
		return nil
	}
	return utilfeature.DefaultMutableFeatureGate.SetFromMap(change)
}

func (g gates) sync(s state) (a answer) {
	a = answer{ID: s.ID, Calls: []call{}}
	if s.ServerVersion != "" && minor(s.ServerVersion) != minor(version) {
		a.Error = "this oracle runs " + version + ", not " + s.ServerVersion
		return a
	}
	if s.Set == nil {
		a.Error = "a state needs a set"
		return a
	}
	if err := g.set(s.FeatureGates); err != nil {
		a.Error = err.Error()
		return a
	}
	defer func() {
		if panicked := recover(); panicked != nil {
			a.Error = fmt.Sprintf("panic: %v", panicked)
		}
	}()

	log := &calls{}
	updater := &statusUpdater{}
	// A new control for every state: it caches which revisions it found equal.
	control := statefulset.NewDefaultStatefulSetControl(
		statefulset.NewStatefulPodControlFromManager(manager(newObjects(s, log)), silent{}), updater, revisionHistory(newRevisions(s, log)))
	if err := run(control, s); err != nil {
		a.Error = err.Error()
	}
	a.Calls = log.inOrder()
	a.Status = updater.written
	return a
}
