//! Phases B and C: pods out of range get their claims' owners right and go, highest ordinal first.
//!
//! Source: `stateful_set_control.go` (updateStatefulSet, processCondemned).

use super::pod::Slot;
use super::{Flow, Run, Step};
use crate::controller::{Op, Phase, WaitFact};

impl<'a> Run<'a> {
    pub(super) fn scale_down(&mut self, replicas: &[Slot<'a>], condemned: &[Slot<'a>]) -> Step {
        self.condemned_claims(condemned)?;
        self.condemned(replicas, condemned)
    }

    /// Must come before the deletions: `whenScaled: Delete` works through an owner that outlives its pod's deletion.
    fn condemned_claims(&mut self, condemned: &[Slot<'a>]) -> Step {
        self.for_all(condemned, |run, pod| {
            let name = pod.name(run.set);
            if !run.claims_owned(pod, &name) {
                run.own_claims(pod, &name);
            }
            Ok(Flow::Next)
        })
    }

    fn condemned(&mut self, replicas: &[Slot<'a>], condemned: &[Slot<'a>]) -> Step {
        // The lowest unavailable pod of all may go in whatever state it is.
        let unavailable = |pod: &&Slot| pod.unavailable(self.age);
        let first = match replicas.iter().find(unavailable) {
            Some(_) => None,
            None => condemned.iter().rev().find(unavailable).map(|pod| pod.name(self.set)),
        };
        self.for_all(condemned, |run, pod| run.condemned_pod(pod, first.as_deref()))
    }

    fn condemned_pod(&mut self, pod: &Slot<'a>, first: Option<&str>) -> Step {
        let name = pod.name(self.set);
        if let Some(fact) = self.not_yet(pod, first.filter(|first| *first != name), first == Some(name.as_str())) {
            if self.set.ordered() {
                self.wait_for_pod(pod, Phase::Condemned, fact);
                return Ok(Flow::Stop);
            }
            if pod.terminating() {
                return Ok(Flow::Next);
            }
        }
        self.call(Op::DeletePod, name, None);
        Ok(Flow::Stop)
    }

    /// Why the highest pod does not go under OrderedReady.
    fn not_yet(&self, pod: &Slot, other: Option<&str>, is_first: bool) -> Option<WaitFact> {
        let first = other.map(str::to_owned);
        if pod.terminating() {
            Some(WaitFact::CondemnedTerminating)
        } else if is_first {
            None
        } else if !pod.running_and_ready() {
            Some(WaitFact::CondemnedNotReady { first })
        } else if !pod.available(self.age) {
            Some(WaitFact::CondemnedNotAvailable {
                first,
                until: pod.available_at(self.age),
            })
        } else {
            None
        }
    }
}
