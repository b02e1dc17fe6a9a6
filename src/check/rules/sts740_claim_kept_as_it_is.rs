//! Claims with the names that the set would give exist already: they are used as they are.

use crate::check::{Context, Current, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::model::objects::Claim;
use crate::model::quantity::quantity;

pub(super) const RULE: Rule = Rule {
    code: "STS740",
    name: "claim-kept-as-it-is",
    explain: "\
## What it means
A pod's claim is called `TEMPLATE-SET-ORDINAL`. Where a claim of that name exists, the controller takes it as it is, whoever
made it: with the size, the class and the data that it has. What the template asks for holds for claims that are made later
only.
## How it is detected
The claims of the set's ordinals are looked up by name. Their size and class are compared with the template's; for a new set,
claims that fit are told as well, because they hold what an earlier set left.
## What to do
A larger size is asked for in the claim itself, where its class allows expansion; its volume never shrinks, and a class is
never changed. Where old data is not wanted, somebody has to decide that, and delete the claims before the set is made.
## When it is fine
When a claim is larger than the template says, or the data is meant to be there.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-storage
",
    check,
};

/// At most so many claims are named.
const NAMED: usize = 8;

fn check(cx: &Context<'_>) -> Checked {
    let mut findings = Vec::new();
    let mut gaps = Vec::new();
    let claims = &cx.after.claims;
    if !cx.set.spec.volume_claim_templates.is_empty() {
        gaps.extend(claims.complete().err());
    }
    let fresh = !matches!(cx.current, Current::There(_));
    for template in &cx.set.spec.volume_claim_templates {
        let parent = format!("{}-{}", template.metadata.name, cx.manifest.name());
        let of = |ordinal: i64| {
            let name = format!("{parent}-{ordinal}");
            cx.here(claims)
                .find(|claim| claim.metadata.name == name)
                .map(|claim| (ordinal, claim))
        };
        let known: Vec<_> = cx
            .here(claims)
            .any(|claim| claim.metadata.name.starts_with(&parent))
            .then(|| cx.ordinals())
            .into_iter()
            .flatten()
            .filter_map(of)
            .collect();
        let differing: Vec<_> = known
            .iter()
            .filter(|(_, claim)| differs(template, claim).is_some())
            .collect();
        let smaller = differing
            .iter()
            .any(|(_, claim)| differs(template, claim) == Some(Severity::Warning));
        if !differing.is_empty() {
            let severity = if smaller { Severity::Warning } else { Severity::Info };
            let other = differing.iter().any(|(_, claim)| other_class(template, claim));
            let how = match (other, smaller) {
                (true, _) => "of another class or size",
                (false, true) => "smaller",
                (false, false) => "larger",
            };
            let summary = format!(
                "{} there already, {how} than {} asks for: used as they are",
                count(differing.len()),
                template.metadata.name
            );
            let mut finding = Finding::new(Role::Risk, severity, cx.object(), summary)
                .ordinals(differing.iter().map(|(ordinal, _)| *ordinal));
            for (_, claim) in differing.iter().take(NAMED) {
                finding.evidence.push(fact(template, claim));
            }
            findings.push(finding.remedy(remedy(cx, template, &differing)));
        } else if fresh && !known.is_empty() {
            let summary = format!(
                "{} there already for {}: the pods find what an earlier set left",
                count(known.len()),
                template.metadata.name
            );
            let mut finding = Finding::new(Role::Risk, Severity::Info, cx.object(), summary)
                .ordinals(known.iter().map(|(ordinal, _)| *ordinal));
            for (_, claim) in known.iter().take(NAMED) {
                let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
                finding
                    .evidence
                    .push(Evidence::field(object, "status.phase", claim.status.phase.as_str()));
            }
            findings.push(finding);
        }
    }
    let mut outcome = crate::diagnose::Outcome::from(findings);
    outcome.not_checked = gaps;
    Ok(outcome)
}

fn count(claims: usize) -> String {
    match claims {
        1 => "1 claim is".to_owned(),
        many => format!("{many} claims are"),
    }
}

/// How bad the difference is: a larger claim serves, a smaller one or another class may not.
fn differs(template: &Claim, claim: &Claim) -> Option<Severity> {
    let size = |claim: &Claim| claim.request().and_then(quantity);
    let (wanted, has) = (size(template), size(claim));
    match (wanted, has) {
        _ if other_class(template, claim) => Some(Severity::Warning),
        (Some(wanted), Some(has)) if has < wanted => Some(Severity::Warning),
        (Some(wanted), Some(has)) if has > wanted => Some(Severity::Info),
        _ => None,
    }
}

fn other_class(template: &Claim, claim: &Claim) -> bool {
    let has = claim.class();
    template
        .class()
        .is_some_and(|wanted| has.is_some_and(|has| has != wanted))
}

fn fact(template: &Claim, claim: &Claim) -> Evidence {
    let object = ObjectRef::of("PersistentVolumeClaim", &claim.metadata);
    let other = other_class(template, claim);
    let pair = |claim: &Claim| {
        let size = claim.request().unwrap_or("no size");
        match claim.class().filter(|_| other) {
            Some(class) => format!("{size} of class {class}"),
            None => size.to_owned(),
        }
    };
    Evidence::change(object, "spec", pair(claim).into(), pair(template).into())
}

fn remedy(cx: &Context<'_>, template: &Claim, differing: &[&(i64, &Claim)]) -> Remedy {
    let smaller = differing.iter().find(|(_, claim)| {
        let size = |claim: &Claim| claim.request().and_then(quantity);
        size(claim) < size(template)
    });
    let remedy = match (smaller, template.request()) {
        (Some((_, claim)), Some(size)) => {
            let patch = serde_json::json!({"spec": {"resources": {"requests": {"storage": size}}}}).to_string();
            Remedy::new(
                "raise the size in each claim, without --dry-run, where the server lets this one grow",
                Safety::ReadOnly,
            )
            .command(&[
                "kubectl",
                "patch",
                "pvc",
                &claim.metadata.name,
                "-n",
                cx.namespace(),
                "--dry-run=server",
                "-p",
                &patch,
            ])
        }
        _ => Remedy::new("nothing, where what they have will do", Safety::ReadOnly),
    };
    remedy.avoid("deleting a claim for its size or class: the data goes with it")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::model::resource::Resource;

    fn asks(size: &str, class: &str) -> Case {
        fresh().spec(
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "data"}, "spec": {"storageClassName": class, "resources": {"requests": {"storage": size}}}}]),
        )
    }

    fn exists(case: Case, name: &str) -> Case {
        case.with(|case| {
            case.snapshot.claims.items.clear();
            case.beside.push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": "shop"},
                "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "2Gi"}}}, "status": {"phase": "Bound"}}));
        })
    }

    #[test]
    fn a_smaller_claim_and_another_class_are_a_warning_a_larger_claim_is_not() {
        let of = |size, class| exists(asks(size, class), "data-web-1").findings(&RULE);
        let smaller = of("3Gi", "fast");
        assert_eq!(
            (smaller[0].severity, smaller[0].ordinals.as_slice()),
            (Severity::Warning, [1].as_slice())
        );
        assert_eq!(smaller[0].evidence[0].to, Some(json!("3Gi")));
        assert_eq!(of("2Gi", "slow")[0].severity, Severity::Warning);
        assert_eq!(of("1Gi", "fast")[0].severity, Severity::Info);
    }

    #[test]
    fn claims_of_an_earlier_set_are_told_when_they_fit() {
        let found = exists(asks("2048Mi", "fast"), "data-web-0").findings(&RULE);
        assert!(
            found[0].summary.contains("there already for data"),
            "{}",
            found[0].summary
        );
        let same = exists(asks("2Gi", "fast"), "data-web-0").with(|case| case.current = Current::There(Value::Null));
        assert!(same.findings(&RULE).is_empty());
    }

    #[test]
    fn silent_on_claims_of_other_ordinals_and_sets() {
        for name in ["data-web-2", "data-webshop-0", "data-web"] {
            assert!(exists(asks("3Gi", "fast"), name).findings(&RULE).is_empty(), "{name}");
        }
    }

    #[test]
    fn refused_claims_are_named() {
        let case = asks("3Gi", "fast").refused(Resource::PersistentVolumeClaims);
        assert_eq!(case.gaps(&RULE), ["persistentvolumeclaims"]);
    }
}
