//! What a pod is doing, from its status alone. The ledger's STATE column and the pod rules read the same value, so that
//! they cannot disagree.

use jiff::{SignedDuration, Timestamp};

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
    /// A container ends again and again; it may run, and even be Ready, at this moment.
    Crashing(&'a ContainerStatus, &'a Terminated),
    /// A container waits for a reason that nobody here knows.
    Waiting(&'a ContainerStatus, &'a Waiting),
    /// Containers are being made or run for the first time; nothing went wrong yet.
    Starting,
    /// It runs, was Ready or restarted before, and is not Ready.
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

/// A container that runs for this long has its crashes forgotten: the node starts it again at once after the next one.
/// Source: `pkg/kubelet/kubelet.go` (the back-off is reset after twice `MaxContainerBackOff`).
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);
/// So many restarts are no accident.
const LOOP: i32 = 3;

/// The state of a pod at this moment.
/// Source: `pkg/kubelet/images/types.go` and `pkg/kubelet/kubelet_pods.go` for the waiting reasons.
pub fn pod_state(pod: &Pod, now: Timestamp) -> PodState<'_> {
    if pod.metadata.terminating() {
        return PodState::Terminating;
    }
    if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") {
        return PodState::Ended;
    }
    if let Some(state) = crash_loop(pod, now) {
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
        None if pod.restarts() > 0 || lost_readiness(pod).is_some() => PodState::NotReady,
        None => PodState::Starting,
    }
}

/// Since when a pod that runs has not been Ready any more; `None` for one that never was since its containers started.
/// A pod is not Ready from its first report on, before any container runs; when that changed later, it was Ready between.
/// Source: `pkg/kubelet/status/status_manager.go` (updateLastTransitionTime).
pub fn lost_readiness(pod: &Pod) -> Option<Timestamp> {
    // Times are whole seconds, cut off.
    const SECOND: SignedDuration = SignedDuration::from_secs(1);
    let changed = pod
        .condition("Ready")
        .filter(|ready| ready.status != "True")?
        .last_transition_time?;
    let mut last_start = None;
    for container in &pod.status.container_statuses {
        last_start = last_start.max(Some(container.state.running.as_ref()?.started_at?));
    }
    (changed.duration_since(last_start?) > SECOND).then_some(changed)
}

/// A crash loop is decided on its back-off, or on how often and how lately the container ended: never on one sample of
/// Ready, which a container that starts fast is again after each crash.
fn crash_loop(pod: &Pod, now: Timestamp) -> Option<PodState<'_>> {
    pod.containers().find_map(|container| {
        let end = container.last_state.terminated.as_ref();
        match &container.state.waiting {
            Some(waiting) if waiting.reason == "CrashLoopBackOff" => Some(match end {
                Some(end) => PodState::Crashing(container, end),
                None => PodState::Waiting(container, waiting),
            }),
            Some(_) => None,
            None => end
                .filter(|end| container.restart_count >= LOOP && lately(container, end, now))
                .map(|end| PodState::Crashing(container, end)),
        }
    })
}

/// Whether the node still counts the crashes: neither the run before nor the one since lasted long. A time that is not
/// there proves nothing.
fn lately(container: &ContainerStatus, end: &Terminated, now: Timestamp) -> bool {
    let brief = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
        (Some(from), Some(to)) => to.duration_since(from) < FORGOTTEN,
        _ => false,
    };
    let running = container.state.running.as_ref().and_then(|running| running.started_at);
    brief(end.started_at, end.finished_at) && brief(end.finished_at, Some(now)) && brief(running, Some(now))
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
            Self::Crashing(container, _) => match &container.state {
                state if state.running.is_some() => "crash loop",
                state => state.waiting.as_ref().map_or("Error", |waiting| &waiting.reason),
            },
            Self::Starting => "starting",
            Self::NotReady => "not ready",
        }
    }
}

/// Since when a pod has been in its state, as far as its status tells.
pub fn since(pod: &Pod) -> Option<Timestamp> {
    let changed = |kind| pod.condition(kind).and_then(|condition| condition.last_transition_time);
    if pod.metadata.terminating() {
        return pod.metadata.deletion_asked();
    }
    if pod.spec.node_name.is_empty() {
        return changed("PodScheduled").or(pod.metadata.creation_timestamp);
    }
    changed("Ready")
        .or(pod.status.start_time)
        .or(pod.metadata.creation_timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pod that is Ready and whose container ran from `from` to `to` minutes ago, and since then.
    fn restarted(restarts: i32, from: i64, to: i64) -> (Pod, Timestamp) {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |minutes: i64| (now - SignedDuration::from_mins(minutes)).to_string();
        let pod = serde_json::json!({
            "spec": {"nodeName": "node-a"},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True"}],
                "containerStatuses": [{
                    "name": "app", "ready": true, "restartCount": restarts,
                    "state": {"running": {"startedAt": ago(to)}},
                    "lastState": {"terminated": {"exitCode": 1, "startedAt": ago(from), "finishedAt": ago(to)}},
                }],
            },
        });
        (serde_json::from_value(pod).unwrap(), now)
    }

    #[test]
    fn a_crash_loop_takes_several_restarts_and_short_runs() {
        let crashes = |(pod, now): (Pod, Timestamp)| matches!(pod_state(&pod, now), PodState::Crashing(..));
        assert!(crashes(restarted(3, 4, 2)));
        assert!(!crashes(restarted(2, 4, 2)), "two restarts may be an accident");
        assert!(!crashes(restarted(3, 4000, 2)), "it ran for days before");
        assert!(!crashes(restarted(3, 40, 35)), "it has run for long since");
    }

    #[test]
    fn readiness_is_lost_when_it_changed_after_the_start() {
        let lost = |changed: &str| {
            let pod = serde_json::json!({"status": {
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": changed}],
                "containerStatuses": [{"name": "app", "state": {"running": {"startedAt": "2026-11-21T09:00:00Z"}}}],
            }});
            lost_readiness(&serde_json::from_value(pod).unwrap())
        };
        assert!(lost("2026-11-21T09:00:02Z").is_some());
        // As it was reported first, and a second of rounding.
        assert!(lost("2026-11-21T08:59:58Z").is_none());
        assert!(lost("2026-11-21T09:00:01Z").is_none());
    }
}
