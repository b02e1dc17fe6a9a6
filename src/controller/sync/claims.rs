//! Claims of a pod: made when missing, and owned as the retention policy asks.
//!
//! Source: `stateful_pod_control.go` (createPersistentVolumeClaims, UpdatePodClaimForRetentionPolicy, PodClaimIsStale),
//! `stateful_set_utils.go` (isClaimOwnerUpToDate, updateClaimOwnerRefForSetAndPod).

use super::pod::Slot;
use super::{Run, aggregate};
use crate::controller::{ObjectKind, Op, Phase, WaitFact};
use crate::model::objects::{OwnerReference, StatefulSet};

impl Run<'_> {
    /// Creates missing claims, tries all of them, and fails when one is being deleted. Size, class and phase of an
    /// existing claim do not matter.
    pub(super) fn ensure_claims(&mut self, pod: &Slot) -> Result<(), String> {
        // The controller walks a map: any order may come, the names' is as good.
        let mut names: Vec<_> = self.set.claim_names(pod.ordinal).map(|(_, claim)| claim).collect();
        names.sort();
        let mut errors = Vec::new();
        for name in names {
            match self.input.claims.get(name.as_str()) {
                // The cache does not show what this sync created, but the server knows.
                None if self.created(&name) => errors.push(format!("failed to create PVC {name}: already exists")),
                None => self.call(Op::CreateClaim, name, None),
                Some(claim) if claim.metadata.terminating() => {
                    errors.push(format!("pvc {name} is being deleted"));
                    let fact = WaitFact::ClaimTerminating;
                    self.wait(
                        ObjectKind::PersistentVolumeClaim,
                        name,
                        pod.ordinal,
                        Phase::Replicas,
                        fact,
                    );
                }
                Some(_) => {}
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(aggregate(errors))
        }
    }

    /// Looks at what was done for this pod, which are the last calls.
    fn created(&self, claim: &str) -> bool {
        let latest = self
            .calls
            .iter()
            .rev()
            .take(2 * self.set.spec.volume_claim_templates.len());
        latest
            .into_iter()
            .any(|call| call.op == Op::CreateClaim && call.name == claim)
    }

    /// Whether a claim of a missing pod still belongs to an earlier pod of this name; then its creation stops silently.
    pub(super) fn stale_claim(&mut self, pod: &Slot) -> bool {
        if Policy::of(self.set).when_scaled == "Retain" {
            return false;
        }
        let pod_name = pod.name(self.set);
        let owner = PodOwner::new(self.set, pod, &pod_name);
        let stale = self.set.claim_names(pod.ordinal).find_map(|(_, name)| {
            let first = owner.pod.first(self.owners_of(&name)?)?;
            (first.uid != owner.pod.uid).then(|| (name, first.uid.clone()))
        });
        let Some((name, uid)) = stale else { return false };
        let fact = WaitFact::StaleClaim { owner: uid };
        self.wait(
            ObjectKind::PersistentVolumeClaim,
            name,
            pod.ordinal,
            Phase::Replicas,
            fact,
        );
        true
    }

    /// Whether all existing claims of the pod have the owners that the policy asks for.
    pub(super) fn claims_owned(&self, pod: &Slot, pod_name: &str) -> bool {
        let owner = PodOwner::new(self.set, pod, pod_name);
        let mut names = self.set.claim_names(pod.ordinal);
        names.all(|(_, name)| self.owners_of(&name).is_none_or(|refs| owner.up_to_date(refs)))
    }

    /// Writes the owners of the pod's claims where they are not as the policy asks.
    pub(super) fn own_claims(&mut self, pod: &Slot, pod_name: &str) {
        let owner = PodOwner::new(self.set, pod, pod_name);
        for (_, name) in self.set.claim_names(pod.ordinal) {
            let Some(refs) = self.owners_of(&name).filter(|refs| !owner.up_to_date(refs)) else {
                continue;
            };
            let written = owner.rewritten(refs);
            self.call(Op::UpdateClaim, &name, None);
            self.owners.insert(name, written);
        }
    }

    fn owners_of(&self, claim: &str) -> Option<&[OwnerReference]> {
        let stored = self.input.claims.get(claim)?;
        Some(self.owners.get(claim).unwrap_or(&stored.metadata.owner_references))
    }
}

/// `persistentVolumeClaimRetentionPolicy`; an unknown word keeps claims, as the controller does.
struct Policy<'a> {
    when_deleted: &'a str,
    when_scaled: &'a str,
}

