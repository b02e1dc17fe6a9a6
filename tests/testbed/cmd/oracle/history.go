package main

import (
	"bytes"
	"fmt"
	"strconv"

	apps "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kubernetes/pkg/controller/history"
)

// stored is a history in memory that answers as the real one does over an API server. The package's own fake differs
// on name collisions: it never looks whether the revision in the way holds the same data.
type stored struct {
	calls *calls
	list  []*apps.ControllerRevision
}

func newRevisions(s state, log *calls) *stored {
	return &stored{calls: log, list: s.Revisions}
}

func (h *stored) listed(parent metav1.Object, selector labels.Selector) ([]*apps.ControllerRevision, error) {
	var owned []*apps.ControllerRevision
	for _, revision := range h.list {
		controller := metav1.GetControllerOfNoCopy(revision)
		mine := controller == nil || controller.UID == parent.GetUID()
		if mine && revision.Namespace == parent.GetNamespace() && selector.Matches(labels.Set(revision.Labels)) {
			owned = append(owned, revision)
		}
	}
	return owned, nil
}

func (h *stored) find(name string) *apps.ControllerRevision {
	for _, revision := range h.list {
		if revision.Name == name {
			return revision
		}
	}
	return nil
}

func (h *stored) CreateControllerRevision(parent metav1.Object, revision *apps.ControllerRevision, collisions *int32) (*apps.ControllerRevision, error) {
	wanted := revision.DeepCopy()
	wanted.Namespace = parent.GetNamespace()
	for {
		wanted.Name = history.ControllerRevisionName(parent.GetName(), history.HashControllerRevision(revision, collisions))
		inTheWay := h.find(wanted.Name)
		if inTheWay == nil {
			h.calls.add("createRevision", wanted.Name, strconv.FormatInt(wanted.Revision, 10))
			return wanted, nil
		}
		if bytes.Equal(inTheWay.Data.Raw, wanted.Data.Raw) {
			return inTheWay, nil
		}
		*collisions++
	}
}

func (h *stored) UpdateControllerRevision(revision *apps.ControllerRevision, number int64) (*apps.ControllerRevision, error) {
	clone := revision.DeepCopy()
	if clone.Revision != number {
		clone.Revision = number
		h.calls.add("updateRevision", clone.Name, strconv.FormatInt(number, 10))
	}
	return clone, nil
}

func (h *stored) DeleteControllerRevision(revision *apps.ControllerRevision) error {
	h.calls.add("deleteRevision", revision.Name, "")
	if h.find(revision.Name) == nil {
		return errors.NewNotFound(apps.Resource("controllerrevisions"), revision.Name)
	}
	return nil
}

func (h *stored) AdoptControllerRevision(metav1.Object, schema.GroupVersionKind, *apps.ControllerRevision) (*apps.ControllerRevision, error) {
	return nil, fmt.Errorf("adoption lies outside one UpdateStatefulSet")
}

func (h *stored) ReleaseControllerRevision(metav1.Object, *apps.ControllerRevision) (*apps.ControllerRevision, error) {
	return nil, fmt.Errorf("release lies outside one UpdateStatefulSet")
}
