// Package scenario reads the files of tests/testbed/scenarios and brings a control plane to the
// state that each of them describes.
package scenario

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"kubectl-sts/testbed/internal/controlplane"
	"sigs.k8s.io/yaml"
)

// Scenario is one file. README.md explains it field by field.
type Scenario struct {
	Name         string              `json:"-"` // the file's
	About        string              `json:"about"`
	Namespace    string              `json:"namespace"`
	Set          string              `json:"set"`
	User         string              `json:"user,omitempty"`
	Nodes        []controlplane.Node `json:"nodes,omitempty"`
	Provisioners []string            `json:"provisioners,omitempty"`
	// By name: fails or follows (cmd/provisioner).
	ProvisionerModes map[string]string `json:"provisionerModes,omitempty"`
	DNS              bool              `json:"dns,omitempty"`
	Corefile         string            `json:"corefile,omitempty"`
	DualStack        bool              `json:"dualStack,omitempty"`
	Steps            []Step            `json:"steps"`
	Expect           json.RawMessage   `json:"expect"` // read by the tests of the tool, not here
}

// Step is one thing to do or to wait for: exactly one field is set, besides Timeout.
type Step struct {
	Apply            string             `json:"apply,omitempty"`
	Kubectl          []string           `json:"kubectl,omitempty"`
	WaitFor          *WaitFor           `json:"waitFor,omitempty"`
	Event            *Event             `json:"event,omitempty"`
	Own              *Own               `json:"own,omitempty"`
	AddNode          *controlplane.Node `json:"addNode,omitempty"`
	KillNode         string             `json:"killNode,omitempty"`
	ReviveNode       string             `json:"reviveNode,omitempty"`
	StartProvisioner string             `json:"startProvisioner,omitempty"`
	StopProvisioner  string             `json:"stopProvisioner,omitempty"`
	StopControllers  bool               `json:"stopControllers,omitempty"`
	// Controllers that do not run from now on; the others are begun anew.
	WithoutControllers []string `json:"withoutControllers,omitempty"`
	AskDNS             *Ask     `json:"askDNS,omitempty"`
	HangDNS            int      `json:"hangDNS,omitempty"` // the nth replica, from 1
	CutDNS             int      `json:"cutDNS,omitempty"`  // the same
	RemakeDNS          int      `json:"remakeDNS,omitempty"`
	RestartDNS         bool     `json:"restartDNS,omitempty"`
	Sleep              string   `json:"sleep,omitempty"`
	Timeout            string   `json:"timeout,omitempty"` // of this step; a minute otherwise
}

// WaitFor is what kubectl wait can wait for.
type WaitFor struct {
	Object    string `json:"object"`             // kind/name, or the kind alone …
	Selector  string `json:"selector,omitempty"` // … and the labels of those that are meant
	Namespace string `json:"namespace,omitempty"`
	Condition string `json:"condition,omitempty"` // Ready, or Ready=False
	Path      string `json:"path,omitempty"`      // a JSONPath without its braces …
	Is        string `json:"is,omitempty"`        // … and its value; without one, that it is there
	Gone      bool   `json:"gone,omitempty"`
}

// Event waits until an event about an object was seen at least Count times.
type Event struct {
	Object    string `json:"object"` // Kind/name
	Namespace string `json:"namespace,omitempty"`
	Reason    string `json:"reason"`
	Message   string `json:"message,omitempty"` // a part of it
	Count     int    `json:"count,omitempty"`
}

// Own makes one object the controller of another, as an operator does when it makes the latter.
type Own struct {
	Object string `json:"object"` // kind/name
	Owner  string `json:"owner"`  // kind/name
}

// Ask asks every replica of the cluster's DNS until each answers so.
type Ask struct {
	Name  string `json:"name"`
	Found bool   `json:"found,omitempty"`
}

// Load reads a scenario by its name, below scenarios/, or its path.
func Load(testbed, name string) (*Scenario, error) {
	path := name
	if !strings.HasSuffix(name, ".yaml") {
		path = filepath.Join(testbed, "scenarios", name+".yaml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Scenario{Name: strings.TrimSuffix(filepath.Base(path), ".yaml")}
	if err := yaml.UnmarshalStrict(data, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if s.About == "" || s.Namespace == "" || s.Set == "" || len(s.Steps) == 0 || len(s.Expect) == 0 {
		return nil, fmt.Errorf("%s: about, namespace, set, steps and expect are required", path)
	}
	if s.User == "" {
		s.User = controlplane.Admin
	}
	for i, step := range s.Steps {
		if _, err := step.kind(); err != nil {
			return nil, fmt.Errorf("%s: step %d: %w", path, i+1, err)
		}
	}
	return s, nil
}

// All lists the names of all scenarios.
func All(testbed string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(testbed, "scenarios", "*.yaml"))
	for i, file := range files {
		files[i] = strings.TrimSuffix(filepath.Base(file), ".yaml")
	}
	return files, err
}

// Options is the control plane that the scenario needs.
func (s *Scenario) Options(testbed, bin string) controlplane.Options {
	return controlplane.Options{
		Testbed: testbed, Bin: bin, Namespace: s.Namespace, Users: []string{s.User}, Nodes: s.Nodes, DNS: s.DNS,
		Corefile: s.Corefile, DualStack: s.DualStack,
	}
}
