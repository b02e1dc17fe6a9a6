//! The strategy Recreate: every pod on another revision goes at once, before anything else is done.
//!
//! Source: KEP-3541 and the pull request that carries it out in 1.37; known from these texts, not from running code.

use super::pod::Slot;
use super::{Flow, Run};
use crate::controller::{Op, Phase, WaitFact};

impl<'a> Run<'a> {
    /// # Errors
    /// The strategy has a name in this version, and its feature gate is off.
    pub(super) fn known_strategy(&self) -> Result<(), String> {
        let profile = &self.input.profile;
        if self.set.recreate() && profile.knows_recreate && !profile.recreate {
            return Err("strategy Recreate needs the feature gate StatefulSetRecreateStrategy".to_owned());
        }
        Ok(())
    }

    /// Whether anything is left of an older revision: then the sync ends here.
    pub(super) fn recreate<'p>(&mut self, pods: impl Iterator<Item = &'p Slot<'a>>) -> Flow
    where
        'a: 'p,
    {
        if !(self.set.recreate() && self.input.profile.recreate) {
            return Flow::Next;
        }
        let (update, mut flow) = (self.update, Flow::Next);
        for pod in pods.filter(|pod| pod.created() && pod.revision != update) {
            flow = Flow::Stop;
            if pod.terminating() {
                self.wait_for_pod(pod, Phase::Recreate, WaitFact::Terminating);
            } else {
                self.call(Op::DeletePod, pod.name(self.set), None);
            }
        }
        flow
    }
}
