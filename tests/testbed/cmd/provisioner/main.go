// Command provisioner is an external, non-CSI volume provisioner, as nfs-subdir-external-provisioner
// is one: it answers for the classes whose provisioner is PROVISIONER_NAME. The volumes it makes
// exist as objects only; nothing is ever mounted. PROVISIONER_MODE, when set, is "fails" (it answers,
// and cannot make any volume) or "follows" (it works while a pod that declares its name is Ready).
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func main() {
	name := os.Getenv("PROVISIONER_NAME")
	if name == "" {
		log.Fatal("PROVISIONER_NAME is not set")
	}
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mode := os.Getenv("PROVISIONER_MODE")
	work := func(ctx context.Context) {
		// One process a name: nothing to elect. Metrics would need a port.
		controller.NewProvisionController(ctx, client, name,
			share{server: cmp.Or(os.Getenv("NFS_SERVER"), "nfs.example.com"), denied: mode == "fails"},
			controller.LeaderElection(false), controller.MetricsPort(0)).Run(ctx)
	}
	if mode == "follows" {
		follow(ctx, client, name, work)
		return
	}
	work(ctx)
}

// glance is how often the workload is looked at.
const glance = 300 * time.Millisecond

// follow works while a pod that declares the name is Ready, as if the work were done in that pod.
func follow(ctx context.Context, client kubernetes.Interface, name string, work func(context.Context)) {
	for ctx.Err() == nil {
		if runs(ctx, client, name) {
			workWhile(ctx, work, func() bool { return runs(ctx, client, name) })
		}
		time.Sleep(glance)
	}
}

// workWhile works until the condition no longer holds.
func workWhile(ctx context.Context, work func(context.Context), holds func() bool) {
	working, stop := context.WithCancel(ctx)
	defer stop()
	go work(working)
	for ctx.Err() == nil && holds() {
		time.Sleep(glance)
	}
}

func runs(ctx context.Context, client kubernetes.Interface, name string) bool {
	pods, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return false
	}
	for _, pod := range pods.Items {
		declares := slices.ContainsFunc(pod.Spec.Containers, func(container v1.Container) bool {
			return slices.Contains(container.Env, v1.EnvVar{Name: "PROVISIONER_NAME", Value: name})
		})
		ready := slices.ContainsFunc(pod.Status.Conditions, func(condition v1.PodCondition) bool {
			return condition.Type == v1.PodReady && condition.Status == v1.ConditionTrue
		})
		if declares && ready {
			return true
		}
	}
	return false
}

// share makes each volume a folder of one NFS export, which may deny it.
type share struct {
	server string
	denied bool
}

func (s share) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	if s.denied {
		return nil, controller.ProvisioningFinished, fmt.Errorf(
			"unable to create directory to provision new pv: mkdir /persistentvolumes/%s-%s-%s: permission denied",
			claim.Namespace, claim.Name, options.PVName)
	}
	mode := v1.PersistentVolumeFilesystem
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			MountOptions:                  options.StorageClass.MountOptions,
			VolumeMode:                    &mode,
			Capacity: v1.ResourceList{
				v1.ResourceStorage: claim.Spec.Resources.Requests[v1.ResourceStorage],
			},
			PersistentVolumeSource: v1.PersistentVolumeSource{
				NFS: &v1.NFSVolumeSource{
					Server: s.server,
					Path:   "/export/" + claim.Namespace + "-" + claim.Name + "-" + options.PVName,
				},
			},
		},
	}, controller.ProvisioningFinished, nil
}

// Delete has nothing to delete.
func (share) Delete(context.Context, *v1.PersistentVolume) error { return nil }
