// Command load fills a cluster for the benchmark: sets of five pods with two claims each, in ten namespaces, and a
// volume reserved for every claim. It makes what a user makes and waits until the controllers have done the rest.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	namespaces = 10
	replicas   = 5
	class      = "manual"
	side       = 16 // requests under way at once
)

var templates = []string{"data", "log"}

func main() {
	sets := flag.Int("sets", 1000, "how many StatefulSets")
	patience := flag.Duration("patience", 30*time.Minute, "how long their pods may take")
	flag.Parse()
	log.SetFlags(0)
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		log.Fatal(err)
	}
	config.QPS, config.Burst = 1000, 1000
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *patience)
	defer cancel()
	if err := fill(ctx, client, *sets); err != nil {
		log.Fatal(err)
	}
	if err := settle(ctx, client, *sets); err != nil {
		log.Fatal(err)
	}
}

// fill makes the namespaces and the class, then per set its volumes, its Service and the set itself.
func fill(ctx context.Context, client kubernetes.Interface, sets int) error {
	wait := storagev1.VolumeBindingImmediate
	_, err := client.StorageV1().StorageClasses().Create(ctx, &storagev1.StorageClass{
		ObjectMeta: metav1.ObjectMeta{Name: class}, Provisioner: "kubernetes.io/no-provisioner", VolumeBindingMode: &wait,
	}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	for n := range namespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespaceOf(n)}}
		if _, err := client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	work := make(chan int)
	errs := make(chan error, side)
	var workers sync.WaitGroup
	for range side {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range work {
				if err := one(ctx, client, n); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	go func() {
		defer close(work)
		for n := range sets {
			select {
			case work <- n:
			case <-ctx.Done():
				return
			}
		}
	}()
	workers.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return ctx.Err()
	}
}

func namespaceOf(n int) string { return fmt.Sprintf("load-%d", n%namespaces) }

func one(ctx context.Context, client kubernetes.Interface, n int) error {
	namespace, name := namespaceOf(n), fmt.Sprintf("db-%d", n)
	size := corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}
	modes := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	for ordinal := range replicas {
		for _, template := range templates {
			claim := fmt.Sprintf("%s-%s-%d", template, name, ordinal)
			_, err := client.CoreV1().PersistentVolumes().Create(ctx, &corev1.PersistentVolume{
				ObjectMeta: metav1.ObjectMeta{Name: claim},
				Spec: corev1.PersistentVolumeSpec{
					Capacity: size, AccessModes: modes, StorageClassName: class,
					PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimRetain,
					ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", Namespace: namespace, Name: claim},
					PersistentVolumeSource:        corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/data/" + claim}},
				},
			}, metav1.CreateOptions{})
			if err != nil {
				return err
			}
		}
	}
	labels := map[string]string{"app": name}
	_, err := client.CoreV1().Services(namespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec:       corev1.ServiceSpec{ClusterIP: "None", Selector: labels, Ports: []corev1.ServicePort{{Name: "sql", Port: 5432}}},
	}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	var claims []corev1.PersistentVolumeClaim
	var mounts []corev1.VolumeMount
	for _, template := range templates {
		manual := class
		claims = append(claims, corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: template},
			Spec: corev1.PersistentVolumeClaimSpec{
				StorageClassName: &manual, AccessModes: modes, Resources: corev1.VolumeResourceRequirements{Requests: size},
			},
		})
		mounts = append(mounts, corev1.VolumeMount{Name: template, MountPath: "/" + template})
	}
	wanted := int32(replicas)
	_, err = client.AppsV1().StatefulSets(namespace).Create(ctx, &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: appsv1.StatefulSetSpec{
			ServiceName: name, Replicas: &wanted, PodManagementPolicy: appsv1.ParallelPodManagement,
			Selector:             &metav1.LabelSelector{MatchLabels: labels},
			VolumeClaimTemplates: claims,
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "db", Image: "db:16.2", VolumeMounts: mounts,
					Env:       []corev1.EnvVar{{Name: "PGDATA", Value: "/data/pgdata"}, {Name: "PEERS", Value: name + "-0." + name}},
					Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}},
				}}},
			},
		},
	}, metav1.CreateOptions{})
	return err
}

// settle waits until every set has all its pods Ready.
func settle(ctx context.Context, client kubernetes.Interface, sets int) error {
	for {
		list, err := client.AppsV1().StatefulSets("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		ready, pods := 0, int32(0)
		for _, set := range list.Items {
			pods += set.Status.ReadyReplicas
			if set.Status.ReadyReplicas == replicas {
				ready++
			}
		}
		log.Printf("%d of %d sets, %d of %d pods Ready", ready, sets, pods, sets*replicas)
		if ready >= sets {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Second):
		}
	}
}
