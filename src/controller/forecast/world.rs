//! The state that a forecast evolves: what calls do to it, and what happens by itself.
//!
//! Sources beside the controller: `pkg/controller/garbagecollector` (an object goes when all its owners are gone),
//! `pkg/controller/volume/pvcprotection` (a claim stays as long as a pod uses it).

use std::borrow::Cow;
use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::{Assumption, Event, Outcome};
use crate::controller::sync::{patch, sync};
use crate::controller::{Call, Decision, Input, Op, Profile};
use crate::model::objects::{
    Claim, Condition, Meta, OwnerReference, Pod, PodSpec, PodStatus, Revision, StatefulSet, Volume, VolumeClaimSource,
};
use crate::model::ordinal::parent_and_ordinal;

/// Keeps a claim while a pod uses it; the only finalizer that is known to go by itself.
const PROTECTION: &str = "kubernetes.io/pvc-protection";
/// What stands before the number in the uid of a pod that does not exist yet.
const LATER: &str = "later-";

pub(super) struct World<'a> {
    set: Cow<'a, StatefulSet>,
    pods: Vec<Cow<'a, Pod>>,
    claims: Vec<Cow<'a, Claim>>,
    revisions: Vec<Cow<'a, Revision>>,
    taken: HashSet<&'a str>,
    now: Timestamp,
    profile: Profile,
    revisions_read: bool,
    trust_status: bool,
    assumption: &'a Assumption<'a>,
    made: usize,
}

/// What happened by itself.
pub(super) enum Moved {
    /// Claims whose owners are gone.
    Collected(Vec<String>),
    /// Pods that were being deleted.
    Stopped(Vec<String>),
    /// Pods that are Ready now.
    Started(Vec<String>),
    /// So much time went by, and these pods are available.
    Waited(SignedDuration, Vec<String>),
}

impl Moved {
    pub fn events(self) -> impl Iterator<Item = Event> {
        let (names, event): (_, fn(String) -> Event) = match self {
            Self::Collected(names) => (names, Event::ClaimGone),
            Self::Stopped(names) => (names, Event::PodGone),
            Self::Started(names) => (names, Event::PodReady),
            Self::Waited(_, names) => (names, Event::PodAvailable),
        };
        names.into_iter().map(event)
    }
}

impl<'a> World<'a> {
    pub fn new(input: &'a Input<'a>, assumption: &'a Assumption<'a>) -> Self {
        let mut claims: Vec<_> = input.claims.values().map(|claim| Cow::Borrowed(*claim)).collect();
        claims.sort_by(|a, b| a.metadata.name.cmp(&b.metadata.name));
        Self {
            set: Cow::Borrowed(input.set),
            pods: input.pods.iter().map(|pod| Cow::Borrowed(*pod)).collect(),
            claims,
            revisions: input
                .revisions
                .iter()
                .map(|revision| Cow::Borrowed(*revision))
                .collect(),
            taken: input.taken.union(&assumption.refused).copied().collect(),
            now: input.now,
            profile: input.profile,
            revisions_read: input.revisions_read,
            trust_status: input.trust_status,
            assumption,
            made: 0,
        }
    }

