//! One StatefulSet with what belongs to it: a row for every ordinal it should have, whether its pod exists or not.

use std::collections::HashSet;

use super::link::Linked;
use super::objects::{Claim, Pod, Revision, Service, StatefulSet};
use super::ordinal::numbered;

/// At most this many ordinals are laid out; the API allows two thousand million replicas.
pub const MOST_ORDINALS: i64 = 100_000;

/// A set and its parts.
#[derive(Debug)]
pub struct SetModel<'a> {
    /// The set.
    pub set: &'a StatefulSet,
    /// The ordinals it should have, ascending.
    pub ordinals: Vec<Ordinal<'a>>,
    /// Pods of ordinals that it should no longer have, ascending.
    pub condemned: Vec<Ordinal<'a>>,
    /// Claims of ordinals that it does not have: kept for a later scale-up.
    pub parked: Vec<&'a Claim>,
    /// Its revisions, ascending by number.
    pub revisions: Vec<&'a Revision>,
    /// Its governing Service, if it was read.
    pub service: Option<&'a Service>,
}

/// One ordinal.
#[derive(Debug)]
pub struct Ordinal<'a> {
    /// The number in the pod's name.
    pub ordinal: i64,
    /// The name its pod has or would have.
    pub name: String,
    /// The pod, when the set has it.
    pub pod: Option<&'a Pod>,
    /// A pod of that name that the set does not own.
    pub foreign: Option<&'a Pod>,
    /// Its claims, one a template.
    pub claims: Vec<ClaimSlot<'a>>,
}

/// A claim that an ordinal has or would have.
#[derive(Debug)]
pub struct ClaimSlot<'a> {
    /// Name of the claim template.
    pub template: &'a str,
    /// Name of the claim.
    pub name: String,
    /// The claim, if it was read.
    pub claim: Option<&'a Claim>,
}

/// Whether the set has this pod, or would adopt it.
/// Source: `pkg/controller/controller_ref_manager.go` (ClaimPods), `stateful_set.go` (getPodsForStatefulSet).
pub fn owns(set: &StatefulSet, pod: &Pod) -> bool {
    let matches = set.spec.selector.matches(&pod.metadata.labels)
        && numbered(&pod.metadata.name).is_some_and(|(parent, _)| parent == set.metadata.name);
    match pod.metadata.controller() {
        Some(owner) => owner.uid == set.metadata.uid && matches,
        None => matches && !pod.metadata.terminating() && !set.metadata.terminating(),
    }
}

impl<'a> SetModel<'a> {
    /// Lays out one set.
    pub fn new(linked: &Linked<'a>, set: &'a StatefulSet) -> Self {
        let namespace = set.metadata.namespace.as_str();
        let first = i64::from(set.start());
        let wanted = i64::from(set.replicas()).min(MOST_ORDINALS);
        let row = |ordinal: i64| Ordinal {
            ordinal,
            name: set.pod_name(ordinal),
            pod: None,
            foreign: None,
            claims: set
                .claim_names(ordinal)
                .map(|(template, name)| ClaimSlot {
                    template,
                    claim: linked.claim(namespace, &name),
                    name,
                })
                .collect(),
        };
        let mut ordinals: Vec<_> = (first..first + wanted).map(row).collect();
        let mut condemned = Vec::new();
        for &pod in linked.pods_numbered(namespace, &set.metadata.name) {
            let Some((_, ordinal)) = numbered(&pod.metadata.name) else {
                continue;
            };
            let at = ordinal - first;
            let slot = usize::try_from(at).ok().and_then(|at| ordinals.get_mut(at));
            match (slot, owns(set, pod)) {
                (Some(slot), true) => slot.pod = Some(pod),
                (Some(slot), false) if slot.name == pod.metadata.name => slot.foreign = Some(pod),
                (None, true) => condemned.push(Ordinal {
                    pod: Some(pod),
                    ..row(ordinal)
                }),
                _ => {}
            }
        }
        condemned.sort_by_key(|row| row.ordinal);
        let mut revisions = linked.revisions(&set.metadata.uid).to_vec();
        let orphans = linked.orphan_revisions(namespace).iter();
        revisions.extend(orphans.filter(|revision| set.spec.selector.matches(&revision.metadata.labels)));
        revisions.sort_by_key(|revision| (revision.revision, revision.metadata.creation_timestamp));
        let service = linked.service(namespace, &set.spec.service_name);
        let rows = ordinals.iter().chain(&condemned);
        let laid_out: HashSet<&str> = rows
            .flat_map(|row| &row.claims)
            .map(|slot| slot.name.as_str())
            .collect();
        let parked = set.spec.volume_claim_templates.iter().flat_map(|template| {
            let parent = format!("{}-{}", template.metadata.name, set.metadata.name);
            linked.claims_numbered(namespace, &parent).to_vec()
        });
        let parked = parked
            .filter(|claim| !laid_out.contains(claim.metadata.name.as_str()))
            .collect();
        Self {
            set,
            ordinals,
            condemned,
            parked,
            revisions,
            service,
        }
    }

    /// All rows: wanted ordinals, then condemned ones.
    pub fn rows(&self) -> impl Iterator<Item = &Ordinal<'a>> {
        self.ordinals.iter().chain(&self.condemned)
    }

    /// Pods that are Ready among the wanted ordinals.
    pub fn ready(&self) -> usize {
        self.ordinals
            .iter()
            .filter(|row| row.pod.is_some_and(Pod::ready))
            .count()
    }

    /// Names that pods of somebody else take away from the set.
    pub fn taken(&self) -> impl Iterator<Item = &'a str> {
        self.ordinals
            .iter()
            .filter_map(|row| row.foreign)
            .map(|pod| pod.metadata.name.as_str())
    }

    /// The revision of this name.
    pub fn revision(&self, name: &str) -> Option<&'a Revision> {
        self.revisions
            .iter()
            .find(|revision| revision.metadata.name == name)
            .copied()
    }
}
