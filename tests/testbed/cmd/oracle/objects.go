package main

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	internal "k8s.io/kubernetes/pkg/apis/apps"
	"k8s.io/kubernetes/pkg/apis/apps/validation"
)

// objects stands for the API server and for the caches that the controller reads. The caches lag behind the sync's
// own creations, as they do in life; a rewritten claim is seen, because the controller retries on the conflict until
// its cache has caught up.
type objects struct {
	calls   *calls
	mu      sync.Mutex
	pods    map[string]*v1.Pod
	claims  map[string]*v1.PersistentVolumeClaim
	created map[string]bool
	gone    map[string]bool
}

func newObjects(s state, log *calls) *objects {
	o := &objects{calls: log, pods: map[string]*v1.Pod{}, claims: map[string]*v1.PersistentVolumeClaim{},
		created: map[string]bool{}, gone: map[string]bool{}}
	for _, pod := range s.Pods {
		o.pods[pod.Namespace+"/"+pod.Name] = pod
	}
	for _, claim := range s.Claims {
		o.claims[claim.Namespace+"/"+claim.Name] = claim
	}
	return o
}

// createPod leaves the pod as it is: the real client does so too, so a new pod has neither uid nor phase in this sync.
func (o *objects) createPod(pod *v1.Pod) error {
	o.calls.add("createPod", pod.Name, pod.Labels[apps.StatefulSetRevisionLabel])
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pods[pod.Namespace+"/"+pod.Name] != nil {
		return errors.NewAlreadyExists(v1.Resource("pods"), pod.Name)
	}
	return nil
}

func (o *objects) GetPod(namespace, name string) (*v1.Pod, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if pod := o.pods[namespace+"/"+name]; pod != nil {
		return pod, nil
	}
	return nil, errors.NewNotFound(v1.Resource("pods"), name)
}

// updatePod refuses what the API server refuses: names that do not exist, another pod's uid, other volumes.
func (o *objects) updatePod(pod *v1.Pod) error {
	o.calls.add("updatePod", pod.Name, "")
	o.mu.Lock()
	defer o.mu.Unlock()
	stored := o.pods[pod.Namespace+"/"+pod.Name]
	if stored == nil {
		return errors.NewNotFound(v1.Resource("pods"), pod.Name)
	}
	if stored.UID != pod.UID {
		return errors.NewConflict(v1.Resource("pods"), pod.Name, fmt.Errorf("uid in precondition: %s", pod.UID))
	}
	if !reflect.DeepEqual(stored.Spec.Volumes, pod.Spec.Volumes) {
		return errors.NewInvalid(v1.SchemeGroupVersion.WithKind("Pod").GroupKind(), pod.Name,
			field.ErrorList{field.Forbidden(field.NewPath("spec"), "pod updates may not change fields other than …")})
	}
	return nil
}

// DeletePod removes a pod that has ended at once; a second attempt in the same sync does not find it.
func (o *objects) DeletePod(pod *v1.Pod) error {
	o.calls.add("deletePod", pod.Name, "")
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone[pod.Name] {
		return errors.NewNotFound(v1.Resource("pods"), pod.Name)
	}
	o.gone[pod.Name] = pod.Status.Phase == v1.PodFailed || pod.Status.Phase == v1.PodSucceeded
	return nil
}

// createClaim knows what this sync created, though its cache does not: a second attempt is refused and no call.
func (o *objects) createClaim(claim *v1.PersistentVolumeClaim) error {
	o.mu.Lock()
	again := o.created[claim.Name]
	o.created[claim.Name] = true
	o.mu.Unlock()
	if again {
		return errors.NewAlreadyExists(v1.Resource("persistentvolumeclaims"), claim.Name)
	}
	o.calls.add("createClaim", claim.Name, "")
	return nil
}

func (o *objects) GetClaim(namespace, name string) (*v1.PersistentVolumeClaim, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if claim := o.claims[namespace+"/"+name]; claim != nil {
		return claim, nil
	}
	return nil, errors.NewNotFound(v1.Resource("persistentvolumeclaims"), name)
}

func (o *objects) updateClaim(claim *v1.PersistentVolumeClaim) error {
	o.calls.add("updateClaim", claim.Name, "")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.claims[claim.Namespace+"/"+claim.Name] = claim
	return nil
}

// statusUpdater writes the status unless the API server's own validation refuses it.
type statusUpdater struct{ written *apps.StatefulSetStatus }

func (u *statusUpdater) UpdateStatefulSetStatus(_ context.Context, set *apps.StatefulSet, status *apps.StatefulSetStatus) error {
	var converted internal.StatefulSet
	if err := legacyscheme.Scheme.Convert(&apps.StatefulSet{Status: *status}, &converted, nil); err != nil {
		return err
	}
	if refused := validation.ValidateStatefulSetStatus(&converted.Status, field.NewPath("status")); len(refused) > 0 {
		return errors.NewInvalid(apps.SchemeGroupVersion.WithKind("StatefulSet").GroupKind(), set.Name, refused)
	}
	u.written = status.DeepCopy()
	return nil
}

// silent drops events.
type silent struct{}

func (silent) Event(runtime.Object, string, string, string)                  {}
func (silent) Eventf(runtime.Object, string, string, string, ...interface{}) {}
func (silent) AnnotatedEventf(runtime.Object, map[string]string, string, string, string, ...interface{}) {
}
