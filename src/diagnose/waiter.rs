//! A wait for one set, over many looks: what has been reached, what is stuck for good, what was deleted meanwhile.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::context::Context;
use super::goal::{Blocker, Goal, Look, Progress, left_behind, look};
use super::{SetReport, Verdict};
use crate::model::gap::Gap;
use crate::model::snapshot::Snapshot;

/// A blocker that may pass by itself (a registry that does not answer, a crash because a neighbour is not up yet) has to
/// stay the same for so long, with no other pod getting anywhere, before the wait is given up.
pub const SETTLED: SignedDuration = SignedDuration::from_secs(30);

/// How a wait stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Goes on.
    Waiting,
    /// The goal is reached.
    Reached,
    /// Nothing will move by itself.
    Blocked,
    /// The time is over.
    TimedOut,
    /// The set was deleted, or is being deleted.
    Deleted,
    /// The set was deleted, and another of its name was made.
    Replaced,
}

/// What is said of one set at one time, in the shape of the JSON contract.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What is waited for.
    pub goal: Goal,
    /// How it stands.
    pub outcome: Outcome,
    /// Whether something is seen to go on.
    pub moving: bool,
    /// In one line.
    pub summary: String,
    /// The verdict; `None` for a set that does not exist.
    pub verdict: Option<Verdict>,
    /// Pods by how far they are, likewise.
    pub progress: Option<Progress>,
    /// What keeps it, from when it is first seen.
    pub blocker: Option<Blocker>,
    /// What tells this step's line from another's.
    #[serde(skip)]
    line: String,
}

impl Step {
    /// Whether the wait is over and the goal not reached.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, Outcome::Waiting | Outcome::Reached)
    }
}

/// The memory of one wait.
#[derive(Debug)]
pub struct Waiter {
    namespace: String,
    name: String,
    goal: Goal,
    keep_waiting: bool,
    /// Of the set as it was seen first.
    uid: Option<String>,
    /// Since when the same blocker has held, and the marks of that time.
    stuck: Option<(Timestamp, String)>,
    /// The line that was said last.
    said: String,
}

