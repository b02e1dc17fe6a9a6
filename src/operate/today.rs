//! What today's pods tell of tomorrow's: which of them will not get better by themselves, and how long a start takes.

use jiff::SignedDuration;
use serde::Serialize;

use crate::controller::{Assumption, Forecast};
use crate::diagnose::context::Context;
use crate::model::objects::{Pod, StatefulSet};
use crate::model::pod_state::{PodState, pod_state};
use crate::model::set::Ordinal;

/// What holds of today's pods: broken ones stay broken until they are replaced, a pod whose node is silent does not go, and a
/// creation that was refused last is refused again.
pub(super) fn assumption<'c>(cx: &'c Context<'_>) -> Assumption<'c> {
    let pods = || cx.model.rows().filter_map(|row| Some((row, row.pod?)));
    let broken = pods().filter(|(row, pod)| broken(cx, row, pod));
    let lingering = pods().filter(|(_, pod)| cx.lost_node(pod).is_some());
    let refused = cx.model.ordinals.iter().filter(|row| cx.refusal(row).is_some());
    Assumption {
        broken: broken.map(|(_, pod)| pod.metadata.uid.as_str()).collect(),
        lingering: lingering.map(|(_, pod)| pod.metadata.uid.as_str()).collect(),
        refused: refused.map(|row| row.name.as_str()).collect(),
        ..Assumption::default()
    }
}

/// Whether a pod is not Ready and nothing suggests that it will be.
fn broken<'a>(cx: &Context<'a>, row: &Ordinal<'a>, pod: &Pod) -> bool {
    match pod_state(pod, cx.now()) {
        PodState::Ready | PodState::Terminating | PodState::Ended => false,
        PodState::Starting => cx.lost_node(pod).is_some(),
        PodState::Unscheduled => {
            let failed = cx.events(&pod.metadata.uid, "FailedScheduling").next().is_some();
            failed || cx.pending_claims(row).next().is_some()
        }
        PodState::ImagePull(..) | PodState::Crashing(..) | PodState::Waiting(..) | PodState::NotReady => true,
    }
}

/// How long it takes, by what was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Time {
    /// All of it, in seconds: at least and at most.
    pub seconds: [i64; 2],
    /// One start, from creation to Ready, in seconds: the shortest and the longest that was seen.
    pub start: [i64; 2],
    /// How many starts were seen.
    pub samples: usize,
    /// The longest that a stop may take, in seconds: the grace period. Zero where nothing stops.
    pub stop: i64,
}

/// Kubernetes' own default of `terminationGracePeriodSeconds`.
const GRACE: i64 = 30;

/// The time of a forecast from the starts of today's pods; `None` where fewer than two were seen, or nothing starts. Only
/// pods that never restarted count: of others it is not known when they became Ready first.
pub(super) fn time(cx: &Context<'_>, set: &StatefulSet, forecast: &Forecast) -> Option<Time> {
    let start = |pod: &Pod| {
        let ready = pod.condition("Ready").filter(|_| pod.ready() && pod.restarts() == 0)?;
        let took = ready
            .last_transition_time?
            .duration_since(pod.metadata.creation_timestamp?);
        Some(took.as_secs()).filter(|seconds| *seconds >= 0)
    };
    let seen: Vec<i64> = cx.model.rows().filter_map(|row| start(row.pod?)).collect();
    let (shortest, longest) = (*seen.iter().min()?, *seen.iter().max()?);
    let starts = i64::from(forecast.waits.starts);
    if seen.len() < 2 || starts == 0 {
        return None;
    }
    let grace = set.spec.template.0.pointer("/spec/terminationGracePeriodSeconds");
    let grace = grace.and_then(serde_json::Value::as_i64).unwrap_or(GRACE);
    let waited = whole(forecast.waits.available);
    let stops = i64::from(forecast.waits.stops);
    let at_least = starts.saturating_mul(shortest).saturating_add(waited);
    let at_most = starts.saturating_mul(longest).saturating_add(waited);
    Some(Time {
        seconds: [at_least, at_most.saturating_add(stops.saturating_mul(grace))],
        start: [shortest, longest],
        samples: seen.len(),
        stop: if stops > 0 { grace } else { 0 },
    })
}

fn whole(duration: SignedDuration) -> i64 {
    duration.as_secs() + i64::from(duration.subsec_nanos() > 0)
}
