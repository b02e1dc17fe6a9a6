//! `plan`: what changes, the steps as a table, and below it what comes of them.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use serde_json::Value;

use super::Layout;
use super::age::{age, seconds};
use super::cell::{cell, cut, shell};
use super::diagnosis::not_checked;
use super::table::sparse;
use crate::diagnose::finding::Certainty;
use crate::model::changes::Change;
use crate::operate::Plan;
use crate::operate::plan::{Effect, EffectKind, Outcome, Step};

/// Longer tables show their beginning and their end.
const SCREEN: usize = 24;
const ENDS: usize = 8;
/// Changed fields that are named.
const FIELDS: usize = 3;
/// How much of a value is shown.
const VALUE: usize = 60;

/// One plan in full.
pub fn plan(origin: &str, plan: &Plan, now: Timestamp, layout: &Layout) -> String {
    let name = format!("{}/{}", cell(&plan.namespace), cell(&plan.name));
    let ready = plan.serving.ready.map_or("?".to_owned(), |ready| ready.to_string());
    let mut facts = vec![
        format!("serving {ready}/{}", plan.serving.wanted),
        format!("{}, {}", cell(&plan.pod_management_policy), cell(&plan.strategy)),
    ];
    if let Some(owner) = &plan.owner {
        facts.push(format!("owned by {} {}", cell(&owner.kind), cell(&owner.name)));
    }
    let mut text = format!(
        "{}  {}   {}\n",
        cell(origin),
        name.style(layout.palette.strong),
        facts.join(" · ")
    );
    let likely = match plan.certainty {
        Certainty::Certain => "",
        Certainty::Likely => " (likely)",
    };
    let fields = fields(&plan.change);
    let colon = if fields.is_empty() { "" } else { ": " };
    text += &layout.labelled("PLAN", &cell(&format!("{fields}{colon}{}{likely}", plan.summary)));
    for refused in plan
        .effects
        .iter()
        .filter(|effect| effect.effect == EffectKind::Refused)
    {
        text += &layout.labelled("REFUSED", &cell(&refused.summary));
    }
    text += &objects(plan, &[(EffectKind::ClaimDeleted, "DATA")], now, layout);
    text += &table(plan, layout);
    text += &ready_meanwhile(plan, layout);
    text += &ending(plan, layout);
    text += &effects(plan, now, layout);
    if let Some(time) = &plan.time {
        let [least, most] = time.seconds.map(seconds);
        let [shortest, longest] = time.start.map(seconds);
        let stops = match time.stop {
            0 => String::new(),
            stop => format!(", and up to {} for a stop", seconds(stop)),
        };
        let starts = format!("{} starts were seen, of {shortest} to {longest}{stops}", time.samples);
        text += &layout.labelled("Time", &format!("{least} to {most}: {starts}"));
    }
    for doubt in &plan.doubts {
        text += &layout.labelled("Likely", &cell(doubt));
    }
    text += &not_checked(&plan.not_checked, layout);
    if !plan.command.is_empty() && plan.outcome.stuck.is_none() {
        text += &layout.labelled_whole("Do", &shell(&plan.command));
    }
    text
}

