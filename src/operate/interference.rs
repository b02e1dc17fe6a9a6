//! What stands beside a change: who would take it back, and what does not hold it up although it looks as if it should.

use serde_json::Value;

use super::change::Changed;
use super::plan::{Effect, EffectKind};
use crate::diagnose::context::Context;
use crate::diagnose::finding::ObjectRef;
use crate::model::gap::Gap;
use crate::model::resource::Resource;

/// Effects, and what was not read. `deletes`: whether pods go.
pub(super) fn interference(cx: &Context<'_>, changed: &Changed, deletes: bool) -> (Vec<Effect>, Vec<Gap>) {
    let (mut effects, mut gaps) = (Vec::new(), Vec::new());
    let set = cx.set();
    if let Some(owner) = set.metadata.controller()
        && !changed.fields.is_empty()
    {
        let (kind, name) = (&owner.kind, &owner.name);
        let object = ObjectRef::named(kind, &set.metadata.namespace, name);
        let summary = format!("{kind} {name} owns the set and would take the change back: make it there");
        effects.push(Effect::new(EffectKind::TakenBack, object, summary));
    }
    match cx.need(&cx.linked.snapshot.autoscalers) {
        Err(gap) => gaps.push(gap),
        Ok(autoscalers) => {
            let scales = changed.fields.iter().any(|field| field.path == "spec.replicas");
            let ours = autoscalers.iter().filter(|autoscaler| {
                let target = &autoscaler.spec.scale_target_ref;
                autoscaler.metadata.namespace == set.metadata.namespace
                    && target.kind == Resource::StatefulSets.info().kind
                    && target.name == set.metadata.name
            });
            for autoscaler in ours.filter(|_| scales) {
                let (least, most) = (autoscaler.spec.min_replicas.unwrap_or(1), autoscaler.spec.max_replicas);
                let object = ObjectRef::of("HorizontalPodAutoscaler", &autoscaler.metadata);
                let wanted = changed.set.replicas();
                let then = match (least..=most).contains(&wanted) {
                    true => "it may set another number at any time",
                    false => "it would take the change back",
                };
                let name = &autoscaler.metadata.name;
                let summary = format!(
                    "HorizontalPodAutoscaler {name} keeps the replicas of this set from {least} to {most}: {then}"
                );
                effects.push(Effect::new(EffectKind::TakenBack, object, summary));
            }
        }
    }
    match cx.need(&cx.linked.snapshot.budgets) {
        Err(gap) => gaps.push(gap),
        Ok(budgets) => {
            let labels = set.spec.template.labels();
            let ours = budgets.iter().filter(|budget| {
                let selector = budget.spec.selector.as_ref();
                budget.metadata.namespace == set.metadata.namespace
                    && selector.is_some_and(|selector| selector.matches(&labels))
            });
            for budget in ours.filter(|_| deletes) {
                let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let spec = &budget.spec;
                let asks = match (&spec.min_available, &spec.max_unavailable) {
                    (Some(least), _) => format!("minAvailable {}", plain(least)),
                    (None, Some(most)) => format!("maxUnavailable {}", plain(most)),
                    (None, None) => "no bound".to_owned(),
                };
                let name = &budget.metadata.name;
                let allowed = budget.status.disruptions_allowed;
                let summary = format!(
                    "PodDisruptionBudget {name} ({asks}, {allowed} allowed now) does not hold this up: the \
                     controller deletes pods without asking it"
                );
                let object = ObjectRef::of("PodDisruptionBudget", &budget.metadata);
                effects.push(Effect::new(EffectKind::BudgetIgnored, object, summary));
            }
        }
    }
    (effects, gaps)
}
