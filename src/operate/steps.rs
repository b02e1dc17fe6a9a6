//! A forecast as the steps of a plan: what the controller does to pods and claims, after what, and with what of the set
//! Ready meanwhile; and how it ends.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::Changed;
use super::plan::{Effect, EffectKind};
use crate::controller::{Call, End, Event, Forecast, HeldBack, Op, Wait, WaitFact, revision_hash, revision_name};
use crate::diagnose::context::Context;
use crate::diagnose::finding::ObjectRef;
use crate::model::objects::StatefulSet;
use crate::model::ordinal::parent_and_ordinal;
use crate::model::pod_state::pod_state;

/// Who takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// The StatefulSet controller.
    Controller,
    /// The garbage collector, on an owner that is gone.
    GarbageCollector,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Who takes it.
    pub by: By,
    /// What is done: `createPod`, `deletePod`, `createClaim` …
    pub action: &'static str,
    /// To what.
    pub object: ObjectRef,
    /// What the step rests on.
    pub preconditions: Preconditions,
    /// The revision that a created pod gets; `None` where its name is not known yet.
    pub revision: Option<String>,
    /// Whether that revision does not exist today.
    pub new_revision: bool,
    /// Steps of one round come in one go.
    pub round: usize,
    /// What the controller waits for before it.
    pub after: Vec<WaitsFor>,
    /// Pods in range that are Ready once its round is done.
    pub ready: usize,
}

/// What a step rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Preconditions {
    /// The object as it is today; `None` for one that does not exist today.
    pub uid: Option<String>,
}

/// A fact that is waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitsFor {
    /// Kind of the object.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The fact, as in `status`.
    pub fact: &'static str,
    /// What must hold for it to end, as a clause.
    #[serde(skip)]
    pub until: String,
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Pods that are wanted in the end.
    pub wanted: i32,
    /// Pods in range that are Ready in the end.
    pub ready: usize,
    /// The fewest on the way.
    pub fewest_ready: usize,
    /// Pods in range that are on the template's revision in the end.
    pub updated: usize,
    /// Where and why it goes no further; `None` when it is done.
    pub stuck: Option<Stuck>,
    /// Whether there is more to come than was looked at.
    pub more: bool,
}

/// How it ends when one pod never becomes Ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Otherwise {
    /// The pod.
    pub pod: String,
    /// The end.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Where it goes no further by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// How many pods were made or deleted before.
    pub after_steps: usize,
    /// Why, in one line.
    pub says: String,
    /// What the controller waits for.
    pub waits_for: Vec<WaitsFor>,
    /// The error of its syncs.
    pub error: Option<String>,
    /// What is not done, such as `update web-0`.
    pub not_done: Vec<String>,
}

/// How the template's revision is called.
pub(super) struct Naming<'f> {
    update: &'f str,
    /// Whether it is made only then.
    new: bool,
    /// Whether its name is known all the same.
    known: bool,
}

impl<'f> Naming<'f> {
    /// The name of a new revision is a hash over its bytes. It can be foretold where today's template gives the name that
    /// today's revision has: then nothing is masked, and the API server's fields are the controller's.
    pub fn new(cx: &Context<'_>, changed: &Changed, forecast: &'f Forecast) -> Self {
        let new = forecast.update_revision_is_new;
        Self {
            update: &forecast.update_revision,
            new,
            known: !new || (!changed.of_time && changed.open.is_empty() && reproducible(cx)),
        }
    }

    fn name(&self, revision: &str) -> Option<String> {
        (self.known || revision != self.update).then(|| revision.to_owned())
    }
}

/// Whether today's revision has the name that its template gives.
fn reproducible(cx: &Context<'_>) -> bool {
    const MOST_COLLISIONS: i32 = 8;
    let (set, profile) = (cx.set(), &cx.input.profile);
    let collisions = set.status.collision_count.unwrap_or(0).clamp(0, MOST_COLLISIONS);
    let name = |count| revision_name(&set.metadata.name, &revision_hash(&set.spec.template.0, count, profile));
    (0..=collisions).any(|count| name(count) == set.status.update_revision)
}

