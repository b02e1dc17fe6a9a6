// Package controlplane runs a real Kubernetes control plane on this machine: etcd, kube-apiserver,
// kube-controller-manager, kube-scheduler, and KWOK in the place of kubelets. Everything listens on
// 127.0.0.1, on free ports, and ends with the process that started it.
package controlplane

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"
)

// controlPlaneHost is the machine that the components believe to be on.
const controlPlaneHost = "control-plane"

// Options says what to start.
type Options struct {
	Testbed   string   // the tests/testbed folder
	Bin       string   // where tests/testbed/build put the programs
	Namespace string   // the namespace of the kubeconfigs; made when it is not there
	Users     []string // users besides Admin, Nobody and SetsOnly
	Nodes     []Node   // none: DefaultNodes
	DNS       bool     // the cluster's DNS as well (cluster-dns.yaml)
	Corefile  string   // its Corefile, when it is not kubeadm's
	DualStack bool     // Services may have addresses of both families
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	Dir    string // logs, kubeconfigs, etcd's data
	Server string // https://127.0.0.1:PORT

	bin       string
	folder    *Folder
	ports     *ports
	tokens    map[string]string
	client    *http.Client
	mu        sync.Mutex
	processes []*process
	failed    chan error
	dns       *clusterDNS // nil without
}

// New starts a control plane in the folder and returns when its nodes are Ready. The folder is
// removed by Stop, also when New fails.
func New(ctx context.Context, folder *Folder, options Options) (*ControlPlane, error) {
	c := &ControlPlane{Dir: folder.Path, bin: options.Bin, folder: folder, failed: make(chan error, 8)}
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	if err := c.start(ctx, options); err != nil {
		err = fmt.Errorf("start the control plane: %w\n%s", err, c.Tails(6))
		c.Stop()
		return nil, err
	}
	return c, nil
}

// Stop ends every component and removes the folder.
func (c *ControlPlane) Stop() {
	if c.dns != nil {
		c.dns.leave()
	}
	c.stop("")
	if c.ports != nil {
		c.ports.file.Close()
	}
	c.folder.Remove()
}

// Failed delivers the reason when a component ended by itself.
func (c *ControlPlane) Failed() <-chan error { return c.failed }

func (c *ControlPlane) start(ctx context.Context, options Options) error {
	var err error
	if c.ports, err = takePorts(4); err != nil {
		return err
	}
	ports := c.ports.numbers
	if err := c.writeServiceAccountKey(); err != nil {
		return err
	}
	if err := c.writeTokens(options.Users); err != nil {
		return err
	}
	services := "10.96.0.0/16"
	if options.DualStack {
		services += ",fd00:10:96::/112"
	}
	if err := c.startAPIServer(ctx, ports, services); err != nil {
		return err
	}
	namespace := options.Namespace
	if namespace == "" {
		namespace = "default"
	}
	if err := c.writeKubeconfigs(namespace); err != nil {
		return err
	}
	if err := c.startControllers(); err != nil {
		return err
	}
	if err := c.startScheduler(); err != nil {
		return err
	}
	var forwards []string
	if options.DNS {
		if err := c.createDNS(ctx, filepath.Join(options.Testbed, "cluster-dns.yaml"), options.Corefile); err != nil {
			return err
		}
		forwards = []string{"--enable-crds=PortForward"}
	}
	if err := c.startKwok(filepath.Join(options.Testbed, "stages"), ports[3], forwards); err != nil {
		return err
	}
	if err := c.populate(ctx, namespace, options.Nodes); err != nil || !options.DNS {
		return err
	}
	return c.waitForDNS(ctx)
}

func (c *ControlPlane) startAPIServer(ctx context.Context, ports []int, services string) error {
	etcd, peer := fmt.Sprintf("http://127.0.0.1:%d", ports[0]), fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	if err := c.spawn(controlPlaneHost, "etcd", "etcd", nil,
		"--data-dir="+c.file("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+etcd, "--advertise-client-urls="+etcd,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer); err != nil {
		return err
	}
	c.Server = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	if err := c.spawn(controlPlaneHost, "kube-apiserver", "kube-apiserver", nil,
		"--etcd-servers="+etcd, "--cert-dir="+c.Dir, "--token-auth-file="+c.file("tokens.csv"),
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", ports[2]),
		"--authorization-mode=RBAC", "--endpoint-reconciler-type=none", "--service-cluster-ip-range="+services,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file="+c.file("service-account.key"),
		"--service-account-signing-key-file="+c.file("service-account.key"),
		// Where the simulated kubelets answer (stages/node.yaml); nodes' other addresses lead nowhere.
		"--kubelet-preferred-address-types=ExternalIP",
		"--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"); err != nil {
		return err
	}
	return c.Wait(ctx, 50*time.Millisecond, "the API server", func() error {
		// The API server makes its certificate first; what was read of it can be the half.
		if err := c.connect(); err != nil {
			return err
		}
		return c.Get(ctx, "/readyz", nil)
	})
}

func (c *ControlPlane) startControllers(more ...string) error {
	return c.spawn(controlPlaneHost, "kube-controller-manager", "kube-controller-manager", nil, append(more,
		"--kubeconfig="+c.Kubeconfig(Admin),
		"--leader-elect=false", "--secure-port=0", "--use-service-account-credentials=false",
		"--service-account-private-key-file="+c.file("service-account.key"), "--root-ca-file="+c.file("apiserver.crt"),
		// 15 s otherwise before a static volume binds.
		"--pvclaimbinder-sync-period=1s",
		"--kube-api-qps=500", "--kube-api-burst=1000")...)
}

func (c *ControlPlane) startScheduler() error {
	return c.spawn(controlPlaneHost, "kube-scheduler", "kube-scheduler", nil, "--kubeconfig="+c.Kubeconfig(Admin),
		"--leader-elect=false", "--secure-port=0", "--kube-api-qps=500", "--kube-api-burst=1000")
}

func (c *ControlPlane) startKwok(stages string, port int, more []string) error {
	files, err := c.renderStages(stages)
	if err != nil {
		return err
	}
	logs, err := c.writeLogs()
	if err != nil {
		return err
	}
	files = append(files, logs)
	args := []string{
		"--kubeconfig=" + c.Kubeconfig(Admin),
		"--manage-nodes-with-label-selector=" + kwokLabel + "=fake",
		// Not loopback: the API refuses such EndpointSlices, and their controller backs off for minutes.
		"--cidr=10.244.0.0/16",
		// Without renewed leases every pod is NotReady after 40 s.
		"--node-lease-duration-seconds=40",
		// What the API server asks a kubelet for: logs.
		fmt.Sprintf("--server-address=127.0.0.1:%d", port),
		"--tls-cert-file=" + c.file("apiserver.crt"), "--tls-private-key-file=" + c.file("apiserver.key"),
	}
	args = append(args, more...)
	for _, file := range files {
		args = append(args, "--config="+file)
	}
	return c.spawn(controlPlaneHost, "kwok", "kwok", nil, args...)
}
