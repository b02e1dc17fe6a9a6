//! What the sync counts, and whether it writes it.
//!
//! Source: `stateful_set_control.go` (updateStatus, updateStatefulSetStatus), `stateful_set_utils.go`
//! (completeRollingUpdate, inconsistentStatus).

use super::Run;
use super::pod::Slot;
use super::rolling_update::max_unavailable;
use crate::controller::Input;
use crate::model::objects::{StatefulSet, StatefulSetStatus};

impl<'a> Run<'a> {
    pub(super) fn fresh_status(&self, collisions: i32, pods: &[Slot<'a>]) -> StatefulSetStatus {
        let mut status = StatefulSetStatus {
            observed_generation: Some(self.set.metadata.generation.unwrap_or(0)),
            current_revision: self.current.to_owned(),
            update_revision: self.update.to_owned(),
            collision_count: Some(collisions),
            ..StatefulSetStatus::default()
        };
        self.count(&mut status, pods);
        status
    }

    /// Terminating pods count as existing, ready and available, but for no revision.
    pub(super) fn count<'p>(&self, status: &mut StatefulSetStatus, pods: impl IntoIterator<Item = &'p Slot<'a>>)
    where
        'a: 'p,
    {
        let mut counts = [0; 5];
        for pod in pods {
            let on = |revision| pod.created() && !pod.terminating() && pod.revision == revision;
            let facts = [
                pod.created(),
                pod.running_and_ready(),
                pod.running_and_ready() && pod.available(self.age),
                on(self.current),
                on(self.update),
            ];
            for (count, fact) in counts.iter_mut().zip(facts) {
                *count += i32::from(fact);
            }
        }
        [
            status.replicas,
            status.ready_replicas,
            status.available_replicas,
            status.current_replicas,
            status.updated_replicas,
        ] = counts;
    }
}

/// The status that gets written, and the error when it cannot be.
pub(super) fn write(input: &Input, mut status: StatefulSetStatus) -> (Option<StatefulSetStatus>, Option<String>) {
    let set = input.set;
    if set.spec.update_strategy.kind == "RollingUpdate" || input.profile.completes_any_strategy {
        complete(set, &mut status);
    }
    if input.profile.max_unavailable
        && input.profile.max_unavailable_reported
        && let Err(error) = max_unavailable(set)
    {
        return (None, Some(error));
    }
    if !differs(&set.status, &status) {
        return (None, None);
    }
    if status.current_replicas < 0 {
        let error = format!(
            "StatefulSet.apps \"{}\" is invalid: status.currentReplicas: Invalid value: {}: must be greater than or equal to 0",
            set.metadata.name, status.current_replicas
        );
        return (None, Some(error));
    }
    (Some(status), None)
}

/// An update ends when all wanted pods are updated and Ready; whether they are available does not matter.
fn complete(set: &StatefulSet, status: &mut StatefulSetStatus) {
    let all = set.replicas();
    let counts = [status.updated_replicas, status.ready_replicas, status.replicas];
    if counts == [all; 3] {
        status.current_replicas = status.updated_replicas;
        status.current_revision.clone_from(&status.update_revision);
    }
}

/// Collisions alone are not worth a write.
fn differs(stored: &StatefulSetStatus, fresh: &StatefulSetStatus) -> bool {
    let counts = |status: &StatefulSetStatus| {
        [
            status.replicas,
            status.ready_replicas,
            status.available_replicas,
            status.current_replicas,
            status.updated_replicas,
        ]
    };
    fresh.observed_generation.unwrap_or(0) > stored.observed_generation.unwrap_or(0)
        || counts(fresh) != counts(stored)
        || fresh.current_revision != stored.current_revision
        || fresh.update_revision != stored.update_revision
}
