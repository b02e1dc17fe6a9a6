//! What the controller asks of a pod, and which ordinal a pod belongs to.

use jiff::{SignedDuration, Timestamp};

use super::super::{Input, Profile};
use crate::model::objects::{Pod, StatefulSet};
use crate::model::ordinal::parent_and_ordinal;

/// More ordinals than this are not looked at: a mistyped `replicas` shall not take all memory.
const MOST_REPLICAS: i64 = 100_000;

/// A pod of the set, or the place of one that is missing and was made in memory only.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Slot<'a> {
    pub ordinal: i64,
    pub pod: Option<&'a Pod>,
    /// The revision label it has, or gets when it is created.
    pub revision: &'a str,
}

/// What availability is measured with.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Age {
    min_ready_seconds: i32,
    now: Timestamp,
    profile: Profile,
}

impl Age {
    pub fn of(input: &Input) -> Self {
        Self {
            min_ready_seconds: input.set.spec.min_ready_seconds,
            now: input.now,
            profile: input.profile,
        }
    }

    /// When a Ready pod is or was available first; `None` when that cannot be known.
    pub fn available_at(self, pod: &Pod) -> Option<Timestamp> {
        let since = pod.condition("Ready")?.last_transition_time?;
        since
            .checked_add(SignedDuration::from_secs(i64::from(self.min_ready_seconds)))
            .ok()
    }
}

impl<'a> Slot<'a> {
    pub fn of(pod: &'a Pod) -> Self {
        let (_, ordinal) = parent_and_ordinal(&pod.metadata.name);
        Self {
            ordinal,
            pod: Some(pod),
            revision: pod.revision(),
        }
    }

    pub fn name(&self, set: &StatefulSet) -> String {
        self.pod
            .map_or_else(|| set.pod_name(self.ordinal), |pod| pod.metadata.name.clone())
    }

    /// Empty for a pod in memory.
    pub fn uid(&self) -> &'a str {
        self.pod.map_or("", |pod| &pod.metadata.uid)
    }

    fn phase(&self) -> &'a str {
        self.pod.map_or("", |pod| &pod.status.phase)
    }

    /// Whether the API server has it: only a pod in memory has no phase.
    /// Source: `stateful_set_utils.go` (isCreated and its siblings, down to isUnavailable).
    pub fn created(&self) -> bool {
        !self.phase().is_empty()
    }

    pub fn ended(&self) -> bool {
        matches!(self.phase(), "Failed" | "Succeeded")
    }

    pub fn pending(&self) -> bool {
        self.phase() == "Pending"
    }

    pub fn terminating(&self) -> bool {
        self.pod.is_some_and(|pod| pod.metadata.terminating())
    }

    pub fn running_and_ready(&self) -> bool {
        self.phase() == "Running" && self.pod.is_some_and(Pod::ready)
    }

    /// Ready for long enough. The phase is not looked at, though the controller calls it "running and available".
    /// Source: `pkg/api/v1/pod/util.go` (IsPodAvailable).
    pub fn available(&self, age: Age) -> bool {
        let Some(pod) = self.pod.filter(|pod| pod.ready()) else {
            return false;
        };
        let reached = |at| {
            if age.profile.inclusive {
                at <= age.now
            } else {
                at < age.now
            }
        };
        age.min_ready_seconds == 0 || age.available_at(pod).is_some_and(reached)
    }

    /// Whether scale-down and updates count it among those that are not fine.
    /// Source: `stateful_set_utils.go` (isUnavailable; until 1.33 isHealthy).
    pub fn unavailable(&self, age: Age) -> bool {
        let fine = if age.profile.availability {
            self.available(age)
        } else {
            self.running_and_ready()
        };
        !fine || self.terminating()
    }

    /// When it will be available, if it is only too young.
    pub fn available_at(&self, age: Age) -> Option<Timestamp> {
        self.pod.and_then(|pod| age.available_at(pod))
    }
}

/// The revision that a pod made for this index gets.
/// Source: `stateful_set_utils.go` (newVersionedStatefulSetPod).
pub(in super::super) fn desired<'r>(set: &StatefulSet, index: i64, current: &'r str, update: &'r str) -> &'r str {
    let strategy = &set.spec.update_strategy;
    let below = match &strategy.rolling_update {
        // The type alone was given: what the stored status counts decides.
        None if strategy.kind == "RollingUpdate" => i64::from(set.status.current_replicas),
        None => 0,
        Some(_) => i64::from(set.partition()),
    };
    if index < below { current } else { update }
}

/// The places in range, by index, and the pods out of range, highest ordinal first. Pods without an ordinal are in
/// neither; of two pods with one ordinal in range the later one counts.
/// Source: `stateful_set_control.go` (updateStatefulSet).
pub(in super::super) fn slots<'a>(
    input: &Input<'a>,
    current: &'a str,
    update: &'a str,
) -> (Vec<Slot<'a>>, Vec<Slot<'a>>) {
    let set = input.set;
    let start = i64::from(set.start());
    let count = i64::from(set.replicas());
    let missing = |index| Slot {
        ordinal: start + index,
        pod: None,
        revision: desired(set, index, current, update),
    };
    let mut replicas: Vec<_> = (0..count.min(MOST_REPLICAS)).map(missing).collect();
    let mut condemned = Vec::new();
    for slot in input
        .pods
        .iter()
        .map(|pod| Slot::of(pod))
        .filter(|slot| slot.ordinal >= 0)
    {
        match usize::try_from(slot.ordinal - start)
            .ok()
            .and_then(|index| replicas.get_mut(index))
        {
            Some(place) => *place = slot,
            None if slot.ordinal < start || slot.ordinal >= start + count => condemned.push(slot),
            None => {}
        }
    }
    condemned.sort_by_key(|slot| std::cmp::Reverse(slot.ordinal));
    (replicas, condemned)
}