impl Step {
    /// Whether a pod goes.
    pub fn deletes_pod(&self) -> bool {
        self.action == "deletePod"
    }

    /// Whether a pod is made.
    pub fn creates_pod(&self) -> bool {
        self.action == "createPod"
    }
}

/// What is done to pods and claims, in order.
pub(super) fn steps(cx: &Context<'_>, set: &StatefulSet, forecast: &Forecast, naming: &Naming<'_>) -> Vec<Step> {
    let uids = uids(cx);
    // A created pod is not Ready yet when its step is taken, and one deleted in the same go no more.
    let mut fewest: BTreeMap<usize, usize> = BTreeMap::new();
    for told in &forecast.steps {
        let least = fewest.entry(told.round).or_insert(told.ready);
        *least = told.ready.min(*least);
    }
    let mut steps: Vec<Step> = Vec::new();
    for told in &forecast.steps {
        let (by, action, kind, name) = match &told.event {
            Event::Call(call) => match action(call.op) {
                Some((action, kind)) => (By::Controller, action, kind, &call.name),
                None => continue,
            },
            Event::ClaimGone(name) => (By::GarbageCollector, "deleteClaim", "PersistentVolumeClaim", name),
            Event::PodGone(_) | Event::PodReady(_) | Event::PodAvailable(_) => continue,
        };
        let revision = match &told.event {
            Event::Call(Call {
                op: Op::CreatePod,
                revision,
                ..
            }) => revision.as_deref(),
            _ => None,
        };
        steps.push(Step {
            by,
            action,
            object: ObjectRef::named(kind, &set.metadata.namespace, name),
            preconditions: Preconditions {
                uid: uids.get(&(kind, name.as_str())).map(|uid| (*uid).to_owned()),
            },
            revision: revision.and_then(|revision| naming.name(revision)),
            new_revision: naming.new && revision == Some(naming.update),
            round: told.round,
            after: told.after.iter().map(|wait| waits_for(set, wait)).collect(),
            ready: fewest.get(&told.round).copied().unwrap_or(told.ready),
        });
    }
    steps
}

fn action(op: Op) -> Option<(&'static str, &'static str)> {
    const CLAIM: &str = "PersistentVolumeClaim";
    match op {
        Op::CreatePod => Some(("createPod", "Pod")),
        Op::UpdatePod => Some(("updatePod", "Pod")),
        Op::DeletePod => Some(("deletePod", "Pod")),
        Op::CreateClaim => Some(("createClaim", CLAIM)),
        Op::UpdateClaim => Some(("updateClaim", CLAIM)),
        // Of no concern to who asks what a change does.
        Op::CreateRevision | Op::UpdateRevision | Op::DeleteRevision => None,
    }
}

/// Uids of today's objects by kind and name.
fn uids<'a>(cx: &Context<'a>) -> BTreeMap<(&'static str, &'a str), &'a str> {
    let pods = cx.model.rows().filter_map(|row| row.pod);
    let pods = pods.map(|pod| (("Pod", pod.metadata.name.as_str()), pod.metadata.uid.as_str()));
    let claims = cx
        .model
        .rows()
        .flat_map(|row| &row.claims)
        .filter_map(|slot| slot.claim);
    let claims = claims.chain(cx.model.parked.iter().copied()).map(|claim| {
        let meta = &claim.metadata;
        (("PersistentVolumeClaim", meta.name.as_str()), meta.uid.as_str())
    });
    pods.chain(claims).collect()
}

fn waits_for(set: &StatefulSet, wait: &Wait) -> WaitsFor {
    let name = &wait.name;
    let least = set.spec.min_ready_seconds;
    let until = match &wait.fact {
        WaitFact::Terminating | WaitFact::CondemnedTerminating | WaitFact::TerminalPhase => format!("{name} is gone"),
        WaitFact::StaleClaim { .. } | WaitFact::ClaimTerminating => format!("claim {name} is gone"),
        WaitFact::NotReady | WaitFact::CondemnedNotReady { .. } => format!("{name} is Ready"),
        WaitFact::Updating if least == 0 => format!("{name} is Ready"),
        WaitFact::Updating | WaitFact::NotAvailable { .. } | WaitFact::CondemnedNotAvailable { .. } => {
            format!("{name} is Ready for {least}s")
        }
        WaitFact::UpdateRefused => format!("{name} can be updated in place"),
        WaitFact::MaxUnavailable { max, .. } => format!("fewer than {max} are unavailable"),
        WaitFact::OnDelete => "somebody deletes pods".to_owned(),
        WaitFact::SetDeleting => format!("{name} is deleted"),
    };
    WaitsFor {
        kind: format!("{:?}", wait.kind),
        name: wait.name.clone(),
        fact: wait.fact.name(),
        until,
    }
}

