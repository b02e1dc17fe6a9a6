//! Pods whose grace period is over and that are still there: who should have let them go.

use jiff::SignedDuration;

use super::context::Context;
use crate::model::objects::Pod;

/// What keeps a deleted pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lingering {
    /// Its node does not answer: nobody confirms that the containers ended.
    NodeLost,
    /// Its containers ended; finalizers are left.
    Finalizers,
    /// Nothing that the API shows.
    Unknown,
}

/// Whoever removes a finalizer does so within this time of the containers' end.
const FINALIZERS: SignedDuration = SignedDuration::from_secs(30);
/// A node that is well lets a pod go within this time of the grace period's end.
const NODE: SignedDuration = SignedDuration::from_secs(60);

/// What keeps this pod; `None` for one that is not being deleted, or whose time is not over.
pub fn lingering(cx: &Context<'_>, pod: &Pod) -> Option<Lingering> {
    let overdue = cx.now().duration_since(pod.metadata.deletion_timestamp?);
    let ended = matches!(pod.status.phase.as_str(), "Succeeded" | "Failed");
    let (patience, why) = if cx.lost_node(pod).is_some() {
        (SignedDuration::ZERO, Lingering::NodeLost)
    } else if ended && !pod.metadata.finalizers.is_empty() {
        (FINALIZERS, Lingering::Finalizers)
    } else {
        (NODE, Lingering::Unknown)
    };
    (overdue > patience).then_some(why)
}
