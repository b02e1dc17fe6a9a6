package main

import (
	"context"
	"time"

	apps "k8s.io/api/apps/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/controller/history"
	"k8s.io/kubernetes/pkg/controller/statefulset"
)

// The controller's interfaces differ between versions. This one source is built against each of them (oracles/*.mod),
// so which form it has is found at run time.

// manager is what the controller makes and deletes pods and claims with.
func manager(o *objects) statefulset.StatefulPodControlObjectManager {
	if newer, ok := any(objectsOfSet{o}).(statefulset.StatefulPodControlObjectManager); ok {
		return newer
	}
	return any(objectsAlone{o}).(statefulset.StatefulPodControlObjectManager)
}

// objectsOfSet is the form since 1.36: each write says for which set.
type objectsOfSet struct{ *objects }

func (o objectsOfSet) CreatePod(_ context.Context, pod *v1.Pod, _ *apps.StatefulSet) error {
	return o.createPod(pod)
}

func (o objectsOfSet) UpdatePod(pod *v1.Pod, _ *apps.StatefulSet) error {
	return o.updatePod(pod)
}

func (o objectsOfSet) CreateClaim(claim *v1.PersistentVolumeClaim, _ *apps.StatefulSet) error {
	return o.createClaim(claim)
}

func (o objectsOfSet) UpdateClaim(claim *v1.PersistentVolumeClaim, _ *apps.StatefulSet) error {
	return o.updateClaim(claim)
}

// objectsAlone is the form until 1.35.
type objectsAlone struct{ *objects }

func (o objectsAlone) CreatePod(_ context.Context, pod *v1.Pod) error {
	return o.createPod(pod)
}

func (o objectsAlone) UpdatePod(pod *v1.Pod) error {
	return o.updatePod(pod)
}

func (o objectsAlone) CreateClaim(claim *v1.PersistentVolumeClaim) error {
	return o.createClaim(claim)
}

func (o objectsAlone) UpdateClaim(claim *v1.PersistentVolumeClaim) error {
	return o.updateClaim(claim)
}

// revisionHistory is what the controller keeps its revisions in.
func revisionHistory(h *stored) history.Interface {
	if newer, ok := any(historyOfKind{h}).(history.Interface); ok {
		return newer
	}
	return any(historyAlone{h}).(history.Interface)
}

// historyOfKind is the form since 1.36.
type historyOfKind struct{ *stored }

func (h historyOfKind) ListControllerRevisions(parent metav1.Object, _ schema.GroupVersionKind, selector labels.Selector) ([]*apps.ControllerRevision, error) {
	return h.listed(parent, selector)
}

// historyAlone is the form until 1.35.
type historyAlone struct{ *stored }

func (h historyAlone) ListControllerRevisions(parent metav1.Object, selector labels.Selector) ([]*apps.ControllerRevision, error) {
	return h.listed(parent, selector)
}

// run makes one sync. Until 1.34 the controller reads the clock by itself: then the pods' conditions move with the
// difference instead. The instant at which a pod becomes available cannot be met exactly that way; states keep some
// seconds away from it.
func run(control statefulset.StatefulSetControlInterface, s state) error {
	type withClock interface {
		UpdateStatefulSet(context.Context, *apps.StatefulSet, []*v1.Pod, time.Time) (*apps.StatefulSetStatus, error)
	}
	type withoutClock interface {
		UpdateStatefulSet(context.Context, *apps.StatefulSet, []*v1.Pod) (*apps.StatefulSetStatus, error)
	}
	ctx := context.Background()
	if newer, ok := any(control).(withClock); ok {
		_, err := newer.UpdateStatefulSet(ctx, s.Set, s.Pods, s.Now)
		return err
	}
	shift := time.Since(s.Now)
	for _, pod := range s.Pods {
		for i := range pod.Status.Conditions {
			if since := &pod.Status.Conditions[i].LastTransitionTime; !since.IsZero() {
				*since = metav1.NewTime(since.Add(shift))
			}
		}
	}
	_, err := any(control).(withoutClock).UpdateStatefulSet(ctx, s.Set, s.Pods)
	return err
}