impl Waiter {
    /// A wait for the set of this name. `keep_waiting`: never give up because of a blocker.
    pub fn new(namespace: &str, name: &str, goal: Goal, keep_waiting: bool) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            goal,
            keep_waiting,
            uid: None,
            stuck: None,
            said: String::new(),
        }
    }

    /// Namespace and name of the set.
    pub fn set(&self) -> (&str, &str) {
        (&self.namespace, &self.name)
    }

    /// Takes one look. `found`: the set, if it is in the snapshot; `last`: the time is over.
    ///
    /// # Errors
    /// The gap that keeps anything from being said.
    pub fn see(
        &mut self,
        snapshot: &Snapshot,
        found: Option<(&Context<'_>, &SetReport)>,
        last: bool,
    ) -> Result<Step, Gap> {
        let step = match found {
            None => self.absent(snapshot)?,
            Some((cx, report)) => self.present(snapshot, cx, report)?,
        };
        Ok(match (step.outcome, last) {
            (Outcome::Waiting, true) => timed_out(step),
            _ => step,
        })
    }

    /// Whether this step says something that the one before did not.
    pub fn is_news(&mut self, step: &Step) -> bool {
        let line = format!("{:?} {}", step.outcome, step.line);
        let news = self.said != line;
        self.said = line;
        news
    }

    fn step(&self, outcome: Outcome, summary: String) -> Step {
        Step {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            goal: self.goal,
            outcome,
            moving: false,
            line: summary.clone(),
            summary,
            verdict: None,
            progress: None,
            blocker: None,
        }
    }

    fn absent(&self, snapshot: &Snapshot) -> Result<Step, Gap> {
        // Whatever is not in a list that was not read whole may exist.
        snapshot.stateful_sets.complete()?;
        if self.goal != Goal::Deleted {
            return Ok(self.step(
                Outcome::Deleted,
                "the set was deleted while it was waited for".to_owned(),
            ));
        }
        let left = left_behind(snapshot, &self.namespace, &self.name)?;
        Ok(match left.as_slice() {
            [] if self.uid.is_none() => {
                self.step(Outcome::Reached, "there is no such set, and no pod of one".to_owned())
            }
            [] => self.step(Outcome::Reached, "the set is gone, and so are its pods".to_owned()),
            left => Step {
                moving: true,
                ..self.step(
                    Outcome::Waiting,
                    format!("the set is gone, its pods are not: {}", left.join(", ")),
                )
            },
        })
    }

    fn present(&mut self, snapshot: &Snapshot, cx: &Context<'_>, report: &SetReport) -> Result<Step, Gap> {
        let meta = &cx.set().metadata;
        let known = self.uid.get_or_insert_with(|| meta.uid.clone());
        if *known != meta.uid {
            let made = "the set was deleted, and another of its name was made";
            let outcome = if self.goal == Goal::Deleted {
                Outcome::Reached
            } else {
                Outcome::Replaced
            };
            return Ok(self.step(outcome, made.to_owned()));
        }
        if meta.terminating() && self.goal != Goal::Deleted {
            return Ok(self.step(Outcome::Deleted, "the set is being deleted".to_owned()));
        }
        let look = look(cx, report, self.goal)?;
        let outcome = match () {
            () if look.reached => Outcome::Reached,
            () if self.is_stuck(&look, snapshot.taken_at) => Outcome::Blocked,
            () => Outcome::Waiting,
        };
        let summary = match (outcome, &look.blocker) {
            (Outcome::Blocked, Some(blocker)) => blocker.says(),
            (Outcome::Waiting, Some(_)) if !self.keep_waiting => {
                format!("{}; ends here when that lasts {}s", look.says, SETTLED.as_secs())
            }
            _ => look.says,
        };
        Ok(Step {
            moving: look.moving,
            verdict: Some(look.verdict),
            progress: Some(look.progress),
            blocker: look.blocker,
            line: look.line,
            ..self.step(outcome, summary)
        })
    }

    fn is_stuck(&mut self, look: &Look, now: Timestamp) -> bool {
        let Some(blocker) = &look.blocker else {
            self.stuck = None;
            return false;
        };
        // What is known of it may change from crash to crash; that it is the same object counts.
        let marks = format!("{} {}", blocker.subject.spoken(), look.marks);
        let since = match &self.stuck {
            Some((since, same)) if *same == marks => *since,
            _ => {
                self.stuck = Some((now, marks));
                now
            }
        };
        !self.keep_waiting && (!blocker.may_pass || now.duration_since(since) >= SETTLED)
    }
}

