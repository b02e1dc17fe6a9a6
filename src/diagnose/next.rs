//! The controller's next action in words, from its decision.

use super::context::Context;
use crate::controller::{Decision, HeldBack, Op, Wait, WaitFact};
use crate::model::objects::Object;
use crate::model::set::SetModel;

/// What the controller does next, and why not more, as one fragment.
pub fn next(cx: &Context<'_>) -> String {
    let decision = &cx.decision;
    if let Err(gap) = cx.need(&cx.linked.snapshot.pods) {
        return format!("unknown: {} could not be read ({})", gap.what(), gap.why());
    }
    if let Some(row) = cx.model.ordinals.iter().find(|row| cx.withdrawn(row)) {
        return format!(
            "nothing, ever: OrderedReady waits for {} before it replaces a pod (kubernetes#67250)",
            row.name
        );
    }
    let acts = actions(decision);
    if let Some(error) = &decision.error {
        let tries = if acts.is_empty() {
            String::new()
        } else {
            format!("{acts}; ")
        };
        return format!("{tries}fails and tries again with growing delays: {error}");
    }
    if !acts.is_empty() {
        return acts;
    }
    match decision.waits_for.as_slice() {
        [] => idle(cx),
        [wait, ..] => waiting(cx, wait),
    }
}

fn actions(decision: &Decision) -> String {
    let verbs = [
        (Op::CreateClaim, "creates claim"),
        (Op::CreatePod, "creates pod"),
        (Op::DeletePod, "deletes pod"),
        (Op::UpdatePod, "updates pod"),
        (Op::UpdateClaim, "sets the owner of claim"),
    ];
    let said = verbs.iter().filter_map(|(op, verb)| {
        let names: Vec<_> = decision.names(*op).collect();
        (!names.is_empty()).then(|| format!("{verb} {}", names.join(", ")))
    });
    said.collect::<Vec<_>>().join("; ")
}

fn waiting(cx: &Context<'_>, wait: &Wait) -> String {
    let name = &wait.name;
    let then = match held(cx).as_str() {
        "" => String::new(),
        held => format!("; then {held}"),
    };
    match &wait.fact {
        WaitFact::SetDeleting => "nothing: the set is being deleted".to_owned(),
        WaitFact::TerminalPhase | WaitFact::Terminating | WaitFact::CondemnedTerminating => {
            format!("waits until {name} is gone{then}")
        }
        WaitFact::StaleClaim { .. } => format!("waits, in silence, until claim {name} of an earlier pod is gone{then}"),
        WaitFact::ClaimTerminating => format!("waits until claim {name}, which is being deleted, is gone{then}"),
        WaitFact::NotReady | WaitFact::Updating | WaitFact::CondemnedNotReady { .. } => {
            format!("waits until {name} is Ready{then}")
        }
        WaitFact::NotAvailable { until } | WaitFact::CondemnedNotAvailable { until, .. } => match until {
            Some(until) => {
                let left = until.duration_since(cx.now()).as_secs().max(0);
                format!("waits {left}s until {name} has been Ready for minReadySeconds{then}")
            }
            None => format!("waits until {name} has been Ready for minReadySeconds{then}"),
        },
        WaitFact::UpdateRefused => format!("tries to update {name} in place, which the server refuses"),
        WaitFact::MaxUnavailable { unavailable, max } => {
            format!("waits until fewer than {max} pods are unavailable ({unavailable} are){then}")
        }
        WaitFact::OnDelete => {
            let pods: Vec<_> = cx.decision.waits_for.iter().map(|wait| wait.name.as_str()).collect();
            format!(
                "nothing: OnDelete replaces {} only after somebody deletes them",
                pods.join(", ")
            )
        }
    }
}

fn held(cx: &Context<'_>) -> String {
    let said = cx.held_back.iter().map(|held| {
        let names = pod_names(&cx.model, held.ordinals());
        match held {
            HeldBack::Create(_) => format!("creates {names}"),
            HeldBack::ScaleDown(_) => format!("removes {names}"),
            HeldBack::Update(_) => format!("updates {names}"),
        }
    });
    said.collect::<Vec<_>>().join(", ")
}

fn idle(cx: &Context<'_>) -> String {
    let set = cx.set();
    let below = i64::from(set.start()) + i64::from(set.partition());
    let old = crate::controller::outdated(&cx.input, &cx.decision);
    let held: Vec<i64> = old.into_iter().filter(|ordinal| *ordinal < below).collect();
    match held.as_slice() {
        [] => "nothing: all is as asked".to_owned(),
        held => format!(
            "nothing: partition {} holds {}",
            set.partition(),
            pod_names(&cx.model, held)
        ),
    }
}

/// Pods by name; many as a range.
pub fn pod_names(model: &SetModel<'_>, ordinals: &[i64]) -> String {
    let name = |ordinal: &i64| model.set.pod_name(*ordinal);
    match ordinals {
        [first, .., last] if ordinals.len() > 3 => format!("{} to {}", name(first), name(last)),
        [first, middle @ .., last] => {
            let before: Vec<_> = std::iter::once(first).chain(middle).map(name).collect();
            format!("{} and {}", before.join(", "), name(last))
        }
        [one] => name(one),
        [] => model.set.meta().name.clone(),
    }
}