/// What differs, for a line.
fn fields(changes: &[Change]) -> String {
    let said = changes.iter().take(FIELDS).map(|change| {
        let path = change.path.strip_prefix("spec.").unwrap_or(&change.path);
        let path = path.strip_prefix("template.spec.").unwrap_or(path);
        if path.ends_with("restartedAt]") {
            return "restart".to_owned();
        }
        match (&change.from, &change.to) {
            (Some(from), Some(to)) => format!("{path} {} → {}", value(from), value(to)),
            (None, Some(to)) => format!("{path} {}", value(to)),
            (Some(_), None) | (None, None) => format!("{path} removed"),
        }
    });
    let more = match changes.len().saturating_sub(FIELDS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    said.collect::<Vec<_>>().join(", ") + &more
}

fn value(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    cut(&text, VALUE)
}

/// Steps on pods, a line each; a pod that goes and comes back is one line.
fn table(plan: &Plan, layout: &Layout) -> String {
    let of_pods: Vec<&Step> = plan
        .steps
        .iter()
        .filter(|step| step.object.kind == "Pod" && (step.creates_pod() || step.deletes_pod()))
        .collect();
    let mut lines = Vec::new();
    let mut returned = vec![false; of_pods.len()];
    let mut last_round = None;
    for (at, step) in of_pods.iter().enumerate() {
        if returned[at] {
            continue;
        }
        let back = match step.deletes_pod() {
            true => (at + 1..of_pods.len())
                .find(|&later| of_pods[later].creates_pod() && of_pods[later].object.name == step.object.name),
            false => None,
        };
        if let Some(back) = back {
            returned[back] = true;
        }
        let made = back
            .map(|back| of_pods[back])
            .or(Some(*step).filter(|step| step.creates_pod()));
        let does = match (step.deletes_pod(), back) {
            (true, Some(_)) => "replace",
            (true, None) => "delete",
            (false, _) => "create",
        };
        let after = match last_round == Some(step.round) {
            true => "at once".to_owned(),
            false => step
                .after
                .iter()
                .map(|wait| wait.until.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        };
        last_round = Some(step.round);
        let prefix = format!("{}-", plan.name);
        let revision = made.map(|made| match (&made.revision, made.new_revision) {
            (Some(name), new) => {
                let name = name.strip_prefix(prefix.as_str()).unwrap_or(name);
                format!("{name}{}", if new { " new" } else { "" })
            }
            (None, _) => "new".to_owned(),
        });
        let ready = back.map_or(step.ready, |back| step.ready.min(of_pods[back].ready));
        lines.push(vec![
            (lines.len() + 1).to_string(),
            does.to_owned(),
            cell(&step.object.name),
            cell(&after),
            revision.map_or("-".to_owned(), |revision| cell(&revision)),
            format!("{ready}/{}", plan.outcome.wanted),
        ]);
    }
    if lines.is_empty() {
        return String::new();
    }
    if lines.len() > SCREEN {
        let left_out = lines.len() - 2 * ENDS;
        let tail = lines.split_off(lines.len() - ENDS);
        lines.truncate(ENDS);
        lines.push(vec!["…".to_owned(), format!("{left_out} more")]);
        if let Some(gap) = lines.last_mut() {
            gap.resize(6, String::new());
        }
        lines.extend(tail);
    }
    sparse(&["STEP", "DOES", "POD", "AFTER", "REVISION", "READY"], lines, layout)
}

fn ready_meanwhile(plan: &Plan, layout: &Layout) -> String {
    let Outcome {
        ready, fewest_ready, ..
    } = plan.outcome;
    let today = plan.serving.ready.unwrap_or(0);
    let text = match (fewest_ready == today.min(ready), today == ready) {
        _ if plan.steps.is_empty() => return String::new(),
        (true, true) => format!("{ready} throughout"),
        (true, false) => format!("{today} now, {ready} in the end"),
        (false, _) => format!("{today} now, {fewest_ready} on the way, {ready} in the end"),
    };
    layout.labelled("Ready", &text)
}

/// How it ends, where that is not well, and what if the first new pod is none.
fn ending(plan: &Plan, layout: &Layout) -> String {
    let mut text = String::new();
    let not_done = |names: &[String]| match names {
        [] => String::new(),
        names => format!("; not done: {}", some(names)),
    };
    if let Some(stuck) = &plan.outcome.stuck {
        let says = format!("{}{}", stuck.says, not_done(&stuck.not_done));
        text += &layout.labelled("STUCK", &cell(&says));
        let (name, namespace) = (cell(&plan.name), cell(&plan.namespace));
        text += &layout.labelled_whole("See", &format!("kubectl sts diagnose {name} -n {namespace}"));
    }
    if plan.outcome.more {
        text += &layout.labelled(
            "More",
            "it goes on beyond these steps; they are too many to be worked out",
        );
    }
    if let (Some(otherwise), None) = (&plan.otherwise, &plan.outcome.stuck) {
        let outcome = &otherwise.outcome;
        let rest = outcome.stuck.as_ref().map_or(&[][..], |stuck| &stuck.not_done);
        let goes = match rest {
            [] => "nothing else waits for it",
            _ => "it stops there",
        };
        let says = format!(
            "{} does not become Ready: {goes}, {} Ready{}",
            otherwise.pod,
            outcome.ready,
            not_done(rest)
        );
        text += &layout.labelled("If", &cell(&says));
    }
    text
}

/// Names, of many the first ones.
fn some(names: &[String]) -> String {
    const MOST: usize = 4;
    match names.len() {
        many if many > MOST => format!("{} and {} more", names[..MOST].join(", "), many - MOST),
        _ => names.join(", "),
    }
}

fn effects(plan: &Plan, now: Timestamp, layout: &Layout) -> String {
    let labels = [
        (EffectKind::ClaimReused, "Claims"),
        (EffectKind::ClaimMade, "Claims"),
        (EffectKind::ClaimLeft, "Claims"),
        (EffectKind::StaysOld, "Stays"),
    ];
    let mut text = objects(plan, &labels, now, layout);
    for (kind, label) in [(EffectKind::TakenBack, "Watch"), (EffectKind::BudgetIgnored, "Budget")] {
        for effect in plan.effects.iter().filter(|effect| effect.effect == kind) {
            text += &layout.labelled(label, &cell(&effect.summary));
        }
    }
    text
}

/// What becomes of objects. What is said alike of several is said once.
fn objects(plan: &Plan, labels: &[(EffectKind, &'static str)], now: Timestamp, layout: &Layout) -> String {
    let (mut text, mut last) = (String::new(), "");
    for &(kind, label) in labels {
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        for effect in plan.effects.iter().filter(|effect: &&Effect| effect.effect == kind) {
            let old = effect
                .since
                .map_or(String::new(), |since| format!("{} old, ", age(now, since)));
            let says = format!("{old}{}", effect.summary);
            match said.iter_mut().find(|(known, _)| *known == says) {
                Some((_, names)) => names.push(effect.object.name.clone()),
                None => said.push((says, vec![effect.object.name.clone()])),
            }
        }
        for (says, names) in said {
            let colon = if kind == EffectKind::StaysOld { "" } else { ":" };
            let line = format!("{}{colon} {says}", some(&names));
            text += &layout.labelled(if last == label { "" } else { label }, &cell(&line));
            last = label;
        }
    }
    text
}
