//! A snapshot from what `kubectl get -o yaml|json` printed. Such a file does not say what was asked for, so what is not
//! in it is never known not to exist: a kind of which a namespace shows nothing was not read there, and what other
//! objects count on and the file lacks is named.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::gap::{Gap, GapReason};
use super::objects::Object;
use super::ordinal::numbered;
use super::place::Place;
use super::resource::Resource;
use super::rounds::{self, DIAGNOSIS};
use super::set::owns;
use super::snapshot::{Scope, Snapshot};

/// Why documents are no dump. Each reads on after the file's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDump {
    /// Nothing at all.
    #[error("is empty")]
    Empty,
    /// Lists of nothing.
    #[error("holds an empty list: kubectl found nothing where it was told to look")]
    Nothing,
    /// Something else.
    #[error("holds no recording and no Kubernetes object that is read here")]
    Foreign,
    /// Objects that no server has seen.
    #[error("holds manifests, not what a server answered: no object has a creationTimestamp")]
    Manifests,
}

/// At most this many pods of one set are named as missing: the count comes from the file.
const MOST_NAMED: usize = 8;

/// What the documents of a dump hold.
#[derive(Default)]
struct Contents {
    /// By resource, namespace and name: files of one folder may repeat each other, and the newer copy counts.
    objects: BTreeMap<(Resource, String, String), Value>,
    /// Resources with an object in this namespace.
    seen: BTreeSet<(Resource, String)>,
    /// Resources whose own list says that it is empty.
    empty: BTreeSet<Resource>,
    /// Resources of which only a first page is there.
    cut: BTreeSet<Resource>,
}

/// Reads documents: objects, and lists of them. `origin` is where they come from.
///
/// # Errors
/// When no object of a cluster is among them.
pub fn snapshot(documents: Vec<Value>, origin: &str) -> Result<Snapshot, NoDump> {
    if documents.is_empty() {
        return Err(NoDump::Empty);
    }
    let mut contents = Contents::default();
    let is_empty = |document: &Value| {
        document
            .get("items")
            .and_then(Value::as_array)
            .is_some_and(Vec::is_empty)
    };
    let nothing = documents.iter().all(is_empty);
    documents.into_iter().for_each(|document| contents.document(document));
    if contents.objects.is_empty() {
        return Err(if nothing { NoDump::Nothing } else { NoDump::Foreign });
    }
    let newest = contents.objects.values().filter_map(newest_instant).max();
    let taken_at = newest.ok_or(NoDump::Manifests)?;
    let mut snapshot = Snapshot::new(taken_at, format!("{origin} (as of {taken_at:.0})"), Scope::All);
    let namespaces: BTreeSet<String> = contents
        .objects
        .keys()
        .filter(|(resource, ..)| *resource == Resource::StatefulSets)
        .map(|(_, namespace, _)| namespace.clone())
        .collect();
    for ((resource, ..), object) in std::mem::take(&mut contents.objects) {
        if let Some(sink) = snapshot.sink(resource, Place::Scope) {
            sink.object(object);
        }
    }
    contents.answer(&DIAGNOSIS, &namespaces, &mut snapshot);
    // What would be asked for next is named as missing only where somebody would ask for it.
    let next = rounds::second_round(&snapshot, None).lists;
    let next: Vec<_> = next.into_iter().map(|list| list.resource).collect();
    let held: Vec<_> = Resource::ALL
        .into_iter()
        .filter(|resource| !DIAGNOSIS.contains(resource))
        .filter(|resource| next.contains(resource) || contents.holds(*resource))
        .collect();
    contents.answer(&held, &namespaces, &mut snapshot);
    name_what_is_counted_on(&mut snapshot);
    Ok(snapshot)
}

impl Contents {
    fn document(&mut self, document: Value) {
        let (api_version, kind) = (text_of(&document, "apiVersion"), text_of(&document, "kind"));
        let Some((item_kind, items)) = kind.strip_suffix("List").zip(document.get("items")) else {
            return self.object(Resource::of_kind(api_version, kind), document);
        };
        let typed = Resource::of_kind(api_version, item_kind);
        let items = items.as_array().cloned().unwrap_or_default();
        if let Some(resource) = typed {
            if items.is_empty() {
                self.empty.insert(resource);
            }
            if document.pointer("/metadata/continue").is_some_and(|token| token != "") {
                self.cut.insert(resource);
            }
        }
        for item in items {
            // Items of a typed list carry neither kind nor version of their own.
            let own = Resource::of_kind(text_of(&item, "apiVersion"), text_of(&item, "kind"));
            self.object(own.or(typed), item);
        }
    }

