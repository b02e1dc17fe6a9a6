//! What each command reads: the first round by a table, the second by what the first one showed.

use std::collections::{BTreeSet, HashSet};

use super::named::Named;
use super::objects::{Claim, StatefulSet, exceeded};
use super::ordinal::numbered;
use super::resource::Resource;
use super::snapshot::{Scope, Snapshot};

/// The first round of `status` and `diagnose`.
pub const DIAGNOSIS: [Resource; 10] = [
    Resource::StatefulSets,
    Resource::Pods,
    Resource::PersistentVolumeClaims,
    Resource::PersistentVolumes,
    Resource::StorageClasses,
    Resource::Services,
    Resource::EndpointSlices,
    Resource::ControllerRevisions,
    Resource::Events,
    Resource::Nodes,
];

/// What `history` and `diff` read.
pub const HISTORY: [Resource; 3] = [Resource::StatefulSets, Resource::Pods, Resource::ControllerRevisions];

/// What `dns` reads of the namespace.
pub const NAMES: [Resource; 5] = [
    Resource::StatefulSets,
    Resource::Pods,
    Resource::Services,
    Resource::EndpointSlices,
    Resource::Events,
];

/// What `plan` reads beside what a diagnosis does: what interferes with a change.
pub const INTERFERENCE: [Resource; 2] = [Resource::PodDisruptionBudgets, Resource::HorizontalPodAutoscalers];

/// What `check` lists; what a manifest names it reads by name.
pub const CHECK: [Resource; 5] = [
    Resource::StatefulSets,
    Resource::Pods,
    Resource::PersistentVolumeClaims,
    Resource::StorageClasses,
    Resource::Services,
];

/// What `check` reads by name where a manifest's pods need it; a Secret only on request, and never what it holds.
pub const READ_BY_NAME: [Resource; 4] = [
    Resource::ConfigMaps,
    Resource::ServiceAccounts,
    Resource::PriorityClasses,
    Resource::Secrets,
];

/// What a recording holds beyond that, so that later questions can be asked of it.
pub const RECORDED_BESIDES: [Resource; 4] = [
    Resource::VolumeAttachments,
    Resource::PodDisruptionBudgets,
    Resource::ResourceQuotas,
    Resource::HorizontalPodAutoscalers,
];

/// Where a provisioner can show itself; asked for when a claim waits. All namespaces: drivers live in their own.
pub const PROVISIONERS: [Resource; 7] = [
    Resource::Pods,
    Resource::StatefulSets,
    Resource::Deployments,
    Resource::DaemonSets,
    Resource::Leases,
    Resource::CsiDrivers,
    Resource::CsiNodes,
];

/// The lists of the first round. Volumes are the cluster's and many: for one namespace the second round reads the few that
/// its claims name.
pub fn first_round(needed: &[Resource], scope: &Scope) -> Vec<Resource> {
    let listed = |resource: &Resource| *scope == Scope::All || *resource != Resource::PersistentVolumes;
    needed.iter().copied().filter(listed).collect()
}

/// One object to be read by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether it is needed itself, so that failing to read it is a gap; otherwise the read confirms an absence, which stays
    /// unconfirmed without an answer.
    pub needed: bool,
}

/// At most this many single reads are made; what lies beyond stays unconfirmed and is said as likely.
pub const MOST_WANTS: usize = 32;

/// At most this many volumes are read by name; where claims name more, all are listed.
pub const MOST_VOLUMES: usize = 32;

/// The second round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SecondRound {
    /// Lists over all namespaces, or of the cluster.
    pub lists: Vec<Resource>,
    /// Objects whose absence something rests on, and that a read of their own must confirm: lists are torn. And volumes.
    pub reads: Vec<Want>,
}

