//! A plan: what a change of a set leads to, as a value. Whoever changes something shows its plan first, and what it would
//! refuse stands in it as guards.

use serde::Serialize;

use super::change::Changed;
use super::interference::interference;
use super::today::{Time, assumption, time};
use super::{claims, steps};
use crate::controller::{Assumption, Forecast, Input, Profiles};
use crate::diagnose::context::Context;
use crate::diagnose::finding::{Certainty, Finding, ObjectRef};
use crate::diagnose::{NotChecked, Owner, Serving};
use crate::model::changes::Change;
use crate::model::gap::Gap;
use crate::model::objects::{Object, StatefulSet};
use crate::model::resource::Resource;

pub use super::steps::{By, Otherwise, Outcome, Step, Stuck, WaitsFor};

/// What a change of one set leads to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// What differs in the set; empty when it is as asked already.
    pub change: Vec<Change>,
    /// What it comes to, in one line.
    pub summary: String,
    /// Stands for the meaning of the whole: another digest, another plan.
    pub digest: String,
    /// Read from state and the same under every plausible behaviour of the controller, or not.
    pub certainty: Certainty,
    /// What makes it only likely.
    pub doubts: Vec<String>,
    /// Ready of wanted pods, today.
    pub serving: Serving,
    /// `OrderedReady` or `Parallel`.
    pub pod_management_policy: String,
    /// `RollingUpdate` or `OnDelete`, as it would be.
    pub strategy: String,
    /// Who manages the set.
    pub owner: Option<Owner>,
    /// In order.
    pub steps: Vec<Step>,
    /// The command that makes the change, as an argument list; empty where nothing changes, or where an owner must.
    pub command: Vec<String>,
    /// How it ends when every new pod becomes Ready.
    pub outcome: Outcome,
    /// How it ends when the first new pod never becomes Ready; `None` where none is made.
    pub otherwise: Option<Otherwise>,
    /// How long it takes, by the starts of today's pods; `None` where fewer than two were seen.
    pub time: Option<Time>,
    /// What else comes of it.
    pub effects: Vec<Effect>,
    /// What speaks against it.
    pub guards: Vec<Finding>,
    /// Whether neither a guard nor the API server refuses it.
    pub allowed: bool,
    /// What was not read.
    pub not_checked: Vec<NotChecked>,
}

/// Something that comes of a change beside its steps, or bears on it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// What kind of thing.
    pub effect: EffectKind,
    /// The object it concerns.
    pub object: ObjectRef,
    /// The ordinal it concerns.
    pub ordinal: Option<i64>,
    /// Since when the object exists, where that matters.
    pub since: Option<jiff::Timestamp>,
    /// One line that reads after the object's name, or for itself where somebody interferes.
    pub summary: String,
}

/// Kinds of effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EffectKind {
    /// A claim goes, and perhaps its data.
    ClaimDeleted,
    /// A new pod takes up a claim that is there.
    ClaimReused,
    /// A claim is made.
    ClaimMade,
    /// A claim stays without a pod.
    ClaimLeft,
    /// A pod stays on another revision than the template's.
    StaysOld,
    /// The API server would refuse this part.
    Refused,
    /// Somebody else would undo the change.
    TakenBack,
    /// A disruption budget that has no say in this.
    BudgetIgnored,
}

impl Effect {
    pub(super) fn new(effect: EffectKind, object: ObjectRef, summary: impl Into<String>) -> Self {
        Self {
            effect,
            object,
            ordinal: None,
            since: None,
            summary: summary.into(),
        }
    }
}

