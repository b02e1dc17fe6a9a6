//! Indices over a snapshot, built once: by name, by uid, and from an object to what speaks about it.

use std::cell::OnceCell;
use std::collections::HashMap;

use super::declared::{Declared, declared};
use super::objects::{
    Claim, EndpointSlice, Event, Meta, Node, Object, PersistentVolume, Pod, Revision, Service, StatefulSet,
    StorageClass,
};
use super::ordinal;
use super::snapshot::Snapshot;

/// A snapshot with its indices.
#[derive(Debug)]
pub struct Linked<'a> {
    /// What was read.
    pub snapshot: &'a Snapshot,
    pods_numbered: HashMap<Key<'a>, Vec<&'a Pod>>,
    pods_of: HashMap<&'a str, Vec<&'a Pod>>,
    revisions: HashMap<&'a str, Vec<&'a Revision>>,
    orphan_revisions: HashMap<&'a str, Vec<&'a Revision>>,
    claims: HashMap<Key<'a>, &'a Claim>,
    claims_numbered: HashMap<Key<'a>, Vec<&'a Claim>>,
    services: HashMap<Key<'a>, &'a Service>,
    slices: HashMap<Key<'a>, Vec<&'a EndpointSlice>>,
    volumes: HashMap<Key<'a>, &'a PersistentVolume>,
    classes: HashMap<Key<'a>, &'a StorageClass>,
    nodes: HashMap<Key<'a>, &'a Node>,
    events: HashMap<&'a str, Vec<&'a Event>>,
    declared: OnceCell<Vec<Declared<'a>>>,
}

type Key<'a> = (&'a str, &'a str);

fn key(meta: &Meta) -> Key<'_> {
    (&meta.namespace, &meta.name)
}

fn by_name<T: Object>(items: &[T]) -> HashMap<Key<'_>, &T> {
    items.iter().map(|item| (key(item.meta()), item)).collect()
}

/// By a key; what has none is left out.
fn grouped<'a, T>(items: &'a [T], key: impl Fn(&'a T) -> Option<&'a str>) -> HashMap<&'a str, Vec<&'a T>> {
    let mut groups: HashMap<&str, Vec<&T>> = HashMap::new();
    for item in items {
        if let Some(key) = key(item) {
            groups.entry(key).or_default().push(item);
        }
    }
    groups
}

/// By namespace and by what precedes the ordinal in the name.
fn numbered<T: Object>(items: &[T]) -> HashMap<Key<'_>, Vec<&T>> {
    let mut groups: HashMap<Key<'_>, Vec<&T>> = HashMap::new();
    for item in items {
        let meta = item.meta();
        if let Some((parent, _)) = ordinal::numbered(&meta.name) {
            groups.entry((&meta.namespace, parent)).or_default().push(item);
        }
    }
    groups
}

/// By namespace and Service.
fn by_service(slices: &[EndpointSlice]) -> HashMap<Key<'_>, Vec<&EndpointSlice>> {
    let mut groups: HashMap<Key<'_>, Vec<&EndpointSlice>> = HashMap::new();
    for slice in slices {
        if let Some(service) = slice.service() {
            groups
                .entry((&slice.metadata.namespace, service))
                .or_default()
                .push(slice);
        }
    }
    groups
}

/// Builds the indices, in time linear in the objects.
pub fn link(snapshot: &Snapshot) -> Linked<'_> {
    let mut events = grouped(&snapshot.events.items, |event| Some(&event.involved_object.uid));
    for told in events.values_mut() {
        told.sort_by_key(|event| std::cmp::Reverse(event.last_seen()));
    }
    Linked {
        snapshot,
        pods_numbered: numbered(&snapshot.pods.items),
        pods_of: grouped(&snapshot.pods.items, |pod| Some(&pod.metadata.namespace)),
        revisions: grouped(&snapshot.revisions.items, |revision| {
            Some(revision.metadata.controller()?.uid.as_str())
        }),
        orphan_revisions: grouped(&snapshot.revisions.items, |revision| {
            let orphan = revision.metadata.controller().is_none();
            orphan.then_some(revision.metadata.namespace.as_str())
        }),
        claims: by_name(&snapshot.claims.items),
        claims_numbered: numbered(&snapshot.claims.items),
        services: by_name(&snapshot.services.items),
        slices: by_service(&snapshot.slices.items),
        volumes: by_name(&snapshot.volumes.items),
        classes: by_name(&snapshot.classes.items),
        nodes: by_name(&snapshot.nodes.items),
        events,
        declared: OnceCell::new(),
    }
}

impl<'a> Linked<'a> {
    /// Pods of a namespace whose name is this one, a dash and an ordinal.
    pub fn pods_numbered<'s>(&'s self, namespace: &'s str, parent: &'s str) -> &'s [&'a Pod] {
        self.pods_numbered.get(&(namespace, parent)).map_or(&[], Vec::as_slice)
    }

    /// Pods of a namespace, whoever owns them.
    pub fn pods_of<'s>(&'s self, namespace: &'s str) -> &'s [&'a Pod] {
        self.pods_of.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// Revisions that the owner with this uid controls.
    pub fn revisions<'s>(&'s self, owner: &'s str) -> &'s [&'a Revision] {
        self.revisions.get(owner).map_or(&[], Vec::as_slice)
    }

    /// Revisions of a namespace that nobody controls.
    pub fn orphan_revisions<'s>(&'s self, namespace: &'s str) -> &'s [&'a Revision] {
        self.orphan_revisions.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// A claim by name, if it was read.
    pub fn claim(&self, namespace: &str, name: &str) -> Option<&'a Claim> {
        self.claims.get(&(namespace, name)).copied()
    }

    /// Claims of a namespace whose name is this one, a dash and an ordinal.
    pub fn claims_numbered<'s>(&'s self, namespace: &'s str, parent: &'s str) -> &'s [&'a Claim] {
        self.claims_numbered
            .get(&(namespace, parent))
            .map_or(&[], Vec::as_slice)
    }

    /// A Service by name, if it was read.
    pub fn service(&self, namespace: &str, name: &str) -> Option<&'a Service> {
        self.services.get(&(namespace, name)).copied()
    }

    /// The slices of a Service, whoever made them.
    pub fn slices<'s>(&'s self, service: &'s Service) -> &'s [&'a EndpointSlice] {
        self.slices.get(&key(&service.metadata)).map_or(&[], Vec::as_slice)
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

    /// Who declares to answer to a provisioner's name; looked up once, when a claim waits.
    pub fn declared(&self) -> &[Declared<'a>] {
        self.declared.get_or_init(|| declared(self.snapshot))
    }

    /// The sets of the scope, in the order of the API: by namespace, then name.
    pub fn sets(&self) -> &'a [StatefulSet] {
        &self.snapshot.stateful_sets.items
    }
}
