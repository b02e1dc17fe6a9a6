package controlplane

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// clusterDNS are the processes behind the pods of the cluster's DNS: one real CoreDNS for each, with the Corefile that the
// ConfigMap had when the pod was made. They come and go with the pods, whoever makes and deletes these.
type clusterDNS struct {
	leave    func() // returns when nothing is started any more
	mu       sync.Mutex
	replicas []*dnsReplica // by the pods' names
	gone     map[string]bool
}

type dnsReplica struct {
	pod, uid, address string
	gate              *gate
}

type dnsPod struct {
	Metadata struct {
		Name, UID         string
		DeletionTimestamp *time.Time
	}
	Status struct {
		Phase             string
		ContainerStatuses []dnsContainer
	}
}

type dnsContainer struct {
	State struct {
		Waiting    *struct{ Reason string }
		Terminated *struct{}
	}
}

// down says whether the pod's process does not run, going by its status.
func (p dnsPod) down() bool {
	ended := p.Status.Phase == "Failed" || p.Status.Phase == "Succeeded"
	return p.Metadata.DeletionTimestamp != nil || ended || slices.ContainsFunc(p.Status.ContainerStatuses, dnsContainer.down)
}

func (c dnsContainer) down() bool {
	waiting := c.State.Waiting
	return c.State.Terminated != nil || waiting != nil && waiting.Reason != "ContainerCreating"
}

// createDNS makes the objects of the cluster's DNS, with a Corefile in the place of kubeadm's where one is given, and begins to
// run its pods' processes.
func (c *ControlPlane) createDNS(ctx context.Context, manifests, corefile string) error {
	text, err := os.ReadFile(manifests)
	if err != nil {
		return err
	}
	// Its namespace is the API server's to make, a moment after it is ready.
	if err := c.Wait(ctx, 50*time.Millisecond, "namespace kube-system", func() error {
		return c.Get(ctx, "/api/v1/namespaces/kube-system", nil)
	}); err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, string(text), "apply", "--server-side", "--field-manager=kubeadm", "-f", "-"); err != nil {
		return err
	}
	if err := c.Wait(ctx, 50*time.Millisecond, "KWOK's kind PortForward", func() error {
		return c.Get(ctx, portForwards, nil)
	}); err != nil {
		return err
	}
	if corefile != "" {
		object := map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]string{"namespace": "kube-system", "name": "coredns"},
			"data": map[string]string{"Corefile": corefile},
		}
		if err := c.call(ctx, http.MethodPut, dnsConfig, object, nil); err != nil {
			return err
		}
	}
	running, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.dns = &clusterDNS{gone: map[string]bool{}, leave: func() { cancel(); <-done }}
	go func() {
		defer close(done)
		for running.Err() == nil {
			if err := c.followDNS(running); err != nil && running.Err() == nil {
				fmt.Fprintln(os.Stderr, "testbed: the cluster's DNS:", err)
			}
			select {
			case <-running.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}()
	return nil
}

const (
	dnsConfig    = "/api/v1/namespaces/kube-system/configmaps/coredns"
	dnsPods      = "/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns"
	portForwards = "/apis/kwok.x-k8s.io/v1alpha1/namespaces/kube-system/portforwards"
)

// followDNS starts and stops processes as the pods are now.
func (c *ControlPlane) followDNS(ctx context.Context) error {
	var pods struct{ Items []dnsPod }
	if err := c.Get(ctx, dnsPods, &pods); err != nil {
		return err
	}
	for _, replica := range c.dns.all() {
		alive := slices.ContainsFunc(pods.Items, func(pod dnsPod) bool {
			return pod.Metadata.UID == replica.uid && !pod.down()
		})
		if !alive {
			c.dns.remove(replica)
			c.stop(replica.process())
			replica.gate.listener.Close()
		}
	}
	for _, pod := range pods.Items {
		if c.dns.has(pod.Metadata.UID) || pod.down() || c.dns.gone[pod.Metadata.UID] {
			continue
		}
		if err := c.startReplica(ctx, pod); err != nil {
			return err
		}
	}
	return nil
}

func (c *ControlPlane) startReplica(ctx context.Context, pod dnsPod) error {
	var config struct{ Data struct{ Corefile string } }
	if err := c.Get(ctx, dnsConfig, &config); err != nil {
		return err
	}
	ports, err := c.ports.more(2)
	if err != nil {
		return err
	}
	gate, err := newGate(c.Server)
	if err != nil {
		return err
	}
	replica := &dnsReplica{
		pod: pod.Metadata.Name, uid: pod.Metadata.UID, gate: gate, address: fmt.Sprintf("127.0.0.1:%d", ports[0]),
	}
	kubeconfig, corefile := c.file(replica.process()+".kubeconfig"), c.file(replica.process()+".Corefile")
	server := "https://" + gate.listener.Addr().String()
	if err := c.writeKubeconfig(kubeconfig, server, dnsAccount, "kube-system"); err != nil {
		return err
	}
	text := localCorefile(config.Data.Corefile, ports[0], ports[1], kubeconfig)
	if err := os.WriteFile(corefile, []byte(text), 0o600); err != nil {
		return err
	}
	forward := map[string]any{
		"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "PortForward",
		"metadata": map[string]string{"namespace": "kube-system", "name": replica.pod},
		"spec": map[string]any{"forwards": []any{map[string]any{
			"ports": []int{53}, "target": map[string]any{"address": "127.0.0.1", "port": ports[0]},
		}}},
	}
	if err := c.call(ctx, http.MethodPost, portForwards, forward, nil); err != nil {
		return err
	}
	// A server block without a port listens on :53, which is -dns.port's to say.
	if err := c.spawn(replica.pod, replica.process(), "coredns", nil, "-conf", corefile, "-dns.port", fmt.Sprint(ports[0])); err != nil {
		return err
	}
	c.dns.add(replica)
	return nil
}

func (r *dnsReplica) process() string { return "dns-" + r.pod }

func (d *clusterDNS) all() []*dnsReplica {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.replicas)
}

