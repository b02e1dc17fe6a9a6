//! What a rule about a manifest may look at.

use serde_json::Value;

use super::references::references;
use crate::controller;
use crate::diagnose::finding::ObjectRef;
use crate::model::gap::Gap;
use crate::model::listing::Listing;
use crate::model::manifest::{Manifest, Told};
use crate::model::objects::{Object, Service, StatefulSet};
use crate::model::place::Place;
use crate::model::resource::Resource;
use crate::model::rounds::{MOST_WANTS, Want};
use crate::model::snapshot::Snapshot;

/// The newest minor version whose rules are known.
const NEWEST: u32 = 36;

/// The set as it is now.
#[derive(Clone, Debug)]
pub enum Current {
    /// As the server stores it.
    There(Value),
    /// There is none.
    Absent,
    /// Nobody looked, or nobody could.
    Unknown(Gap),
}

/// Everything that is known when one manifest is checked.
#[derive(Debug)]
pub struct Context<'a> {
    /// The manifest, in its namespace.
    pub manifest: &'a Manifest,
    /// The set that it describes, defaults filled in; empty where the manifest is misshapen.
    pub set: StatefulSet,
    /// The field that does not have the API's shape, and why.
    pub misshapen: Option<String>,
    /// The set that it would replace.
    pub current: Current,
    /// The same in lean form.
    pub current_set: Option<StatefulSet>,
    /// What the server said to it.
    pub told: Told,
    /// What the server said to it as a new set.
    pub told_anew: Option<Told>,
    /// What will be there when all manifests are applied.
    pub after: &'a Snapshot,
    /// The server's minor version; the newest one known where it does not say.
    pub minor: u32,
}

/// Whether an object will be there.
#[derive(Debug)]
pub enum Standing<'a, T> {
    /// It will.
    There(&'a T),
    /// It will not; certain where a read of its own confirmed it.
    Absent {
        /// Whether a single read confirmed it.
        certain: bool,
    },
    /// Nobody knows.
    Unknown(Gap),
}

impl<'a> Context<'a> {
    /// Puts together what is known of one manifest.
    pub fn new(
        manifest: &'a Manifest,
        current: Current,
        told: Told,
        told_anew: Option<Told>,
        after: &'a Snapshot,
    ) -> Self {
        let (set, misshapen) = match manifest.set() {
            Ok(set) => (set, None),
            Err(wrong) => (StatefulSet::default(), Some(wrong)),
        };
        let current_set = match &current {
            Current::There(object) => serde_json::from_value(object.clone()).ok(),
            Current::Absent | Current::Unknown(_) => None,
        };
        let version = after.server_version.as_deref().and_then(controller::version);
        Self {
            manifest,
            set,
            misshapen,
            current,
            current_set,
            told,
            told_anew,
            after,
            minor: version.map_or(NEWEST, |(minor, _)| minor),
        }
    }

    /// The manifest's set as an object.
    pub fn object(&self) -> ObjectRef {
        let kind = Resource::StatefulSets.info().kind;
        ObjectRef::named(kind, self.manifest.namespace(), self.manifest.name())
    }

