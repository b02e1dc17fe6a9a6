//! Phase D: pods on another revision than the update's are deleted, highest first; the next sync makes them anew.
//!
//! Source: `stateful_set_control.go` (end of updateStatefulSet, updateStatefulSetAfterInvariantEstablished).

use serde_json::Value;

use super::pod::Slot;
use super::{Flow, Run, Step};
use crate::controller::{Op, Phase, WaitFact};
use crate::model::objects::{StatefulSet, StatefulSetStatus};

impl<'a> Run<'a> {
    pub(super) fn rolling_update(&mut self, replicas: &[Slot<'a>], status: &mut StatefulSetStatus) -> Step {
        let partition = usize::try_from(self.set.partition()).unwrap_or(0).min(replicas.len());
        if self.set.recreate() && self.input.profile.knows_recreate {
            return Ok(Flow::Next);
        }
        if self.set.on_delete() {
            if replicas.iter().any(|pod| self.outdated(pod)) {
                self.wait_for_set(Phase::RollingUpdate, WaitFact::OnDelete);
            }
            return Ok(Flow::Next);
        }
        let targets = &replicas[partition..];
        if !self.input.profile.max_unavailable {
            return Ok(self.one_at_a_time(targets, status));
        }
        let max = max_unavailable(self.set)?;
        let unavailable: Vec<_> = replicas
            .iter()
            .filter(|pod| pod.unavailable(self.age))
            .copied()
            .collect();
        let used = i64::try_from(unavailable.len()).unwrap_or(i64::MAX);
        let free = self.input.profile.replaces_unavailable && !self.set.ordered();
        let (mut gone, rest): (Vec<_>, Vec<_>) = targets
            .iter()
            .rev()
            .filter(|pod| self.outdated(pod))
            .partition(|pod| free && !pod.available(self.age));
        let budget = usize::try_from(max - used).unwrap_or(0);
        gone.extend(rest.into_iter().take(budget));
        for pod in &gone {
            self.replace(pod, status);
        }
        if gone.is_empty() && used >= max {
            return Ok(self.budget_used(targets, &unavailable, used, max));
        }
        Ok(if gone.is_empty() { Flow::Next } else { Flow::Stop })
    }

    /// A terminating pod is on its way already.
    fn outdated(&self, pod: &Slot) -> bool {
        pod.revision != self.update && !pod.terminating()
    }

    fn one_at_a_time(&mut self, targets: &[Slot<'a>], status: &mut StatefulSetStatus) -> Flow {
        for pod in targets.iter().rev() {
            // Asked first: an outdated pod goes even when it is broken.
            if self.outdated(pod) {
                self.replace(pod, status);
                return Flow::Stop;
            }
            if pod.unavailable(self.age) {
                self.wait_for_pod(pod, Phase::RollingUpdate, WaitFact::Updating);
                return Flow::Stop;
            }
        }
        Flow::Next
    }

    fn budget_used(&mut self, targets: &[Slot<'a>], unavailable: &[Slot<'a>], used: i64, max: i64) -> Flow {
        if targets.iter().any(|pod| self.outdated(pod)) {
            for pod in unavailable {
                let fact = WaitFact::MaxUnavailable { unavailable: used, max };
                self.wait_for_pod(pod, Phase::RollingUpdate, fact);
            }
        } else if let Some(pod) = targets.iter().rfind(|pod| pod.unavailable(self.age)) {
            self.wait_for_pod(pod, Phase::RollingUpdate, WaitFact::Updating);
        }
        Flow::Stop
    }

    fn replace(&mut self, pod: &Slot, status: &mut StatefulSetStatus) {
        self.call(Op::DeletePod, pod.name(self.set), None);
        // Whatever revision it had, so this can fall below zero; the server then refuses the status.
        status.current_replicas -= 1;
    }
}

/// Source: `stateful_set_utils.go` (getStatefulSetMaxUnavailable): percentages round down, but to one at least.
pub(super) fn max_unavailable(set: &StatefulSet) -> Result<i64, String> {
    let rolling = set.spec.update_strategy.rolling_update.as_ref();
    let asked = match rolling.and_then(|rolling| rolling.max_unavailable.as_ref()) {
        None => 1,
        Some(Value::String(text)) => {
            let percent = text.strip_suffix('%').and_then(|digits| digits.parse::<i64>().ok());
            let percent = percent.ok_or_else(|| format!("invalid value for IntOrString: {text:?}"))?;
            percent.saturating_mul(i64::from(set.replicas())).div_euclid(100)
        }
        Some(number) => number.as_i64().unwrap_or(1),
    };
    Ok(asked.max(1))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn percentages_of_max_unavailable_round_down_to_one_at_least() {
        let numbers = [
            (json!(null), 10, 1),
            (json!(3), 10, 3),
            (json!(3), 0, 3),
            (json!(0), 0, 1),
        ];
        let percents = [
            ("10%", 25, 2),
            ("100%", 5, 5),
            ("50%", 5, 2),
            ("10%", 5, 1),
            ("1%", 0, 1),
            ("0%", 0, 1),
        ];
        let percents = percents.map(|(text, replicas, wanted)| (json!(text), replicas, wanted));
        for (asked, replicas, wanted) in numbers.into_iter().chain(percents) {
            let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": asked}});
            let set = json!({"spec": {"replicas": replicas, "updateStrategy": strategy}});
            let set: StatefulSet = serde_json::from_value(set).unwrap();
            assert_eq!(max_unavailable(&set), Ok(wanted), "{asked} of {replicas}");
        }
    }
}
