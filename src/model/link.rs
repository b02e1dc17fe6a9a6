//! Indices over a snapshot, built once: by name, by uid, and from an object to what speaks about it.

use std::collections::HashMap;

use super::objects::{
    Claim, Event, Meta, Node, Object, PersistentVolume, Pod, Revision, Service, StatefulSet, StorageClass,
};
use super::set::parent_and_ordinal;
use super::snapshot::Snapshot;

/// A snapshot with its indices.
#[derive(Debug)]
pub struct Linked<'a> {
    /// What was read.
    pub snapshot: &'a Snapshot,
    pods_numbered: HashMap<Key<'a>, Vec<&'a Pod>>,
    revisions: HashMap<&'a str, Vec<&'a Revision>>,
    claims: HashMap<Key<'a>, &'a Claim>,
    claims_by_namespace: HashMap<&'a str, Vec<&'a Claim>>,
    services: HashMap<Key<'a>, &'a Service>,
    volumes: HashMap<Key<'a>, &'a PersistentVolume>,
    classes: HashMap<Key<'a>, &'a StorageClass>,
    nodes: HashMap<Key<'a>, &'a Node>,
    events: HashMap<&'a str, Vec<&'a Event>>,
}

type Key<'a> = (&'a str, &'a str);

fn key(meta: &Meta) -> Key<'_> {
    (&meta.namespace, &meta.name)
}

fn by_name<T: Object>(items: &[T]) -> HashMap<Key<'_>, &T> {
    items.iter().map(|item| (key(item.meta()), item)).collect()
}

fn grouped<'a, T>(items: &'a [T], group: impl Fn(&'a T) -> &'a str) -> HashMap<&'a str, Vec<&'a T>> {
    let mut groups: HashMap<&str, Vec<&T>> = HashMap::new();
    for item in items {
        groups.entry(group(item)).or_default().push(item);
    }
    groups
}

/// Builds the indices, in time linear in the objects.
pub fn link(snapshot: &Snapshot) -> Linked<'_> {
    let mut events = grouped(&snapshot.events.items, |event| &event.involved_object.uid);
    for told in events.values_mut() {
        told.sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
    }
    let mut pods_numbered: HashMap<Key<'_>, Vec<&Pod>> = HashMap::new();
    for pod in &snapshot.pods.items {
        if let Some((parent, _)) = parent_and_ordinal(&pod.metadata.name) {
            pods_numbered
                .entry((&pod.metadata.namespace, parent))
                .or_default()
                .push(pod);
        }
    }
    Linked {
        snapshot,
        pods_numbered,
        revisions: grouped(&snapshot.revisions.items, |revision| &revision.metadata.namespace),
        claims: by_name(&snapshot.claims.items),
        claims_by_namespace: grouped(&snapshot.claims.items, |claim| &claim.metadata.namespace),
        services: by_name(&snapshot.services.items),
        volumes: by_name(&snapshot.volumes.items),
        classes: by_name(&snapshot.classes.items),
        nodes: by_name(&snapshot.nodes.items),
        events,
    }
}

impl<'a> Linked<'a> {
    /// Pods of a namespace whose name is this one, a dash and an ordinal.
    pub fn pods_numbered<'s>(&'s self, namespace: &'s str, parent: &'s str) -> &'s [&'a Pod] {
        self.pods_numbered.get(&(namespace, parent)).map_or(&[], Vec::as_slice)
    }

    /// Revisions of a namespace, of all sets.
    pub fn revisions(&self, namespace: &str) -> &[&'a Revision] {
        self.revisions.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// A claim by name, if it was read.
    pub fn claim(&self, namespace: &str, name: &str) -> Option<&'a Claim> {
        self.claims.get(&(namespace, name)).copied()
    }

    /// Claims of a namespace.
    pub fn claims_in(&self, namespace: &str) -> impl Iterator<Item = &'a Claim> {
        self.claims_by_namespace.get(namespace).into_iter().flatten().copied()
    }

    /// A Service by name, if it was read.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        self.services.get(&(namespace, name)).copied()
    }

    /// A volume by name, if it was read.
    pub fn volume(&self, name: &str) -> Option<&'a PersistentVolume> {
        self.volumes.get(&("", name)).copied()
    }

    /// A storage class by name, if it was read.
    pub fn class(&self, name: &str) -> Option<&'a StorageClass> {
        self.classes.get(&("", name)).copied()
    }

    /// A node by name, if it was read.
    pub fn node(&self, name: &str) -> Option<&'a Node> {
        self.nodes.get(&("", name)).copied()
    }

    /// What was said about the object with this uid, newest first.
    pub fn events(&self, uid: &str) -> &[&'a Event] {
        self.events.get(uid).map_or(&[], Vec::as_slice)
    }

    /// The sets of the scope, in the order of the API: by namespace, then name.
    pub fn sets(&self) -> &'a [StatefulSet] {
        &self.snapshot.stateful_sets.items
    }
}