fn timed_out(step: Step) -> Step {
    let state = match &step.blocker {
        Some(blocker) => format!("blocked by {}", blocker.says()),
        None if step.moving => format!("still moving: {}", step.summary),
        None => format!("and nothing is seen to move: {}", step.summary),
    };
    Step {
        outcome: Outcome::TimedOut,
        summary: format!("timed out, {state}"),
        ..step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::diagnose;
    use crate::diagnose::testing::recorded;
    use crate::model::gap::GapReason;
    use crate::model::link::link;
    use crate::model::objects::StatefulSet;
    use crate::model::place::Place;
    use crate::model::resource::Resource;

    /// A wait for the first set of a recording.
    fn waiter(scenario: &str, goal: Goal) -> (Waiter, Snapshot) {
        let snapshot = recorded(scenario);
        let meta = &snapshot.stateful_sets.items[0].metadata;
        (Waiter::new(&meta.namespace, &meta.name, goal, false), snapshot)
    }

    fn seen(waiter: &mut Waiter, snapshot: &Snapshot, last: bool) -> Result<Step, Gap> {
        let linked = link(snapshot);
        let found = linked.sets().iter().find(|set| set.metadata.name == waiter.name);
        let found = found.map(|set| diagnose(&linked, set));
        waiter.see(snapshot, found.as_ref().map(|(cx, report)| (cx, report)), last)
    }

    fn first(scenario: &str, goal: Goal, change: impl FnOnce(&mut Snapshot)) -> Step {
        let (mut waiter, mut snapshot) = waiter(scenario, goal);
        change(&mut snapshot);
        seen(&mut waiter, &snapshot, false).unwrap()
    }

    fn later(snapshot: &mut Snapshot, seconds: i64) {
        snapshot.taken_at += SignedDuration::from_secs(seconds);
    }

    fn set(snapshot: &mut Snapshot) -> &mut StatefulSet {
        &mut snapshot.stateful_sets.items[0]
    }

    #[test]
    fn what_was_asked_for_is_complete() {
        let step = first("healthy-ordered", Goal::Complete, |_| ());
        assert_eq!(step.outcome, Outcome::Reached);
        assert_eq!(step.summary, "3 pods are available and on 8fdc4f555");
        let held = first("healthy-partition-held", Goal::Complete, |_| ());
        assert_eq!(
            held.summary,
            "3 pods are available, 1 on 85cfb86667; partition 2 holds the other 2"
        );
        assert_eq!(
            first("healthy-zero-replicas", Goal::Complete, |_| ()).outcome,
            Outcome::Reached
        );
        let above = first("healthy-partition-above-replicas", Goal::Complete, |_| ());
        assert_eq!(above.outcome, Outcome::Reached, "{}", above.summary);
    }

    #[test]
    fn a_change_that_the_controller_has_not_seen_is_not_complete() {
        let step = first("healthy-ordered", Goal::Complete, |snapshot| {
            let generation = set(snapshot).metadata.generation.unwrap();
            set(snapshot).metadata.generation = Some(generation + 1);
            snapshot.taken_at = set(snapshot).metadata.creation_timestamp.unwrap();
        });
        assert_eq!((step.outcome, step.moving), (Outcome::Waiting, true));
        assert!(
            step.summary.ends_with("has not seen the newest change yet"),
            "{}",
            step.summary
        );
    }

    #[test]
    fn a_pod_that_crashes_is_not_ready_between_two_crashes() {
        let step = first("crash-loop-ready-now", Goal::Ready, |_| ());
        let progress = step.progress.unwrap();
        assert_eq!(step.outcome, Outcome::Waiting);
        assert!(progress.ready < progress.wanted);
    }

    #[test]
    fn ready_is_not_available_and_not_updated() {
        let on_delete = first("healthy-on-delete-waits", Goal::Available, |_| ());
        assert_eq!(on_delete.outcome, Outcome::Reached);
        let young = first("progressing-min-ready", Goal::Ready, |_| ()).progress.unwrap();
        assert!(young.available < young.ready, "{young:?}");
    }

    #[test]
    fn on_delete_ends_at_once_unless_an_operator_may_go_on() {
        let step = first("healthy-on-delete-waits", Goal::Complete, |_| ());
        assert_eq!(step.outcome, Outcome::Blocked);
        assert_eq!(
            step.summary,
            "statefulset web: OnDelete replaces web-0 and web-1 only after somebody deletes them"
        );
        let owned = first("healthy-on-delete-waits", Goal::Complete, |snapshot| {
            let owner = recorded("owned-by-custom-resource").stateful_sets.items[0]
                .metadata
                .owner_references
                .clone();
            set(snapshot).metadata.owner_references = owner;
        });
        assert_eq!(owned.outcome, Outcome::Waiting);
        let (mut waiter, snapshot) = waiter("healthy-on-delete-waits", Goal::Complete);
        waiter.keep_waiting = true;
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Waiting);
    }

    #[test]
    fn a_blocker_has_to_last() {
        let (mut waiter, mut snapshot) = waiter("update-fails-at-top", Goal::Complete);
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert_eq!((step.outcome, step.moving), (Outcome::Waiting, false));
        assert_eq!(step.blocker.unwrap().code, Some("STS502"));
        later(&mut snapshot, 29);
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Waiting);
        later(&mut snapshot, 1);
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert_eq!(step.outcome, Outcome::Blocked);
        assert!(step.summary.starts_with("pod web-2: "), "{}", step.summary);
    }

    #[test]
    fn another_pod_that_gets_somewhere_starts_the_blocker_s_time_anew() {
        let (mut waiter, mut snapshot) = waiter("update-fails-at-top", Goal::Complete);
        seen(&mut waiter, &snapshot, false).unwrap();
        later(&mut snapshot, 30);
        snapshot
            .pods
            .items
            .iter_mut()
            .find(|pod| pod.metadata.name == "web-0")
            .unwrap()
            .metadata
            .uid = "new".to_owned();
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Waiting);
    }

    #[test]
    fn blocked_and_still_moving_are_told_apart_when_time_is_over() {
        let (mut stuck, snapshot) = waiter("update-fails-at-top", Goal::Complete);
        let step = seen(&mut stuck, &snapshot, true).unwrap();
        assert_eq!((step.outcome, step.moving), (Outcome::TimedOut, false));
        assert!(
            step.summary.starts_with("timed out, blocked by pod web-2: "),
            "{}",
            step.summary
        );
        let (mut moving, snapshot) = waiter("progressing-not-ready-yet", Goal::Complete);
        let step = seen(&mut moving, &snapshot, true).unwrap();
        assert_eq!((step.outcome, step.moving), (Outcome::TimedOut, true));
        assert!(
            step.summary.starts_with("timed out, still moving: "),
            "{}",
            step.summary
        );
    }

    #[test]
    fn a_set_that_goes_or_comes_anew_is_said() {
        let deleting = first("set-being-deleted", Goal::Complete, |_| ());
        assert_eq!(deleting.outcome, Outcome::Deleted);
        let (mut waiter, mut snapshot) = waiter("healthy-ordered", Goal::Ready);
        seen(&mut waiter, &snapshot, false).unwrap();
        set(&mut snapshot).metadata.uid = "another".to_owned();
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Replaced);
        snapshot.stateful_sets.items.clear();
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Deleted);
    }

    #[test]
    fn deleted_is_without_pods() {
        let (mut waiter, mut snapshot) = waiter("healthy-ordered", Goal::Deleted);
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert_eq!(
            step.summary,
            "exists, with 3 of its pods: nobody has asked for its deletion"
        );
        snapshot.stateful_sets.items.clear();
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert_eq!((step.outcome, step.moving), (Outcome::Waiting, true));
        snapshot.pods.items.clear();
        assert_eq!(seen(&mut waiter, &snapshot, false).unwrap().outcome, Outcome::Reached);
    }

    #[test]
    fn what_was_not_read_is_neither_gone_nor_there() {
        for (resource, goal) in [(Resource::StatefulSets, Goal::Deleted), (Resource::Pods, Goal::Ready)] {
            let (mut waiter, mut snapshot) = waiter("healthy-ordered", goal);
            let sink = snapshot.sink(resource, Place::Scope).unwrap();
            sink.clear();
            sink.gap(Gap::list(resource, None, GapReason::Timeout));
            assert_eq!(seen(&mut waiter, &snapshot, false).unwrap_err().resource, resource);
        }
    }

    #[test]
    fn the_same_again_is_no_news() {
        let (mut waiter, mut snapshot) = waiter("progressing-min-ready", Goal::Complete);
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert!(waiter.is_news(&step));
        later(&mut snapshot, 1);
        let step = seen(&mut waiter, &snapshot, false).unwrap();
        assert!(!waiter.is_news(&step));
        let step = seen(&mut waiter, &snapshot, true).unwrap();
        assert!(waiter.is_news(&step));
    }
}