func (d *clusterDNS) has(uid string) bool {
	return slices.ContainsFunc(d.all(), func(replica *dnsReplica) bool { return replica.uid == uid })
}

func (d *clusterDNS) add(replica *dnsReplica) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.replicas = append(d.replicas, replica)
	slices.SortFunc(d.replicas, func(a, b *dnsReplica) int { return cmp.Compare(a.pod, b.pod) })
}

func (d *clusterDNS) remove(replica *dnsReplica) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone[replica.uid] = true
	d.replicas = slices.DeleteFunc(d.replicas, func(each *dnsReplica) bool { return each == replica })
}

// DNS are the addresses of the processes behind the pods of the cluster's DNS, by pod.
func (c *ControlPlane) DNS() map[string]string {
	addresses := map[string]string{}
	if c.dns != nil {
		for _, replica := range c.dns.all() {
			addresses[replica.pod] = replica.address
		}
	}
	return addresses
}

// waitForDNS waits until as many pods as there should be are published and their processes answer. A CoreDNS listens when it
// has read the cluster, or has given up waiting for that after 5 s.
func (c *ControlPlane) waitForDNS(ctx context.Context) error {
	return c.Wait(ctx, 50*time.Millisecond, "the cluster's DNS", func() error {
		var deployment struct {
			Metadata struct{ Generation int }
			Spec     struct{ Replicas int }
			Status   struct{ ObservedGeneration, Replicas, UpdatedReplicas, AvailableReplicas int }
		}
		if err := c.Get(ctx, "/apis/apps/v1/namespaces/kube-system/deployments/coredns", &deployment); err != nil {
			return err
		}
		var pods struct{ Items []dnsPod }
		if err := c.Get(ctx, dnsPods, &pods); err != nil {
			return err
		}
		pods.Items = slices.DeleteFunc(pods.Items, dnsPod.down)
		wanted, status := deployment.Spec.Replicas, deployment.Status
		if status.ObservedGeneration < deployment.Metadata.Generation || status.Replicas != wanted ||
			status.UpdatedReplicas != wanted || status.AvailableReplicas != wanted || len(pods.Items) != wanted {
			return fmt.Errorf("%d replicas, status %+v, pods %d", wanted, status, len(pods.Items))
		}
		for _, pod := range pods.Items {
			if !c.dns.has(pod.Metadata.UID) {
				return fmt.Errorf("no process for pod %s", pod.Metadata.Name)
			}
		}
		for _, replica := range c.dns.all() {
			connection, err := net.Dial("tcp", replica.address)
			if err != nil {
				return err
			}
			connection.Close()
		}
		return nil
	})
}

// RestartDNS makes the pods of the cluster's DNS anew, as people do after a change of its Corefile, and waits for them.
func (c *ControlPlane) RestartDNS(ctx context.Context) error {
	if _, err := c.Kubectl(ctx, "", "rollout", "restart", "deployment/coredns", "--namespace=kube-system"); err != nil {
		return err
	}
	return c.waitForDNS(ctx)
}

// RemakeDNS makes the nth pod anew, and waits for it.
func (c *ControlPlane) RemakeDNS(ctx context.Context, n int) error {
	replica, err := c.replica(n)
	if err != nil {
		return err
	}
	if _, err := c.Kubectl(ctx, "", "delete", "pod", replica.pod, "--namespace=kube-system"); err != nil {
		return err
	}
	return c.waitForDNS(ctx)
}

// HangDNS stops the process behind the nth pod of the cluster's DNS, in the order of their names from 1 on: it takes questions
// and answers none, as one whose node is out of CPU.
func (c *ControlPlane) HangDNS(n int) error {
	replica, err := c.replica(n)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, process := range c.processes {
		if process.name == replica.process() && !process.stopped {
			return process.cmd.Process.Signal(syscall.SIGSTOP)
		}
	}
	return errors.New("it does not run")
}

// CutDNS takes the API server away from the nth pod of the cluster's DNS: it goes on answering with what it knows.
func (c *ControlPlane) CutDNS(n int) error {
	replica, err := c.replica(n)
	if err == nil {
		replica.gate.cut()
	}
	return err
}

func (c *ControlPlane) replica(n int) (*dnsReplica, error) {
	if c.dns == nil {
		return nil, errors.New("a scenario that does this needs `dns: true`")
	}
	replicas := c.dns.all()
	if n < 1 || n > len(replicas) {
		return nil, fmt.Errorf("replica %d of %d", n, len(replicas))
	}
	return replicas[n-1], nil
}

// AskDNS asks every replica for the A records of a name until each has answered as expected: with addresses, or that there are
// none. The answer may then be in its cache.
func (c *ControlPlane) AskDNS(ctx context.Context, name string, found bool) error {
	return c.Wait(ctx, 100*time.Millisecond, "answers for "+name, func() error {
		for _, replica := range c.dns.all() {
			resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, replica.address)
			}}
			addresses, err := resolver.LookupHost(ctx, name+".")
			var none *net.DNSError
			if err != nil && !(errors.As(err, &none) && none.IsNotFound) {
				return err
			}
			if found != (len(addresses) > 0) {
				return fmt.Errorf("%s says %v", replica.pod, addresses)
			}
		}
		return nil
	})
}
