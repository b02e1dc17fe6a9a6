//! What `wait` waits for, and how far a set is from it: one look, without memory of earlier ones.

use serde::Serialize;

use super::context::Context;
use super::finding::{Certainty, ObjectRef, Role, Severity};
use super::next::{next, pod_names};
use super::{SetReport, Verdict};
use crate::controller::{self, Op};
use crate::model::gap::Gap;
use crate::model::pod_state::{PodState, pod_state};
use crate::model::set::Ordinal;
use crate::model::snapshot::Snapshot;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// What was asked for is there: every pod is available, those from the partition on are on the update revision, and
    /// none is left that the set should not have.
    Complete,
    /// Every wanted pod is Ready, on whatever revision.
    Ready,
    /// The same for `minReadySeconds`.
    Available,
    /// The set does not exist, and none of its pods.
    Deleted,
}

impl Goal {
    /// As JSON and the command line spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Ready => "ready",
            Self::Available => "available",
            Self::Deleted => "deleted",
        }
    }
}

/// Pods by how far they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Wanted pods.
    pub wanted: usize,
    /// Ready ones, on whatever revision; a pod that crashes again and again is none.
    pub ready: usize,
    /// Ready for `minReadySeconds`.
    pub available: usize,
    /// Pods that are to be on the update revision: from the partition on.
    pub to_update: usize,
    /// Those of them that are.
    pub updated: usize,
    /// Pods that the set should no longer have.
    pub leaving: usize,
}

/// What keeps the goal from being reached, and will not end by itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Blocker {
    /// The finding's code; `None` where the set's own strategy waits for somebody.
    pub code: Option<&'static str>,
    /// How sure.
    pub certainty: Certainty,
    /// What it is about.
    pub subject: ObjectRef,
    /// What is the matter with it.
    pub summary: String,
    /// What to type against it.
    pub commands: Vec<Vec<String>>,
    /// Whether it can be over in a moment all the same, so that it has to last before it counts.
    #[serde(skip)]
    pub may_pass: bool,
}

impl Blocker {
    /// In one line, with the code where there is one.
    pub fn says(&self) -> String {
        let code = self.code.map_or(String::new(), |code| format!(" ({code})"));
        format!("{}: {}{code}", self.subject.spoken(), self.summary)
    }
}

/// One look at one set.
#[derive(Clone, Debug)]
pub struct Look {
    /// Whether the goal is reached.
    pub reached: bool,
    /// Whether something is seen to go on.
    pub moving: bool,
    /// How far it is and what comes next, in one line.
    pub says: String,
    /// The same as numbers.
    pub progress: Progress,
    /// The verdict on the set.
    pub verdict: Verdict,
    /// What keeps it.
    pub blocker: Option<Blocker>,
    /// What tells this look from another: pods that came, went, or became Ready, the blocked ones apart.
    pub marks: String,
    /// What tells this look's line from another's.
    pub line: String,
}

/// Looks at a set that exists.
///
/// # Errors
/// The gap when pods could not be read: nothing can be said then.
pub fn look(cx: &Context<'_>, report: &SetReport, goal: Goal) -> Result<Look, Gap> {
    cx.need(&cx.linked.snapshot.pods)?;
    let set = cx.set();
    let unseen = set.status.observed_generation < set.metadata.generation;
    let progress = progress(cx);
    let Progress {
        wanted,
        ready,
        available,
        to_update,
        updated,
        leaving,
    } = progress;
    let reached = match goal {
        Goal::Complete => {
            !unseen && !set.metadata.terminating() && available == wanted && updated == to_update && leaving == 0
        }
        Goal::Ready => ready == wanted,
        Goal::Available => available == wanted,
        Goal::Deleted => false,
    };
    let writes = || {
        let pods = [Op::CreatePod, Op::DeletePod];
        cx.decision.calls.iter().any(|call| pods.contains(&call.op))
    };
    let late = unseen && cx.unanswered().is_none();
    let blocker = match reached || late || goal == Goal::Deleted {
        true => None,
        false => on_delete(cx, goal).or_else(|| blocker(cx, report, goal)),
    };
    let moving = match goal {
        Goal::Deleted => set.metadata.terminating(),
        _ => blocker.is_none() && (late || report.verdict == Verdict::Progressing || writes()),
    };
    let apart: &[i64] = match &blocker {
        Some(_) => report.root().map_or(&[], |root| root.ordinals.as_slice()),
        None => &[],
    };
    let marks = cx.model.rows().filter_map(|row| {
        let pod = row.pod?;
        let ready = !apart.contains(&row.ordinal) && is_ready(cx, row);
        Some(format!("{} {ready} ", pod.metadata.uid))
    });
    let far = match goal {
        Goal::Complete if reached => done(cx, progress),
        Goal::Complete => format!(
            "{updated}/{to_update} updated, {available}/{wanted} available{}",
            left(leaving)
        ),
        Goal::Ready => format!("{ready}/{wanted} ready"),
        Goal::Available => format!("{available}/{wanted} available"),
        Goal::Deleted => format!(
            "exists, with {} of its pods",
            cx.model.rows().filter(|row| row.pod.is_some()).count()
        ),
    };
    let comes = match goal {
        _ if reached => String::new(),
        Goal::Deleted if moving => ": it is being deleted".to_owned(),
        Goal::Deleted => ": nobody has asked for its deletion".to_owned(),
        _ if late => ": the controller has not seen the newest change yet".to_owned(),
        _ => match &blocker {
            Some(blocker) => format!(": {}", blocker.says()),
            None => format!(": {}", next(cx)),
        },
    };
    let says = far + &comes;
    let blocked = blocker.as_ref().map(|blocker| (blocker.code, &blocker.subject));
    Ok(Look {
        reached,
        moving,
        line: format!("{} {:?} {blocked:?}", without_seconds(&says), report.verdict),
        says,
        progress,
        verdict: report.verdict,
        blocker,
        marks: marks.collect(),
    })
}

