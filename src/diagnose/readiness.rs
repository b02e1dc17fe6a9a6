//! A pod that runs and is not Ready: still on its way, or at fault? A large database recovers for long, so a container that
//! runs for the first time and was never Ready is given all the time it takes, unless its author defined when a start ends.

use jiff::{SignedDuration, Timestamp};

use super::context::Context;
use crate::model::objects::{Event, Pod};
use crate::model::pod_state::lost_readiness;

/// Why it is a fault and not a start.
#[derive(Debug)]
pub enum Fault {
    /// It was Ready until then.
    Lost(Timestamp),
    /// Its startup probe has passed, and its readiness probe has failed since then.
    Started(Timestamp),
}

/// A readiness probe may fail now and then.
const HICCUP: SignedDuration = SignedDuration::from_secs(30);
/// So long after its start a pod may still fall into step with its peers.
const FALL_IN: SignedDuration = SignedDuration::from_secs(60);

/// Whether a running pod's lack of readiness is a fault.
pub fn fault(cx: &Context<'_>, pod: &Pod) -> Option<Fault> {
    let runs = pod
        .status
        .container_statuses
        .iter()
        .all(|container| container.state.running.is_some());
    let idle = pod.ready() || pod.metadata.terminating() || pod.status.phase != "Running";
    if idle || !runs {
        return None;
    }
    if let Some(since) = lost_readiness(pod) {
        return (cx.now().duration_since(since) > HICCUP).then_some(Fault::Lost(since));
    }
    let ends = |name: &str| {
        let spec = pod.spec.containers.iter().find(|container| container.name == name);
        spec.is_some_and(|container| container.startup_probe.is_some())
    };
    let mut unready = pod
        .status
        .container_statuses
        .iter()
        .filter(|container| !container.ready);
    if !unready.all(|container| ends(&container.name)) {
        return None;
    }
    // Readiness is probed only once the startup probe has passed.
    let first = failures(cx, pod).filter_map(Event::first_seen).min()?;
    let last = failures(cx, pod).filter_map(Event::last_seen).max()?;
    (last.duration_since(first) > FALL_IN).then_some(Fault::Started(first))
}

/// What was said about the pod's readiness probe, newest first.
pub fn failures<'a>(cx: &Context<'a>, pod: &Pod) -> impl Iterator<Item = &'a Event> {
    let said: Vec<_> = cx.events(&pod.metadata.uid, "Unhealthy").collect();
    said.into_iter()
        .filter(|event| event.message.starts_with("Readiness probe"))
}