    fn object(&mut self, resource: Option<Resource>, object: Value) {
        let Some(resource) = resource else { return };
        let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (
            text("/metadata/namespace").to_owned(),
            text("/metadata/name").to_owned(),
        );
        self.seen.insert((resource, namespace.clone()));
        let version =
            |object: &Value| -> Option<u128> { object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok() };
        match self.objects.get(&(resource, namespace.clone(), name.clone())) {
            Some(known) if version(known) > version(&object) => {}
            _ => _ = self.objects.insert((resource, namespace, name), object),
        }
    }

    /// Whether the file says anything of a resource.
    fn holds(&self, resource: Resource) -> bool {
        self.empty.contains(&resource) || self.seen.iter().any(|(seen, _)| *seen == resource)
    }

    /// Notes for each resource that it was asked for, and what the file does not tell of it.
    fn answer(&self, resources: &[Resource], namespaces: &BTreeSet<String>, snapshot: &mut Snapshot) {
        for &resource in resources {
            if let Some(sink) = snapshot.sink(resource, Place::Scope) {
                sink.answered();
                self.gaps(resource, namespaces)
                    .into_iter()
                    .for_each(|gap| sink.gap(gap));
            }
        }
    }

    /// What the file does not tell of a resource.
    fn gaps(&self, resource: Resource, namespaces: &BTreeSet<String>) -> Vec<Gap> {
        if self.cut.contains(&resource) {
            return vec![Gap::list(resource, None, GapReason::AbsentFromDump)];
        }
        if self.empty.contains(&resource) {
            return Vec::new();
        }
        let absent = |namespace: Option<&str>| Gap::list(resource, namespace, GapReason::AbsentFromDump);
        if !self.holds(resource) {
            return vec![absent(None)];
        }
        if !resource.info().namespaced {
            return Vec::new();
        }
        namespaces
            .iter()
            .filter(|namespace| !self.seen.contains(&(resource, (*namespace).clone())))
            .map(|namespace| absent(Some(namespace.as_str())))
            .collect()
    }
}

/// A list by label or by name looks like a whole one. What shows that it is not: pods that the set counts, and claims
/// that pods mount.
fn name_what_is_counted_on(snapshot: &mut Snapshot) {
    let gap =
        |resource, namespace: &str, name: String| Gap::one(resource, Some(namespace), &name, GapReason::AbsentFromDump);
    let (mut pods, mut claims) = (Vec::new(), BTreeSet::new());
    for set in &snapshot.stateful_sets.items {
        let namespace = set.meta().namespace.as_str();
        let own = snapshot.pods.items.iter();
        let own: Vec<_> = own
            .filter(|pod| pod.metadata.namespace == namespace && owns(set, pod))
            .collect();
        let counted = usize::try_from(set.status.replicas).unwrap_or(0);
        let ordinals = i64::from(set.start())..i64::from(set.start()) + i64::from(set.replicas());
        let absent = ordinals.map(|ordinal| set.pod_name(ordinal));
        let absent = absent.filter(|name| own.iter().all(|pod| pod.metadata.name != *name));
        let missing = absent.take(counted.saturating_sub(own.len()).min(MOST_NAMED));
        pods.extend(missing.map(|name| gap(Resource::Pods, namespace, name)));
    }
    for pod in &snapshot.pods.items {
        let namespace = pod.metadata.namespace.as_str();
        let held = |name: &str| {
            let mut all = snapshot.claims.items.iter();
            all.any(|claim| claim.metadata.namespace == namespace && claim.metadata.name == name)
        };
        let numbered = numbered(&pod.metadata.name).is_some();
        for name in pod.claims().filter(|name| numbered && !held(name)) {
            claims.insert((namespace.to_owned(), name.to_owned()));
        }
    }
    // A list that is missing as a whole is named as such.
    if !snapshot.pods.items.is_empty() {
        snapshot.pods.gaps.extend(pods);
    }
    if !snapshot.claims.items.is_empty() {
        let gaps = claims.into_iter();
        let gaps = gaps.map(|(namespace, name)| gap(Resource::PersistentVolumeClaims, &namespace, name));
        snapshot.claims.gaps.extend(gaps);
    }
}