    /// Asks something of the state as it is now.
    pub fn look<T>(&self, ask: impl FnOnce(&Input<'_>) -> T) -> T {
        ask(&Input {
            set: &self.set,
            pods: self.pods.iter().map(AsRef::as_ref).collect(),
            claims: self
                .claims
                .iter()
                .map(|claim| (claim.metadata.name.as_str(), claim.as_ref()))
                .collect(),
            revisions: self.revisions.iter().map(AsRef::as_ref).collect(),
            taken: self.taken.clone(),
            now: self.now,
            profile: self.profile,
            revisions_read: self.revisions_read,
            trust_status: self.trust_status,
        })
    }

    pub fn decide(&self) -> Decision {
        self.look(sync)
    }

    /// Carries one call of a decision out; whether it changed anything.
    pub fn apply(&mut self, call: &Call, decision: &Decision) -> bool {
        let name = call.name.as_str();
        let revision = call.revision.as_deref().unwrap_or_default();
        match call.op {
            Op::CreatePod => self.create_pod(name, revision),
            Op::DeletePod => {
                let now = self.now;
                let pod = self.pods.iter_mut().find(|pod| pod.metadata.name == name);
                match pod.filter(|pod| !pod.metadata.terminating()) {
                    Some(pod) => pod.to_mut().metadata.deletion_timestamp = Some(now),
                    None => return false,
                }
                true
            }
            Op::UpdatePod => self.update_pod(name),
            Op::CreateClaim => {
                let absent = self.claims.iter().all(|claim| claim.metadata.name != name);
                if absent {
                    let metadata = self.later(name);
                    self.claims.push(Cow::Owned(Claim {
                        metadata,
                        ..Claim::default()
                    }));
                }
                absent
            }
            Op::UpdateClaim => self.update_claim(name, decision),
            Op::CreateRevision => {
                let mut metadata = self.later(name);
                metadata.labels = self.set.spec.template.labels();
                self.revisions.push(Cow::Owned(Revision {
                    metadata,
                    revision: revision.parse().unwrap_or(0),
                    data: patch(&self.set.spec.template.0, &self.profile),
                    ..Revision::default()
                }));
                true
            }
            Op::UpdateRevision => {
                let known = self.revisions.iter_mut().find(|known| known.metadata.name == name);
                if let Some(known) = known {
                    known.to_mut().revision = revision.parse().unwrap_or(0);
                }
                true
            }
            Op::DeleteRevision => {
                self.revisions.retain(|known| known.metadata.name != name);
                true
            }
        }
    }

    /// Metadata of an object that does not exist yet.
    fn later(&mut self, name: &str) -> Meta {
        self.made += 1;
        Meta {
            name: name.to_owned(),
            namespace: self.set.metadata.namespace.clone(),
            uid: format!("{LATER}{}", self.made),
            ..Meta::default()
        }
    }

    fn create_pod(&mut self, name: &str, revision: &str) -> bool {
        let exists = self.pods.iter().any(|pod| pod.metadata.name == name);
        if exists || self.taken.contains(name) {
            return false;
        }
        let mut metadata = self.later(name);
        let labels = [
            ("statefulset.kubernetes.io/pod-name", name),
            ("controller-revision-hash", revision),
        ];
        metadata.labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let (_, ordinal) = parent_and_ordinal(name);
        let volumes = self.set.claim_names(ordinal).map(|(template, claim_name)| Volume {
            config_map: None,
            name: template.to_owned(),
            persistent_volume_claim: Some(VolumeClaimSource { claim_name }),
        });
        self.pods.push(Cow::Owned(Pod {
            metadata,
            spec: PodSpec {
                volumes: volumes.collect(),
                ..PodSpec::default()
            },
            status: PodStatus {
                phase: "Pending".to_owned(),
                ..PodStatus::default()
            },
        }));
        true
    }

    /// Labels can be made right; volumes cannot.
    fn update_pod(&mut self, name: &str) -> bool {
        const LABEL: &str = "statefulset.kubernetes.io/pod-name";
        let wrong = |pod: &&mut Cow<'_, Pod>| {
            pod.metadata.name == name && pod.metadata.labels.get(LABEL).map(String::as_str) != Some(name)
        };
        let pod = self.pods.iter_mut().find(wrong);
        let found = pod.is_some();
        if let Some(pod) = pod {
            let labels = &mut pod.to_mut().metadata.labels;
            labels.insert(LABEL.to_owned(), name.to_owned());
        }
        found
    }

    fn update_claim(&mut self, name: &str, decision: &Decision) -> bool {
        let claim = self.claims.iter_mut().find(|claim| claim.metadata.name == name);
        let (Some(claim), Some(owners)) = (claim, decision.claim_owners.get(name)) else {
            return false;
        };
        let changed = claim.metadata.owner_references != *owners;
        if changed {
            claim.to_mut().metadata.owner_references.clone_from(owners);
        }
        changed
    }

    /// Writes the status; whether the next sync may decide otherwise for it.
    pub fn write_status(&mut self, decision: &Decision) -> bool {
        let Some(fresh) = &decision.status else { return false };
        let stored = &self.set.status;
        let strategy = &self.set.spec.update_strategy;
        // Where the type alone was given the count stands for the partition.
        let counts = strategy.rolling_update.is_none() && stored.current_replicas != fresh.current_replicas;
        let matters = counts
            || stored.current_revision != fresh.current_revision
            || stored.update_revision != fresh.update_revision;
        self.set.to_mut().status = fresh.clone();
        matters
    }

    /// The next thing that happens by itself. `waiting`: whether somebody waits for time to pass.
    pub fn advance(&mut self, waiting: bool) -> Option<Moved> {
        self.collect()
            .or_else(|| self.stop())
            .or_else(|| self.start())
            .or_else(|| self.wait().filter(|_| waiting))
    }

