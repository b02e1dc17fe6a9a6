package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

const (
	// KWOK takes the nodes with this label at "fake", also when it comes and goes (not so with the
	// annotation of the same name, which it reads once).
	kwokLabel = "kwok.x-k8s.io/node"
	// What the node stage writes into the node's status (stages/node.yaml).
	allocatableAnnotation = "testbed/allocatable"
	addressAnnotation     = "testbed/address"
	kubeletPortAnnotation = "testbed/kubelet-port"
)

// Node is a node to create. Its status comes from KWOK.
type Node struct {
	Name   string            `json:"name"`
	Zone   string            `json:"zone"`
	CPU    string            `json:"cpu,omitempty"`
	Memory string            `json:"memory,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
}

// DefaultNodes are three nodes in three zones.
var DefaultNodes = []Node{
	{Name: "node-a", Zone: "eu-1a"},
	{Name: "node-b", Zone: "eu-1b"},
	{Name: "node-c", Zone: "eu-1c"},
}

// basicRoles is what SetsOnly may do.
const basicRoles = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: sets-only}
rules:
- {apiGroups: [apps], resources: [statefulsets], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: sets-only}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: sets-only}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: sets-only}
`

// populate makes the namespace, the basic roles and the nodes, and waits until pods could run.
func (c *ControlPlane) populate(ctx context.Context, namespace string, nodes []Node) error {
	if len(nodes) == 0 {
		nodes = DefaultNodes
	}
	manifests := []string{basicRoles, fmt.Sprintf("apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", namespace)}
	for i, node := range nodes {
		manifests = append(manifests, node.manifest(i, c.ports.numbers[3]))
	}
	if _, err := c.Kubectl(ctx, strings.Join(manifests, "---\n"), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	// A pod is refused until its namespace has this account, and the set's controller would say so.
	account := "/api/v1/namespaces/" + namespace + "/serviceaccounts/default"
	if err := c.Wait(ctx, 50*time.Millisecond, "the namespace's default service account", func() error {
		return c.Get(ctx, account, nil)
	}); err != nil {
		return err
	}
	for _, node := range nodes {
		if err := c.waitForNode(ctx, node.Name); err != nil {
			return err
		}
	}
	return nil
}

// AddNode adds a node and waits until it is Ready.
func (c *ControlPlane) AddNode(ctx context.Context, node Node) error {
	var list struct{ Items []any }
	if err := c.Get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, node.manifest(len(list.Items), c.ports.numbers[3]), "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	return c.waitForNode(ctx, node.Name)
}

// waitForNode waits until pods may be scheduled to the node: Ready and its first taint taken away.
func (c *ControlPlane) waitForNode(ctx context.Context, name string) error {
	return c.Wait(ctx, 50*time.Millisecond, "node "+name, func() error {
		var node struct {
			Spec   struct{ Taints []any }
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
		if err := c.Get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
			return err
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == "Ready" && condition.Status == "True" && len(node.Spec.Taints) == 0 {
				return nil
			}
		}
		return fmt.Errorf("conditions %v, taints %v", node.Status.Conditions, node.Spec.Taints)
	})
}

func (n Node) manifest(index, kubeletPort int) string {
	if n.CPU == "" {
		n.CPU = "4"
	}
	if n.Memory == "" {
		n.Memory = "16Gi"
	}
	labels := map[string]string{
		kwokLabel:                          "fake",
		"kubernetes.io/hostname":           n.Name,
		"kubernetes.io/os":                 "linux",
		"kubernetes.io/arch":               "amd64",
		"node.kubernetes.io/instance-type": "m6i.xlarge",
		"topology.kubernetes.io/region":    "eu-1",
		"topology.kubernetes.io/zone":      n.Zone,
	}
	for key, value := range n.Labels {
		labels[key] = value
	}
	allocatable, _ := json.Marshal(map[string]string{
		"cpu": n.CPU, "memory": n.Memory, "ephemeral-storage": "80Gi", "pods": "110", "hugepages-2Mi": "0",
	})
	node, _ := json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Node",
		"metadata": map[string]any{
			"name":   n.Name,
			"labels": labels,
			"annotations": map[string]string{
				allocatableAnnotation: string(allocatable),
				addressAnnotation:     fmt.Sprintf("192.168.10.%d", 11+index),
				kubeletPortAnnotation: fmt.Sprint(kubeletPort),
			},
		},
		"spec": map[string]any{"providerID": "testbed:///" + n.Zone + "/" + n.Name},
	})
	// A kubelet makes this one too, and adds its drivers to it.
	csi := fmt.Sprintf("---\napiVersion: storage.k8s.io/v1\nkind: CSINode\nmetadata: {name: %s}\nspec: {drivers: []}\n", n.Name)
	return string(node) + "\n" + csi
}