/// What is left of a grace period or of `minReadySeconds` changes with every look, and says nothing new.
fn without_seconds(text: &str) -> String {
    let counts = |word: &&str| {
        let digits = word.trim_end_matches([',', ';']).strip_suffix('s');
        digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    text.split(' ')
        .filter(|word| !counts(word))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Pods that the set of this name left behind, as long as they say so themselves.
///
/// # Errors
/// The gap when pods could not be read.
pub fn left_behind<'a>(snapshot: &'a Snapshot, namespace: &str, name: &str) -> Result<Vec<&'a str>, Gap> {
    let pods = snapshot.pods.complete()?.iter();
    let of_it = pods.filter(|pod| {
        let owner = pod.metadata.controller();
        pod.metadata.namespace == namespace
            && owner.is_some_and(|owner| owner.kind == "StatefulSet" && owner.name == name)
    });
    Ok(of_it.map(|pod| pod.metadata.name.as_str()).collect())
}

/// A pod that crashes again and again is Ready between two crashes, and not meant.
fn is_ready(cx: &Context<'_>, row: &Ordinal<'_>) -> bool {
    row.pod
        .is_some_and(|pod| matches!(pod_state(pod, cx.now()), PodState::Ready))
}

fn is_available(cx: &Context<'_>, row: &Ordinal<'_>) -> bool {
    is_ready(cx, row) && row.pod.is_some_and(|pod| controller::available(&cx.input, pod))
}

fn is_updated(cx: &Context<'_>, row: &Ordinal<'_>) -> bool {
    row.pod.is_some_and(|pod| pod.revision() == cx.decision.update_revision)
}

/// The ordinals that are to be on the update revision.
fn to_update<'c, 'a>(cx: &'c Context<'a>) -> impl Iterator<Item = &'c Ordinal<'a>> {
    let partition = usize::try_from(cx.set().partition()).unwrap_or(0);
    cx.model.ordinals.iter().skip(partition)
}

fn progress(cx: &Context<'_>) -> Progress {
    let rows = cx.model.ordinals.iter();
    Progress {
        wanted: usize::try_from(cx.set().replicas()).unwrap_or(0),
        ready: rows.clone().filter(|row| is_ready(cx, row)).count(),
        available: rows.filter(|row| is_available(cx, row)).count(),
        to_update: to_update(cx).count(),
        updated: to_update(cx).filter(|row| is_updated(cx, row)).count(),
        leaving: cx.model.condemned.len(),
    }
}

fn left(leaving: usize) -> String {
    match leaving {
        0 => String::new(),
        leaving => format!(", {leaving} leaving"),
    }
}

fn done(cx: &Context<'_>, progress: Progress) -> String {
    if progress.wanted == 0 {
        return "no pod is wanted, and none is there".to_owned();
    }
    let update = &cx.decision.update_revision;
    let hash = update
        .strip_prefix(&format!("{}-", cx.set().metadata.name))
        .unwrap_or(update);
    let Progress { wanted, to_update, .. } = progress;
    let pods = |many: usize| {
        if many == 1 {
            "1 pod is".to_owned()
        } else {
            format!("{many} pods are")
        }
    };
    match wanted - to_update.min(wanted) {
        0 => format!("{} available and on {hash}", pods(wanted)),
        held => format!(
            "{} available, {to_update} on {hash}; partition {} holds the other {held}",
            pods(wanted),
            cx.set().partition()
        ),
    }
}

/// `OnDelete` with nothing else under way: only somebody can go on. Where that somebody may be an operator, it is given
/// a moment.
fn on_delete(cx: &Context<'_>, goal: Goal) -> Option<Blocker> {
    let waits = cx.set().on_delete() && goal == Goal::Complete;
    let old: Vec<i64> = to_update(cx)
        .filter(|row| row.pod.is_some() && !is_updated(cx, row))
        .map(|row| row.ordinal)
        .collect();
    let settled = cx.model.condemned.is_empty() && cx.model.ordinals.iter().all(|row| is_available(cx, row));
    (waits && settled && !old.is_empty()).then(|| {
        let set = &cx.set().metadata;
        let them = if old.len() == 1 { "it" } else { "them" };
        Blocker {
            code: None,
            certainty: Certainty::Certain,
            subject: ObjectRef::of("StatefulSet", set),
            summary: format!(
                "OnDelete replaces {} only after somebody deletes {them}",
                pod_names(&cx.model, &old)
            ),
            commands: Vec::new(),
            may_pass: set.controller().is_some(),
        }
    })
}

/// The root that holds back what is waited for.
fn blocker(cx: &Context<'_>, report: &SetReport, goal: Goal) -> Option<Blocker> {
    let mut roots = report
        .findings
        .iter()
        .filter(|finding| finding.role == Role::Root && finding.severity == Severity::Error);
    let there = |row: &Ordinal<'_>| match goal {
        Goal::Complete | Goal::Available => is_available(cx, row),
        Goal::Ready | Goal::Deleted => is_ready(cx, row),
    };
    let lacking = |ordinal: &i64| {
        let row = cx.model.rows().find(|row| row.ordinal == *ordinal);
        row.is_none_or(|row| !there(row))
    };
    let root = roots.find(|root| report.verdict == Verdict::Blocked || root.ordinals.iter().any(lacking))?;
    Some(Blocker {
        code: Some(root.code),
        certainty: root.certainty,
        subject: root.subject.clone(),
        summary: root.summary.clone(),
        commands: root
            .remedy
            .as_ref()
            .map_or_else(Vec::new, |remedy| remedy.commands.clone()),
        may_pass: true,
    })
}
