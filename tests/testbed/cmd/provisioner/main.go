// Command provisioner is an external, non-CSI volume provisioner, as nfs-subdir-external-provisioner
// is one: it answers for the classes whose provisioner is PROVISIONER_NAME. The volumes it makes
// exist as objects only; nothing is ever mounted.
package main

import (
	"cmp"
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

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
	// One process a name: nothing to elect. Metrics would need a port.
	controller.NewProvisionController(ctx, client, name, share{server: cmp.Or(os.Getenv("NFS_SERVER"), "nfs.example.com")},
		controller.LeaderElection(false), controller.MetricsPort(0)).Run(ctx)
}

// share makes each volume a folder of one NFS export.
type share struct{ server string }

func (s share) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
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
