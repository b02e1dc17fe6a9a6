//! Pods whose grace period is over and that are still there: who should have let them go.

use jiff::SignedDuration;

use super::context::Context;
use crate::model::objects::Pod;

/// What keeps a deleted pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lingering {
    /// Its containers ended; finalizers are left.
    Finalizers,
    /// Nothing that the API shows.
    Unknown,
}

/// Whoever removes a finalizer does so within this time of the containers' end.
const FINALIZERS: SignedDuration = SignedDuration::from_secs(30);
/// A node that is well lets a pod go within this time of the grace period's end.
const NODE: SignedDuration = SignedDuration::from_secs(60);

/// What keeps this pod; `None` for one that is not being deleted, whose time is not over, or whose node does not answer:
/// what the API says of it is then old.
pub fn lingering(cx: &Context<'_>, pod: &Pod) -> Option<Lingering> {
    let overdue = cx.now().duration_since(pod.metadata.deletion_timestamp?);
    if cx.lost_node(pod).is_some() {
        return None;
    }
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let (patience, why) = match ended && !pod.metadata.finalizers.is_empty() {
        true => (FINALIZERS, Lingering::Finalizers),
        false => (NODE, Lingering::Unknown),
    };
    (overdue > patience).then_some(why)
}
