//! What becomes of claims: taken up again with what is on them, made new, left over, or deleted.

use super::plan::{Effect, EffectKind};
use crate::controller::{Event, Forecast, Op};
use crate::diagnose::context::Context;
use crate::diagnose::finding::ObjectRef;
use crate::model::objects::{Claim, StatefulSet};
use crate::model::ordinal::parent_and_ordinal;

const KIND: &str = "PersistentVolumeClaim";

/// The effects on claims, in the order of the steps that cause them. `cx` is the set as it is, `set` as it would be.
pub(super) fn effects(cx: &Context<'_>, set: &StatefulSet, forecast: &Forecast) -> Vec<Effect> {
    let mut effects = Vec::new();
    let exists = |name: &str| cx.model.rows().any(|row| row.name == name && row.pod.is_some());
    let gone: Vec<&str> = forecast
        .steps
        .iter()
        .filter_map(|step| match &step.event {
            Event::ClaimGone(name) => Some(name.as_str()),
            _ => None,
        })
        .collect();
    for (call, _) in forecast.calls() {
        let (_, ordinal) = parent_and_ordinal(&call.name);
        match call.op {
            // A pod that is there today keeps its claims.
            Op::CreatePod if !exists(&call.name) => {
                let claims = set.claim_names(ordinal).filter_map(|(_, name)| claim(cx, &name));
                let kept = claims.filter(|claim| !gone.contains(&claim.metadata.name.as_str()));
                effects.extend(kept.map(|claim| reused(cx, set, claim, ordinal)));
            }
            Op::CreateClaim => effects.push(made(cx, set, &call.name, ordinal)),
            Op::DeletePod if !set.in_range(ordinal) => {
                let claims = cx.set().claim_names(ordinal).filter_map(|(_, name)| claim(cx, &name));
                effects.extend(claims.map(|claim| match gone.contains(&claim.metadata.name.as_str()) {
                    true => deleted(cx, claim, ordinal),
                    false => left(claim, ordinal),
                }));
            }
            _ => {}
        }
    }
    effects.dedup();
    effects
}

fn claim<'a>(cx: &Context<'a>, name: &str) -> Option<&'a Claim> {
    cx.linked.claim(cx.namespace(), name)
}

fn effect(kind: EffectKind, claim: &Claim, ordinal: i64, summary: String) -> Effect {
    Effect {
        ordinal: Some(ordinal),
        since: claim.metadata.creation_timestamp,
        ..Effect::new(kind, ObjectRef::of(KIND, &claim.metadata), summary)
    }
}

/// What the volume has, or what was asked for.
fn size(claim: &Claim) -> Option<&str> {
    claim.status.capacity.storage.as_deref().or(claim.request())
}

fn reused(cx: &Context<'_>, set: &StatefulSet, claim: &Claim, ordinal: i64) -> Effect {
    let pod = set.pod_name(ordinal);
    let template = set.claim_names(ordinal).zip(&set.spec.volume_claim_templates);
    let asked = template
        .filter(|((_, name), _)| *name == claim.metadata.name)
        .find_map(|(_, template)| template.request());
    let has = size(claim);
    let size = match (has, asked) {
        (Some(has), Some(asked)) if has != asked => format!("{has}, where the template asks for {asked}, "),
        (Some(has), _) => format!("{has}, "),
        (None, _) => String::new(),
    };
    let older = claim.metadata.creation_timestamp < cx.set().metadata.creation_timestamp;
    let whose = match older {
        true => "of an earlier set of this name".to_owned(),
        false => format!("of an earlier {pod}"),
    };
    let summary = match claim.status.phase.as_str() {
        _ if claim.metadata.terminating() => format!("{size}is being deleted: {pod} waits until it is gone"),
        "Bound" => format!("{size}re-used: {pod} starts on the data {whose}"),
        "Lost" => format!("{size}its volume is lost: {pod} cannot start"),
        phase => format!("{size}re-used, and {}: {pod} waits for it", phase.to_lowercase()),
    };
    effect(EffectKind::ClaimReused, claim, ordinal, summary)
}

fn made(cx: &Context<'_>, set: &StatefulSet, name: &str, ordinal: i64) -> Effect {
    let object = ObjectRef::named(KIND, &set.metadata.namespace, name);
    let templates = set.claim_names(ordinal).zip(&set.spec.volume_claim_templates);
    let template = templates
        .filter(|((_, claim), _)| claim == name)
        .map(|(_, template)| template)
        .next();
    let size = template.and_then(|template| template.request()).unwrap_or("no size");
    let classes = cx.need(&cx.linked.snapshot.classes);
    let class = match (template.and_then(Claim::class), &classes) {
        (Some(""), _) => "no class: a volume made by hand must fit".to_owned(),
        (Some(class), Ok(all)) if all.iter().all(|known| known.metadata.name != class) => {
            format!("class {class}, which does not exist: only a volume made by hand can serve it")
        }
        (Some(class), _) => format!("class {class}"),
        (None, Ok(all)) => match all.iter().find(|class| class.is_default()) {
            Some(default) => format!("the default class {}", default.metadata.name),
            None => "no class, and none is the default: it would wait".to_owned(),
        },
        (None, Err(_)) => "the default class".to_owned(),
    };
    Effect {
        ordinal: Some(ordinal),
        ..Effect::new(EffectKind::ClaimMade, object, format!("{size}, made new, {class}"))
    }
}

fn left(claim: &Claim, ordinal: i64) -> Effect {
    let size = size(claim).map_or(String::new(), |size| format!("{size}, "));
    let summary = format!("{size}stays with its data: a later scale-up takes it up again");
    effect(EffectKind::ClaimLeft, claim, ordinal, summary)
}

fn deleted(cx: &Context<'_>, claim: &Claim, ordinal: i64) -> Effect {
    let size = size(claim).map_or(String::new(), |size| format!("{size}, "));
    let volume = claim.spec.volume_name.as_str();
    let fate = match cx.linked.volume(volume) {
        _ if volume.is_empty() => "it has no volume yet".to_owned(),
        Some(known) if known.spec.persistent_volume_reclaim_policy == "Retain" => {
            format!("volume {volume} stays, Released: its reclaim policy is Retain")
        }
        Some(known) => {
            let policy = &known.spec.persistent_volume_reclaim_policy;
            format!("volume {volume} and its data GO WITH IT: its reclaim policy is {policy}")
        }
        None => format!("what becomes of volume {volume} depends on its reclaim policy, which was not read"),
    };
    effect(
        EffectKind::ClaimDeleted,
        claim,
        ordinal,
        format!("{size}DELETED by whenScaled: Delete; {fate}"),
    )
}