/// How a forecast ends.
pub(super) fn outcome(cx: &Context<'_>, set: &StatefulSet, forecast: &Forecast, naming: &Naming<'_>) -> Outcome {
    let of_range = || forecast.pods.iter().filter(|pod| set.in_range(pod.ordinal));
    let (stuck, more) = match &forecast.end {
        End::Done => (None, false),
        End::Beyond => (None, true),
        End::Stuck {
            waits_for: waits,
            error,
            held_back,
        } => {
            let stuck = Stuck {
                after_steps: forecast.calls().filter(|(call, _)| is_of_pod(call.op)).count(),
                waits_for: waits.iter().map(|wait| waits_for(set, wait)).collect(),
                says: says(cx, set, forecast, waits, error.as_deref()),
                error: error.clone(),
                not_done: held_back.iter().flat_map(|held| not_done(set, held)).collect(),
            };
            (Some(stuck), false)
        }
    };
    Outcome {
        wanted: set.replicas(),
        ready: of_range().filter(|pod| pod.ready).count(),
        fewest_ready: forecast.fewest_ready(cx.model.ready()),
        updated: of_range().filter(|pod| pod.revision == naming.update).count(),
        stuck,
        more,
    }
}

/// Why it goes no further, with the state of today's pods that it waits for.
fn says(cx: &Context<'_>, set: &StatefulSet, forecast: &Forecast, waits: &[Wait], error: Option<&str>) -> String {
    let state = |name: &str| {
        let today = forecast.pods.iter().any(|pod| pod.name == name && pod.today);
        let pod = cx.model.rows().find(|row| row.name == name)?.pod.filter(|_| today)?;
        Some(format!(" (it is {})", pod_state(pod, cx.now()).word()))
    };
    let said = waits.iter().map(|wait| {
        let until = waits_for(set, wait).until;
        format!("waits until {until}{}", state(&wait.name).unwrap_or_default())
    });
    let refusal = || {
        cx.model
            .ordinals
            .iter()
            .find_map(|row| cx.refusal(row))
            .map(|event| event.message.as_str())
    };
    let failure = error.map(|error| match refusal() {
        Some(refusal) => format!("fails as it did last: {refusal}"),
        None => format!("fails: {error}"),
    });
    let said: Vec<_> = said.chain(failure).collect();
    said.join("; ")
}

fn is_of_pod(op: Op) -> bool {
    matches!(op, Op::CreatePod | Op::DeletePod)
}

fn not_done(set: &StatefulSet, held: &HeldBack) -> Vec<String> {
    let verb = match held {
        HeldBack::Create(_) => "create",
        HeldBack::ScaleDown(_) => "delete",
        HeldBack::Update(_) => "update",
    };
    let mut ordinals = held.ordinals().to_vec();
    // The highest goes first.
    if verb != "create" {
        ordinals.reverse();
    }
    ordinals
        .iter()
        .map(|ordinal| format!("{verb} {}", set.pod_name(*ordinal)))
        .collect()
}

/// The ordinal of the first pod that is made.
pub(super) fn first_made(forecast: &Forecast) -> Option<i64> {
    let mut made = forecast.calls().filter(|(call, _)| call.op == Op::CreatePod);
    made.next().map(|(call, _)| parent_and_ordinal(&call.name).1)
}

