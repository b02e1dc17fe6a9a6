package controlplane

import (
	"context"
	"strings"
)

// StartProvisioner starts a real external provisioner that answers for the given name. Its events
// are signed with its pod's name when the cluster has a pod that claims to be it. The mode is one of
// cmd/provisioner, or empty.
func (c *ControlPlane) StartProvisioner(ctx context.Context, name, mode string) error {
	var pods struct {
		Items []struct {
			Metadata struct{ Name string }
			Spec     struct {
				Containers []struct {
					Env []struct{ Name, Value string }
				}
			}
		}
	}
	if err := c.Get(ctx, "/api/v1/pods", &pods); err != nil {
		return err
	}
	host := "nfs-client-provisioner"
	for _, pod := range pods.Items {
		for _, container := range pod.Spec.Containers {
			for _, variable := range container.Env {
				if variable.Name == "PROVISIONER_NAME" && variable.Value == name {
					host = pod.Metadata.Name
				}
			}
		}
	}
	return c.spawn(host, provisionerProcess(name), "provisioner",
		[]string{"PROVISIONER_NAME=" + name, "PROVISIONER_MODE=" + mode, "KUBECONFIG=" + c.Kubeconfig(Admin)})
}

// StopControllers ends kube-controller-manager: nobody acts on any set, and nothing says so.
func (c *ControlPlane) StopControllers() { c.stop("kube-controller-manager") }

// WithoutControllers begins kube-controller-manager anew, and these of its controllers do not run.
func (c *ControlPlane) WithoutControllers(names []string) error {
	c.stop("kube-controller-manager")
	return c.startControllers("--controllers=*,-" + strings.Join(names, ",-"))
}

// StopProvisioner ends it.
func (c *ControlPlane) StopProvisioner(name string) { c.stop(provisionerProcess(name)) }

func provisionerProcess(name string) string {
	return "provisioner-" + strings.ReplaceAll(name, "/", "-")
}

// KillNode takes the node away from KWOK, as if its machine had died: nobody renews its lease, and
// nothing happens to its pods but what the controllers do.
func (c *ControlPlane) KillNode(ctx context.Context, name string) error {
	_, err := c.Kubectl(ctx, "", "label", "--overwrite", "node", name, kwokLabel+"=dead")
	return err
}

// ReviveNode gives it back.
func (c *ControlPlane) ReviveNode(ctx context.Context, name string) error {
	_, err := c.Kubectl(ctx, "", "label", "--overwrite", "node", name, kwokLabel+"=fake")
	return err
}