fn text_of<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The newest instant that a component wrote into an object: a dump does not say when it was made, but not before that.
fn newest_instant(value: &Value) -> Option<Timestamp> {
    // A deletion timestamp lies in the future by the grace period; the others hold what people write.
    const FOREIGN: [&str; 6] = [
        "deletionTimestamp",
        "annotations",
        "labels",
        "template",
        "data",
        "message",
    ];
    let is_instant = |field: &str| {
        ["Time", "Timestamp", "At", "time"]
            .iter()
            .any(|end| field.ends_with(end))
    };
    match value {
        Value::Array(items) => items.iter().filter_map(newest_instant).max(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(field, _)| !FOREIGN.contains(&field.as_str()))
            .filter_map(|(field, below)| match below {
                Value::String(text) if is_instant(field) => text.parse().ok(),
                Value::String(_) => None,
                below => newest_instant(below),
            })
            .max(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(replicas: i32) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "web", "namespace": "shop", "uid": "1", "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": {},
                "podManagementPolicy": "OrderedReady", "updateStrategy": {"type": "RollingUpdate"}},
            "status": {"replicas": replicas}})
    }

    fn pod(name: &str, version: &str, namespace: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": version,
                "labels": {"app": "web"}, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"containers": [{"name": "c"}], "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": format!("d-{name}")}}]},
            "status": {"phase": "Pending"}})
    }

    fn list(items: Vec<Value>) -> Value {
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn named(gaps: &[Gap]) -> Vec<String> {
        gaps.iter().map(Gap::what).collect()
    }

    #[test]
    fn a_kind_without_an_object_in_the_set_s_namespace_was_not_read_there() {
        let documents = vec![list(vec![set(0)]), pod("web-0", "1", "other")];
        let read = snapshot(documents, "f").unwrap();
        assert_eq!(named(&read.pods.gaps), ["pods in shop"]);
        assert_eq!(named(&read.claims.gaps), ["persistentvolumeclaims"]);
        assert!(read.stateful_sets.complete().is_ok());
    }

    #[test]
    fn a_typed_list_that_is_empty_is_known_to_be() {
        let nothing = json!({"apiVersion": "v1", "kind": "PodList", "items": []});
        let read = snapshot(vec![set(0), nothing], "f").unwrap();
        assert!(read.pods.complete().unwrap().is_empty());
        let cut = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"continue": "x"}, "items": [pod("web-0", "1", "shop")]});
        assert!(snapshot(vec![set(0), cut], "f").unwrap().pods.complete().is_err());
    }

    #[test]
    fn pods_that_the_set_counts_and_claims_that_pods_mount_are_named_when_absent() {
        let other = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": {"name": "d-web-9", "namespace": "shop", "uid": "9"}, "status": {"phase": "Bound"}});
        let read = snapshot(vec![list(vec![set(3), pod("web-1", "1", "shop"), other])], "f").unwrap();
        assert_eq!(named(&read.pods.gaps), ["pods shop/web-0", "pods shop/web-2"]);
        assert_eq!(named(&read.claims.gaps), ["persistentvolumeclaims shop/d-web-1"]);
    }

    #[test]
    fn of_two_copies_the_newer_counts() {
        let mut newer = pod("web-0", "10", "shop");
        newer["status"]["phase"] = "Failed".into();
        let read = snapshot(vec![newer, pod("web-0", "9", "shop")], "f").unwrap();
        assert_eq!(read.pods.items.len(), 1);
        assert_eq!(read.pods.items[0].status.phase, "Failed");
    }

    #[test]
    fn instants_that_people_wrote_do_not_move_the_clock() {
        let mut set = set(1);
        set["metadata"]["annotations"] = json!({"expiryTime": "2036-01-01T00:00:00Z"});
        set["metadata"]["deletionTimestamp"] = "2036-01-01T00:00:00Z".into();
        set["status"]["conditions"] = json!([{"lastTransitionTime": "2026-01-02T00:00:00Z"}]);
        let read = snapshot(vec![set], "f").unwrap();
        assert_eq!(read.taken_at.to_string(), "2026-01-02T00:00:00Z");
    }

    #[test]
    fn what_is_no_dump_is_refused_by_what_it_is() {
        let refusal = |documents| snapshot(documents, "f").unwrap_err();
        assert_eq!(refusal(vec![]), NoDump::Empty);
        assert_eq!(refusal(vec![list(vec![])]), NoDump::Nothing);
        assert_eq!(
            refusal(vec![json!("text"), json!({"a": 1}), list(vec![])]),
            NoDump::Foreign
        );
        let mut manifest = set(1);
        manifest["metadata"] = json!({"name": "web"});
        assert_eq!(refusal(vec![manifest]), NoDump::Manifests);
    }
}