/// Pods that stay on another revision than the template's although nothing is in the way.
pub(super) fn stay_old(set: &StatefulSet, forecast: &Forecast, naming: &Naming<'_>) -> Vec<Effect> {
    if forecast.end != End::Done {
        return Vec::new();
    }
    let old = forecast
        .pods
        .iter()
        .filter(|pod| set.in_range(pod.ordinal) && pod.revision != naming.update);
    old.map(|pod| {
        let index = pod.ordinal - i64::from(set.start());
        let why = match (set.on_delete(), index < i64::from(set.partition())) {
            (true, _) => "OnDelete replaces a pod only after somebody deletes it".to_owned(),
            (false, true) => format!("held by partition {}", set.partition()),
            (false, false) => "left by the controller".to_owned(),
        };
        let object = ObjectRef::named("Pod", &set.metadata.namespace, &pod.name);
        Effect {
            ordinal: Some(pod.ordinal),
            ..Effect::new(EffectKind::StaysOld, object, format!("on {}: {why}", pod.revision))
        }
    })
    .collect()
}

/// What a plan comes to, in one line.
pub(super) fn summary(set: &StatefulSet, changed: &Changed, steps: &[Step], outcome: &Outcome) -> String {
    let names = |wanted: fn(&Step) -> bool| -> Vec<&str> {
        steps
            .iter()
            .filter(|step| wanted(step))
            .map(|step| step.object.name.as_str())
            .collect()
    };
    let (made, gone) = (names(Step::creates_pod), names(Step::deletes_pod));
    let both: Vec<_> = gone.iter().copied().filter(|name| made.contains(name)).collect();
    let only = |these: &[&str], others: &[&str]| -> Vec<String> {
        these
            .iter()
            .filter(|name| !others.contains(name))
            .map(|name| (*name).to_owned())
            .collect()
    };
    let parts = [
        ("creates", only(&made, &both)),
        ("deletes", only(&gone, &both)),
        ("replaces", both.iter().map(|name| (*name).to_owned()).collect()),
    ];
    let claims = steps.iter().filter(|step| step.action == "deleteClaim").count();
    let data = match claims {
        0 => String::new(),
        1 => "; 1 claim is DELETED".to_owned(),
        many => format!("; {many} claims are DELETED"),
    };
    let said: Vec<_> = parts
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(verb, names)| format!("{verb} {}", listed(names)))
        .collect();
    let pace = match set.ordered() {
        true if made.len() + gone.len() - both.len() > 1 => ", one after the other",
        _ => "",
    };
    let more = if outcome.more { ", and more" } else { "" };
    let stops = match &outcome.stuck {
        None => "",
        Some(_) if said.is_empty() => "does not get under way",
        Some(_) => ", and gets stuck there",
    };
    let already = if changed.fields.is_empty() {
        "nothing changes"
    } else {
        ""
    };
    match (said.is_empty(), already.is_empty(), stops.is_empty()) {
        (true, true, true) => format!("no pod is touched{}", later(set, changed)),
        (true, false, true) => "nothing to do: it is as asked already".to_owned(),
        (true, true, false) => stops.to_owned(),
        (true, false, false) => format!("{already}; what was asked for before {stops}"),
        (false, false, _) => format!("{already}; the controller {}{more}{pace}{stops}{data}", said.join(", ")),
        (false, true, _) => format!("{}{more}{pace}{stops}{data}", said.join(", ")),
    }
}

/// What a partition means for the next change of the template.
fn later(set: &StatefulSet, changed: &Changed) -> String {
    let partition = i64::from(set.partition());
    let (first, count) = (i64::from(set.start()) + partition, i64::from(set.replicas()));
    let of_partition = changed.fields.iter().any(|field| field.path.ends_with("partition"));
    match count - partition {
        _ if !of_partition || set.on_delete() => String::new(),
        ..=0 => "; a new template reaches no pod".to_owned(),
        1 => format!("; a new template reaches {} only", set.pod_name(first)),
        _ if partition == 0 => "; a new template reaches every pod".to_owned(),
        _ => format!("; a new template reaches {} and above only", set.pod_name(first)),
    }
}

/// Names in a row; many as first and last.
pub(super) fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first, .., last] if names.len() > 4 => format!("{} pods, {first} to {last}", names.len()),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