/// What the first round calls for. `volumes_of`: the names of sets whose volumes are still to be read, none meaning all sets
/// of the scope; `None` when volumes were listed or are not needed.
pub fn second_round(first: &Snapshot, volumes_of: Option<&[String]>) -> SecondRound {
    let mut reads = BTreeSet::new();
    let mut classes_waited_for = BTreeSet::new();
    for claim in first
        .claims
        .items
        .iter()
        .filter(|claim| claim.status.phase == "Pending")
    {
        classes_waited_for.extend(claim.class().filter(|class| !class.is_empty()));
    }
    for class in &classes_waited_for {
        match first.classes.items.iter().find(|known| known.metadata.name == *class) {
            Some(class) => reads.insert(want(Resource::CsiDrivers, None, &class.provisioner)),
            None => reads.insert(want(Resource::StorageClasses, None, class)),
        };
    }
    if let Ok(services) = first.services.complete() {
        let known: BTreeSet<_> = services
            .iter()
            .map(|s| (&s.metadata.namespace, &s.metadata.name))
            .collect();
        for set in first
            .stateful_sets
            .items
            .iter()
            .filter(|set| !set.spec.service_name.is_empty())
        {
            if !known.contains(&(&set.metadata.namespace, &set.spec.service_name)) {
                reads.insert(want(
                    Resource::Services,
                    Some(&set.metadata.namespace),
                    &set.spec.service_name,
                ));
            }
        }
    }
    let refused = first.events.items.iter().filter(|event| event.reason == "FailedCreate");
    for event in refused {
        if let Some(exceeded) = exceeded(&event.message) {
            let namespace = &event.involved_object.namespace;
            reads.insert(want(Resource::ResourceQuotas, Some(namespace), exceeded.quota));
        }
    }
    // A claim without a class asks which class could become the default: one whose provisioner runs.
    let asks_for_a_class = |claim: &Claim| claim.status.phase == "Pending" && claim.class() != Some("");
    let mut lists: Vec<_> = match first.claims.items.iter().any(asks_for_a_class) {
        false => Vec::new(),
        true => PROVISIONERS
            .into_iter()
            .filter(|resource| !covered(first, *resource))
            .collect(),
    };
    let mut reads: Vec<_> = reads.into_iter().take(MOST_WANTS).collect();
    match volumes_of.map(|names| volumes(first, names)) {
        Some(Some(volumes)) => reads.extend(volumes),
        Some(None) => lists.push(Resource::PersistentVolumes),
        None => {}
    }
    SecondRound { lists, reads }
}

/// The volumes that the sets' claims are bound to; `None` where all volumes must be looked at: there are many, claims were
/// not read, or one waits, for one that is there already or for a provisioner that the volumes which it made show.
fn volumes(first: &Snapshot, names: &[String]) -> Option<Vec<Want>> {
    let claims = first.claims.complete().ok()?;
    if claims.iter().any(|claim| claim.status.phase == "Pending") {
        return None;
    }
    // A name that means nothing is refused where it is used.
    let named: Vec<_> = names.iter().filter_map(|name| Named::parse(name).ok()).collect();
    let meant = |set: &&StatefulSet| names.is_empty() || named.iter().any(|name| name.means(set));
    let prefixes: HashSet<String> = first
        .stateful_sets
        .items
        .iter()
        .filter(meant)
        .flat_map(StatefulSet::claim_prefixes)
        .collect();
    let of_a_set = |claim: &&Claim| {
        numbered(&claim.metadata.name).is_some_and(|(prefix, _)| prefixes.contains(prefix))
            && !claim.spec.volume_name.is_empty()
    };
    let volumes = claims.iter().filter(of_a_set).map(|claim| Want {
        needed: true,
        ..want(Resource::PersistentVolumes, None, &claim.spec.volume_name)
    });
    let volumes: Vec<_> = volumes.take(MOST_VOLUMES + 1).collect();
    (volumes.len() <= MOST_VOLUMES).then_some(volumes)
}

/// Whether the first round read this resource over all namespaces already.
fn covered(first: &Snapshot, resource: Resource) -> bool {
    first.scope == Scope::All && DIAGNOSIS.contains(&resource)
}

fn want(resource: Resource, namespace: Option<&str>, name: &str) -> Want {
    Want {
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        needed: false,
    }
}