/// Works out what a change leads to. `cx` is the set as it is, `after` the same with the changed set.
///
/// # Errors
/// The gap without which every sentence about a pod would be a guess.
pub fn plan(cx: &Context<'_>, after: &Context<'_>, changed: &Changed, command: Vec<String>) -> Result<Plan, Gap> {
    cx.need(&cx.linked.snapshot.pods)?;
    let profiles = Profiles::plausible(cx.linked.snapshot.server_version.as_deref());
    let assumption = assumption(cx);
    let pods = cx.model.rows().filter_map(|row| row.pod);
    // Claims of every ordinal: a scale-up takes up those that a scale-down left.
    let rows = cx.model.rows().chain(after.model.rows());
    let claims = rows.flat_map(|row| &row.claims).filter_map(|slot| slot.claim);
    let revisions = cx.model.revisions.iter().copied();
    let input = Input {
        taken: cx.model.taken().chain(after.model.taken()).collect(),
        revisions_read: cx.input.revisions_read,
        ..Input::new(after.set(), pods, claims, revisions, cx.now(), profiles.first)
    };
    let expected = profiles.forecast(&input, &assumption);
    let forecast = &expected.forecast;
    let mut doubts = expected.doubts;
    let set = after.set();

    let naming = steps::Naming::new(cx, changed, forecast);
    doubts.extend(masked(cx, changed, forecast));
    doubts.extend(
        cx.unanswered()
            .map(|_| "the controller has not answered the set's last change yet".to_owned()),
    );
    doubts.extend(open(changed));
    let mut steps = steps::steps(cx, set, forecast, &naming);
    let claims_unread = cx.need(&cx.linked.snapshot.claims).err();
    if let Some(gap) = claims_unread
        .as_ref()
        .filter(|_| !set.spec.volume_claim_templates.is_empty())
    {
        // A claim that was not read would be taken for one that is to be made.
        steps.retain(|step| step.object.kind != "PersistentVolumeClaim");
        doubts.push(format!(
            "{} could not be read: one that is being deleted would hold its pod back",
            gap.what()
        ));
    }
    let outcome = steps::outcome(cx, set, forecast, &naming);
    let otherwise = steps::first_made(forecast).map(|ordinal| {
        let never = Assumption {
            never_ready: [ordinal].into(),
            ..assumption.clone()
        };
        Otherwise {
            pod: set.pod_name(ordinal),
            outcome: steps::outcome(cx, set, &profiles.forecast(&input, &never).forecast, &naming),
        }
    });

    let (effects, mut gaps) = beside(cx, set, changed, &steps);
    let mut effects = [of_claims(cx, set, forecast, claims_unread, &mut gaps), effects].concat();
    effects.extend(steps::stay_old(set, forecast, &naming));
    effects.sort_by_key(|effect| effect.effect);
    let not_checked = gaps.iter().chain(cx.gaps()).map(|gap| NotChecked {
        what: gap.what(),
        why: gap.why(),
    });
    let mut not_checked: Vec<_> = not_checked.collect();
    not_checked.sort();
    not_checked.dedup();

    let mut plan = Plan {
        namespace: set.metadata.namespace.clone(),
        name: set.metadata.name.clone(),
        change: changed.fields.clone(),
        summary: steps::summary(set, changed, &steps, &outcome),
        digest: String::new(),
        certainty: if doubts.is_empty() {
            Certainty::Certain
        } else {
            Certainty::Likely
        },
        doubts,
        serving: Serving {
            ready: Some(cx.model.ready()),
            wanted: cx.set().replicas(),
        },
        pod_management_policy: set.spec.pod_management_policy.clone(),
        strategy: set.spec.update_strategy.kind.clone(),
        owner: set.metadata.controller().map(|owner| Owner {
            kind: owner.kind.clone(),
            name: owner.name.clone(),
        }),
        time: match &outcome.stuck {
            None if !outcome.more => time(cx, set, forecast),
            _ => None,
        },
        steps,
        command: match set.metadata.controller() {
            None if !changed.fields.is_empty() && changed.refused.is_empty() => command,
            _ => Vec::new(),
        },
        outcome,
        otherwise,
        effects,
        guards: Vec::new(),
        allowed: changed.refused.is_empty(),
        not_checked,
    };
    plan.digest = digest(&plan, &set.metadata.uid);
    Ok(plan)
}

/// What becomes of claims; nothing is said where they were not read.
fn of_claims(
    cx: &Context<'_>,
    set: &StatefulSet,
    forecast: &Forecast,
    unread: Option<Gap>,
    gaps: &mut Vec<Gap>,
) -> Vec<Effect> {
    match unread {
        None => claims::effects(cx, set, forecast),
        Some(gap) => {
            gaps.extend((!set.spec.volume_claim_templates.is_empty()).then_some(gap));
            Vec::new()
        }
    }
}

/// What the API server refuses, and who else has a say.
fn beside(cx: &Context<'_>, set: &StatefulSet, changed: &Changed, steps: &[Step]) -> (Vec<Effect>, Vec<Gap>) {
    let deletes = steps.iter().any(Step::deletes_pod);
    let (mut effects, gaps) = interference(cx, changed, deletes);
    if !changed.refused.is_empty() {
        let object = ObjectRef::of(Resource::StatefulSets.info().kind, set.meta());
        let summary = format!(
            "the API server refuses the file: {} cannot be changed ('kubectl sts check' says more); the steps are \
             those of the rest",
            changed.refused.join(", ")
        );
        effects.push(Effect::new(EffectKind::Refused, object, summary));
    }
    (effects, gaps)
}

/// Where values are masked, templates that differ may look the same.
fn masked(cx: &Context<'_>, changed: &Changed, forecast: &Forecast) -> Option<String> {
    let hidden = changed.of_template() && cx.linked.snapshot.masked;
    let known = !forecast.update_revision_is_new && forecast.update_revision != cx.set().status.update_revision;
    (hidden && known).then(|| {
        format!(
            "the template looks like revision {}, and differs if values differ that are masked here",
            forecast.update_revision
        )
    })
}

/// Fields about which a manifest, or a recording, does not tell enough.
fn open(changed: &Changed) -> Vec<String> {
    let some = |paths: &[String]| {
        let (first, more) = paths.split_first()?;
        Some(match more.len() {
            0 => first.clone(),
            more => format!("{first} and {more} more"),
        })
    };
    let silent = some(&changed.open).map(|paths| {
        format!("the file says nothing of {paths}: taken as kept, and removed if an earlier apply set it")
    });
    let masked = some(&changed.masked).map(|paths| format!("the recording hides {paths}: taken as the file has it"));
    silent.into_iter().chain(masked).collect()
}

/// FNV-1a, 64 bits, over what the plan means. Ages and what is expected to take how long are no part of that.
fn digest(plan: &Plan, uid: &str) -> String {
    let meaning = serde_json::json!([uid, plan.change, plan.steps, plan.outcome, plan.effects]).to_string();
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in meaning.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{state:016x}")
}