impl<'a> Policy<'a> {
    fn of(set: &'a StatefulSet) -> Self {
        match &set.spec.persistent_volume_claim_retention_policy {
            None => Self {
                when_deleted: "Retain",
                when_scaled: "Retain",
            },
            Some(policy) => Self {
                when_deleted: &policy.when_deleted,
                when_scaled: &policy.when_scaled,
            },
        }
    }
}

/// An object as an owner reference names it.
struct Owner<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    uid: &'a str,
}

impl Owner<'_> {
    /// Same kind and name; the uid is not looked at.
    fn named_by(&self, reference: &OwnerReference) -> bool {
        reference.api_version == self.api_version && reference.kind == self.kind && reference.name == self.name
    }

    fn first<'r>(&self, refs: &'r [OwnerReference]) -> Option<&'r OwnerReference> {
        refs.iter().find(|reference| self.named_by(reference))
    }

    /// Belongs to an earlier object of this name.
    fn stale(&self, refs: &[OwnerReference]) -> bool {
        self.first(refs).is_some_and(|reference| reference.uid != self.uid)
    }

    fn owns(&self, refs: &[OwnerReference]) -> bool {
        refs.iter().any(|reference| reference.uid == self.uid)
    }

    fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: self.api_version.to_owned(),
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            uid: self.uid.to_owned(),
            controller: true,
            block_owner_deletion: true,
        }
    }
}

/// Set and pod as possible owners of the pod's claims.
struct PodOwner<'a> {
    set: Owner<'a>,
    pod: Owner<'a>,
    policy: Policy<'a>,
    /// Whether the pod's ordinal is out of range.
    condemned: bool,
}

impl<'a> PodOwner<'a> {
    fn new(set: &'a StatefulSet, pod: &Slot<'a>, pod_name: &'a str) -> Self {
        Self {
            set: Owner {
                api_version: "apps/v1",
                kind: "StatefulSet",
                name: &set.metadata.name,
                uid: &set.metadata.uid,
            },
            pod: Owner {
                api_version: "v1",
                kind: "Pod",
                name: pod_name,
                uid: pod.uid(),
            },
            policy: Policy::of(set),
            condemned: !set.in_range(pod.ordinal),
        }
    }

    /// Which of set and pod shall own the claim.
    fn wanted(&self) -> (bool, bool) {
        match (self.policy.when_scaled, self.policy.when_deleted) {
            ("Retain", "Delete") => (true, false),
            ("Delete", "Retain") => (false, self.condemned),
            ("Delete", "Delete") => (!self.condemned, self.condemned),
            _ => (false, false),
        }
    }

    fn up_to_date(&self, refs: &[OwnerReference]) -> bool {
        let owned = (self.set.owns(refs), self.pod.owns(refs));
        if self.set.stale(refs) || self.pod.stale(refs) {
            // Left to the garbage collector.
            return true;
        }
        if self.foreign_controller(refs) {
            return owned == (false, false);
        }
        let ours = |reference: &&OwnerReference| reference.uid == self.set.uid || reference.uid == self.pod.uid;
        if refs.iter().filter(ours).any(|reference| !reference.controller) {
            return false;
        }
        owned == self.wanted()
    }

    /// Whether somebody else controls the claim, which only matters when a policy would delete it.
    fn foreign_controller(&self, refs: &[OwnerReference]) -> bool {
        if self.policy.when_scaled == "Retain" && self.policy.when_deleted == "Retain" {
            return false;
        }
        refs.iter().any(|reference| {
            if self.set.named_by(reference) {
                reference.uid != self.set.uid
            } else if self.pod.named_by(reference) {
                reference.uid != self.pod.uid
            } else {
                reference.controller
            }
        })
    }

    fn rewritten(&self, refs: &[OwnerReference]) -> Vec<OwnerReference> {
        let foreign = self.foreign_controller(refs);
        let keep = |reference: &&OwnerReference| !self.set.named_by(reference) && !self.pod.named_by(reference);
        let mut kept: Vec<_> = refs.iter().filter(keep).cloned().collect();
        if !foreign {
            let (set, pod) = self.wanted();
            for owner in [(set, &self.set), (pod, &self.pod)]
                .into_iter()
                .filter_map(|(on, owner)| on.then_some(owner))
            {
                if !owner.owns(&kept) {
                    kept.push(owner.reference());
                }
            }
        }
        kept
    }
}
