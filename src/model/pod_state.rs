//! What a pod is doing, from its status alone. The ledger's STATE column and the pod rules read the same value, so that
//! they cannot disagree.

use jiff::Timestamp;

use super::objects::{ContainerStatus, Pod, Terminated, Waiting};

/// The state of one pod.
#[derive(Clone, Copy, Debug)]
pub enum PodState<'a> {
    /// A deletion was asked for.
    Terminating,
    /// All containers ended; nothing restarts them.
    Ended,
    /// The condition Ready is True.
    Ready,
    /// No node was chosen.
    Unscheduled,
    /// An image cannot be had.
    ImagePull(&'a ContainerStatus, &'a Waiting),
    /// A container ends again and again.
    Crashing(&'a ContainerStatus, &'a Terminated),
    /// A container waits for a reason that nobody here knows.
    Waiting(&'a ContainerStatus, &'a Waiting),
    /// Containers are being made or run for the first time; nothing went wrong yet.
    Starting,
    /// It runs, was restarted before, and is not Ready.
    NotReady,
}

const IMAGE_REASONS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "ImageInspectError",
    "RegistryUnavailable",
];
const STARTING_REASONS: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// The state of a pod.
/// Source: `pkg/kubelet/images/types.go` and `pkg/kubelet/kubelet_pods.go` for the waiting reasons.
pub fn pod_state(pod: &Pod) -> PodState<'_> {
    if pod.metadata.terminating() {
        return PodState::Terminating;
    }
    if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") {
        return PodState::Ended;
    }
    if let Some(state) = crash_loop(pod) {
        return state;
    }
    if pod.ready() {
        return PodState::Ready;
    }
    for container in pod.containers() {
        let Some(waiting) = &container.state.waiting else {
            continue;
        };
        if IMAGE_REASONS.contains(&waiting.reason.as_str()) {
            return PodState::ImagePull(container, waiting);
        }
        if !STARTING_REASONS.contains(&waiting.reason.as_str()) {
            return PodState::Waiting(container, waiting);
        }
    }
    if pod.spec.node_name.is_empty() {
        return PodState::Unscheduled;
    }
    // A container that ended and waits to be started again has no waiting reason for a moment.
    let ended = pod
        .containers()
        .find_map(|c| Some((c, c.state.terminated.as_ref()?)).filter(|(_, end)| end.exit_code != 0));
    match ended {
        Some((container, end)) => PodState::Crashing(container, end),
        None if pod.restarts() > 0 => PodState::NotReady,
        None => PodState::Starting,
    }
}

/// A crash loop is decided on its back-off and on how the container ended last, not on one sample of Ready.
fn crash_loop(pod: &Pod) -> Option<PodState<'_>> {
    pod.containers().find_map(|container| {
        let waiting = container.state.waiting.as_ref()?;
        if waiting.reason != "CrashLoopBackOff" {
            return None;
        }
        Some(match &container.last_state.terminated {
            Some(end) => PodState::Crashing(container, end),
            None => PodState::Waiting(container, waiting),
        })
    })
}

impl PodState<'_> {
    /// One word or the API's own reason, as the ledger shows it.
    pub fn word(&self) -> &str {
        match self {
            Self::Terminating => "terminating",
            Self::Ended => "ended",
            Self::Ready => "ready",
            Self::Unscheduled => "Pending",
            Self::ImagePull(_, waiting) | Self::Waiting(_, waiting) => &waiting.reason,
            Self::Crashing(_, end) if end.reason == "OOMKilled" => "OOMKilled",
            Self::Crashing(container, _) => container
                .state
                .waiting
                .as_ref()
                .map_or("Error", |waiting| &waiting.reason),
            Self::Starting => "starting",
            Self::NotReady => "not ready",
        }
    }
}

/// Since when a pod has been in its state, as far as its status tells.
pub fn since(pod: &Pod) -> Option<Timestamp> {
    let changed = |kind| pod.condition(kind).and_then(|condition| condition.last_transition_time);
    match pod_state(pod) {
        PodState::Terminating => pod.metadata.deletion_asked(),
        PodState::Unscheduled => changed("PodScheduled").or(pod.metadata.creation_timestamp),
        _ => changed("Ready")
            .or(pod.status.start_time)
            .or(pod.metadata.creation_timestamp),
    }
}
