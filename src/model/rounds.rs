//! What each command reads: the first round by a table, the second by what the first one showed.

use std::collections::BTreeSet;

use super::objects::{Claim, exceeded};
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

/// One object to be read by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want {
    /// Its resource.
    pub resource: Resource,
    /// Its namespace, where it has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

/// At most this many single reads are made; what lies beyond stays unconfirmed and is said as likely.
pub const MOST_WANTS: usize = 32;

/// The second round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SecondRound {
    /// Lists over all namespaces.
    pub lists: Vec<Resource>,
    /// Objects whose absence something rests on, and that a read of their own must confirm: lists are torn.
    pub reads: Vec<Want>,
}

/// What the first round calls for.
pub fn second_round(first: &Snapshot) -> SecondRound {
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
    let lists = match first.claims.items.iter().any(asks_for_a_class) {
        false => Vec::new(),
        true => PROVISIONERS
            .into_iter()
            .filter(|resource| !covered(first, *resource))
            .collect(),
    };
    SecondRound {
        lists,
        reads: reads.into_iter().take(MOST_WANTS).collect(),
    }
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
    }
}
