//! Phase A: every ordinal in range gets its pod, lowest first.
//!
//! Source: `stateful_set_control.go` (processReplica), `stateful_pod_control.go` (CreateStatefulPod, UpdateStatefulPod).

use super::pod::Slot;
use super::{Flow, Run, Step};
use crate::controller::{Op, Phase, WaitFact};
use crate::model::ordinal::parent_and_ordinal;

/// Attempts at an update that meets a conflict. Source: `client-go/util/retry` (DefaultBackoff).
const UPDATE_ATTEMPTS: usize = 4;

impl<'a> Run<'a> {
    pub(super) fn replicas(&mut self, replicas: &[Slot<'a>]) -> Step {
        self.for_all(replicas, Self::replica)
    }

    fn replica(&mut self, pod: &Slot<'a>) -> Step {
        let ordered = self.set.ordered();
        if pod.ended() {
            if pod.terminating() {
                self.wait_for_pod(pod, Phase::Replicas, WaitFact::TerminalPhase);
            } else {
                self.call(Op::DeletePod, pod.name(self.set), None);
            }
            // Its successor comes when it is gone.
            return Ok(Flow::Stop);
        }
        if !pod.created() {
            if self.stale_claim(pod) {
                return Ok(Flow::Stop);
            }
            self.create(pod)?;
            if ordered {
                return Ok(Flow::Stop);
            }
        }
        if pod.pending() {
            self.ensure_claims(pod)?;
            self.own_claims(pod, &pod.name(self.set));
        }
        if ordered && let Some(fact) = self.unfit(pod) {
            self.wait_for_pod(pod, Phase::Replicas, fact);
            return Ok(Flow::Stop);
        }
        if !self.consistent(pod) {
            self.update_pod(pod)?;
        }
        Ok(Flow::Next)
    }

    /// Why an existing pod holds its successors back under OrderedReady.
    fn unfit(&self, pod: &Slot) -> Option<WaitFact> {
        if pod.terminating() {
            Some(WaitFact::Terminating)
        } else if !pod.running_and_ready() {
            Some(WaitFact::NotReady)
        } else if !pod.available(self.age) {
            Some(WaitFact::NotAvailable {
                until: pod.available_at(self.age),
            })
        } else {
            None
        }
    }

    fn create(&mut self, pod: &Slot<'a>) -> Result<(), String> {
        let name = pod.name(self.set);
        self.ensure_claims(pod)?;
        self.call(Op::CreatePod, &name, Some(pod.revision));
        // A pod that is stored without a phase comes here as well, which an API server does not do.
        if pod.pod.is_some() || self.input.taken.contains(name.as_str()) {
            return Err(format!("pods \"{name}\" already exists"));
        }
        self.own_claims(pod, &name);
        Ok(())
    }

    fn consistent(&self, pod: &Slot) -> bool {
        self.claims_owned(pod, &pod.name(self.set)) && self.identity(pod) && self.storage(pod)
    }

    /// Whether name and pod-name label are those of the ordinal; a pod in memory was made so.
    /// Source: `stateful_set_utils.go` (identityMatches).
    fn identity(&self, pod: &Slot) -> bool {
        let Some(stored) = pod.pod else { return true };
        let name = &stored.metadata.name;
        parent_and_ordinal(name).0 == self.set.metadata.name
            && *name == self.set.pod_name(pod.ordinal)
            && stored.metadata.namespace == self.set.metadata.namespace
            && stored.metadata.labels.get("statefulset.kubernetes.io/pod-name") == Some(name)
    }

    /// Whether the pod mounts the claim of every template.
    /// Source: `stateful_set_utils.go` (storageMatches).
    fn storage(&self, pod: &Slot) -> bool {
        let Some(stored) = pod.pod else { return true };
        self.set.claim_names(pod.ordinal).all(|(template, claim)| {
            let volume = stored.spec.volumes.iter().rfind(|volume| volume.name == template);
            let source = volume.and_then(|volume| volume.persistent_volume_claim.as_ref());
            source.is_some_and(|source| source.claim_name == claim)
        })
    }

    /// Makes identity, volumes and claims right, as far as the server lets it: volumes of a pod cannot change.
    fn update_pod(&mut self, pod: &Slot<'a>) -> Result<(), String> {
        let mut pod = *pod;
        let name = self.set.pod_name(pod.ordinal);
        for _ in 0..UPDATE_ATTEMPTS {
            let storage = self.storage(&pod);
            let mut changed = !self.identity(&pod) || !storage;
            if !storage {
                self.ensure_claims(&pod)?;
            }
            if !self.claims_owned(&pod, &name) {
                self.own_claims(&pod, &name);
                changed = true;
            }
            if !changed {
                return Ok(());
            }
            self.call(Op::UpdatePod, &name, None);
            match self.input.pod(&name) {
                None => {
                    self.wait_for_pod(&pod, Phase::Replicas, WaitFact::UpdateRefused);
                    return Err(format!("pods \"{name}\" not found"));
                }
                // The canonical name is another pod's: after the conflict the controller goes on with that one.
                Some(other) if other.metadata.uid != pod.uid() => pod = Slot::of(other),
                Some(_) if !storage => {
                    self.wait_for_pod(&pod, Phase::Replicas, WaitFact::UpdateRefused);
                    return Err(format!(
                        "Pod \"{name}\" is invalid: spec: Forbidden: pod updates may not change volumes"
                    ));
                }
                Some(_) => return Ok(()),
            }
        }
        Err(format!("conflict on pod \"{name}\""))
    }
}