    /// Its namespace.
    pub fn namespace(&self) -> &'a str {
        self.manifest.namespace()
    }

    /// Whether the server itself takes the manifest: then nothing that is predicted says more.
    pub fn accepted(&self) -> bool {
        matches!(self.told, Told::Accepted(_))
    }

    /// Whether rules of this version are the server's own, for what is predicted.
    pub fn version_known(&self) -> bool {
        self.after.server_version.is_some() && self.minor <= NEWEST
    }

    /// The items of a listing that lie in the set's namespace.
    pub fn here<'l, T: Object>(&self, listing: &'l Listing<T>) -> impl Iterator<Item = &'l T> {
        let namespace = self.namespace();
        listing
            .items
            .iter()
            .filter(move |item| item.meta().namespace == namespace)
    }

    /// Whether an object of the set's namespace, or of none, will be there.
    pub fn standing<'l, T: Object>(&self, listing: &'l Listing<T>, name: &str) -> Standing<'l, T> {
        let resource = listing.resource();
        let namespace = resource.info().namespaced.then_some(self.namespace());
        let at = namespace.unwrap_or_default();
        let mut items = listing.items.iter();
        if let Some(item) = items.find(|item| item.meta().name == name && item.meta().namespace == at) {
            return Standing::There(item);
        }
        if self.after.confirmed_absent(resource, namespace, name) {
            return Standing::Absent { certain: true };
        }
        if let Some(gap) = listing.gaps.iter().find(|gap| gap.name.as_deref() == Some(name)) {
            return Standing::Unknown(gap.clone());
        }
        match listing.complete() {
            Ok(_) => Standing::Absent { certain: false },
            Err(gap) => Standing::Unknown(Gap {
                namespace: namespace.map(str::to_owned),
                name: Some(name.to_owned()),
                ..gap
            }),
        }
    }

    /// The governing Service, where the manifest names one.
    pub fn service(&self) -> Option<Standing<'a, Service>> {
        let name = self.set.spec.service_name.as_str();
        (!name.is_empty()).then(|| self.standing(&self.after.services, name))
    }

    /// The ordinals that the set would have, at most so many.
    pub fn ordinals(&self) -> std::ops::Range<i64> {
        let start = i64::from(self.set.start());
        start..start + i64::from(self.set.replicas()).min(crate::model::set::MOST_ORDINALS)
    }
}

/// The single objects that a manifest calls for, at most [`MOST_WANTS`]. Secrets only when their names may be asked for.
pub fn wants<'m>(manifests: impl IntoIterator<Item = &'m Manifest>, secret_names: bool) -> Vec<Want> {
    let mut wants = std::collections::BTreeSet::new();
    for manifest in manifests {
        let mut want = |resource: Resource, name: &str| {
            wants.insert(Want {
                resource,
                place: Place::Scope,
                namespace: resource.info().namespaced.then(|| manifest.namespace().to_owned()),
                name: name.to_owned(),
                // Services and classes are listed; a read of their own confirms an absence.
                needed: ![Resource::Services, Resource::StorageClasses].contains(&resource),
            });
        };
        let service = manifest.text("/spec/serviceName");
        if !service.is_empty() {
            want(Resource::Services, service);
        }
        let templates = manifest
            .object
            .pointer("/spec/volumeClaimTemplates")
            .and_then(Value::as_array);
        for template in templates.into_iter().flatten() {
            let class = template.pointer("/spec/storageClassName").and_then(Value::as_str);
            if let Some(class) = class.filter(|class| !class.is_empty()) {
                want(Resource::StorageClasses, class);
            }
        }
        let template = manifest.object.pointer("/spec/template").unwrap_or(&Value::Null);
        for reference in references(template) {
            // Claims are listed.
            let listed = reference.resource == Resource::PersistentVolumeClaims;
            let secret = reference.resource == Resource::Secrets;
            if !listed && (secret_names || !secret) {
                want(reference.resource, &reference.name);
            }
        }
    }
    wants.into_iter().take(MOST_WANTS).collect()
}

/// The cluster as it will be when these manifests are applied beside the set.
pub fn apply<'m>(snapshot: &mut Snapshot, manifests: impl IntoIterator<Item = &'m Manifest>) {
    for manifest in manifests {
        let Some(resource) = manifest.resource() else { continue };
        let mut object = manifest.object.clone();
        if resource == Resource::Services {
            keep_address(snapshot, manifest, &mut object);
        }
        if let Some(sink) = snapshot.sink(resource, Place::Scope) {
            sink.put(object);
        }
    }
}

/// A Service keeps the address that it has where its manifest does not say.
fn keep_address(snapshot: &Snapshot, manifest: &Manifest, object: &mut Value) {
    let mut services = snapshot.services.items.iter();
    let known = services
        .find(|known| known.metadata.name == manifest.name() && known.metadata.namespace == manifest.namespace());
    let spec = object.get_mut("spec").and_then(Value::as_object_mut);
    if let (Some(known), Some(spec)) = (known, spec)
        && !known.spec.cluster_ip.is_empty()
    {
        spec.entry("clusterIP")
            .or_insert_with(|| known.spec.cluster_ip.as_str().into());
    }
}