    fn collect(&mut self) -> Option<Moved> {
        let pods = &self.pods;
        let gone = |owner: &OwnerReference| match owner.kind.as_str() {
            "Pod" => pods.iter().all(|pod| pod.metadata.uid != owner.uid),
            "StatefulSet" => owner.name == self.set.metadata.name && owner.uid != self.set.metadata.uid,
            _ => false,
        };
        // A pod that was not scheduled does not protect its claims.
        let used = |name: &str| {
            let bound = |pod: &&Cow<'_, Pod>| !pod.spec.node_name.is_empty() || pod.metadata.uid.starts_with(LATER);
            pods.iter()
                .filter(bound)
                .any(|pod| pod.claims().any(|claim| claim == name))
        };
        let mut collected = Vec::new();
        let mut moved = false;
        let now = self.now;
        self.claims.retain_mut(|claim| {
            let owners = &claim.metadata.owner_references;
            let orphaned = !owners.is_empty() && owners.iter().all(gone);
            if !orphaned && !claim.metadata.terminating() {
                return true;
            }
            let held = claim
                .metadata
                .finalizers
                .iter()
                .any(|finalizer| finalizer != PROTECTION);
            if held || used(&claim.metadata.name) {
                if !claim.metadata.terminating() {
                    claim.to_mut().metadata.deletion_timestamp = Some(now);
                    moved = true;
                }
                return true;
            }
            collected.push(claim.metadata.name.clone());
            moved = true;
            false
        });
        moved.then_some(Moved::Collected(collected))
    }

    fn stop(&mut self) -> Option<Moved> {
        let lingering = &self.assumption.lingering;
        let mut stopped = Vec::new();
        self.pods.retain(|pod| {
            let meta = &pod.metadata;
            let stays = !meta.terminating() || !meta.finalizers.is_empty() || lingering.contains(meta.uid.as_str());
            if !stays {
                stopped.push(meta.name.clone());
            }
            stays
        });
        (!stopped.is_empty()).then_some(Moved::Stopped(stopped))
    }

    fn start(&mut self) -> Option<Moved> {
        let (now, assumption) = (self.now, self.assumption);
        let starts = |pod: &&mut Cow<'_, Pod>| {
            let ended = matches!(pod.status.phase.as_str(), "Failed" | "Succeeded");
            let running = pod.status.phase == "Running" && pod.ready();
            let (_, ordinal) = parent_and_ordinal(&pod.metadata.name);
            !ended
                && !running
                && !pod.metadata.terminating()
                && !assumption.never_ready.contains(&ordinal)
                && !assumption.broken.contains(pod.metadata.uid.as_str())
        };
        let mut started = Vec::new();
        for pod in self.pods.iter_mut().filter(starts) {
            let status = &mut pod.to_mut().status;
            status.phase = "Running".to_owned();
            status.conditions = vec![Condition {
                kind: "Ready".to_owned(),
                status: "True".to_owned(),
                last_transition_time: Some(now),
                ..Condition::default()
            }];
            started.push(pod.metadata.name.clone());
        }
        (!started.is_empty()).then_some(Moved::Started(started))
    }

    fn wait(&mut self) -> Option<Moved> {
        let least = SignedDuration::from_secs(i64::from(self.set.spec.min_ready_seconds));
        // Until 1.33 the time must have passed, and not only be reached.
        let beyond = SignedDuration::from_secs(i64::from(!self.profile.inclusive));
        let now = self.now;
        let due = |pod: &Pod| {
            let ready = pod
                .condition("Ready")
                .filter(|_| pod.ready() && !pod.metadata.terminating())?;
            let at = ready.last_transition_time?.checked_add(least + beyond).ok()?;
            (!least.is_zero() && at > now).then_some(at)
        };
        let next = self.pods.iter().filter_map(|pod| due(pod)).min()?;
        let available = self.pods.iter().filter(|pod| due(pod) == Some(next));
        let names = available.map(|pod| pod.metadata.name.clone()).collect();
        self.now = next;
        Some(Moved::Waited(next.duration_since(now), names))
    }

    /// Pods in range that are Ready and stay.
    pub fn ready(&self) -> usize {
        let serves = |pod: &&Cow<'_, Pod>| {
            let (_, ordinal) = parent_and_ordinal(&pod.metadata.name);
            pod.ready() && !pod.metadata.terminating() && self.set.in_range(ordinal)
        };
        self.pods.iter().filter(serves).count()
    }

    /// Pods with an ordinal, ascending.
    pub fn outcome(&self) -> Vec<Outcome> {
        let of = |pod: &Cow<'_, Pod>| Outcome {
            ordinal: parent_and_ordinal(&pod.metadata.name).1,
            name: pod.metadata.name.clone(),
            revision: pod.revision().to_owned(),
            ready: pod.ready() && !pod.metadata.terminating(),
            today: !pod.metadata.uid.starts_with(LATER),
        };
        let mut pods: Vec<_> = self.pods.iter().map(of).filter(|pod| pod.ordinal >= 0).collect();
        pods.sort_by_key(|pod| pod.ordinal);
        pods
    }
}
