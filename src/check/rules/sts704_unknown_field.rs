//! The manifest has a field that a StatefulSet does not have: a typing error, as a rule.

use crate::check::{Context, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Role, Severity};
use crate::model::manifest::Told;

pub(super) const RULE: Rule = Rule {
    code: "STS704",
    name: "unknown-field",
    explain: "\
## What it means
A field of the manifest is none of a StatefulSet's, for instance `volumeClaimTemplate` for `volumeClaimTemplates`. kubectl
sends it, and the server refuses it; with `--validate=ignore` or from other tools the field is dropped without a word, and
the set is made without what it was to say.
## How it is detected
The names directly below the object and below its `spec` are compared with those of the API, and the nearest one is
proposed. A server that was asked names unknown fields at any depth in its own words.
## What to do
Spell the field as the API does, or take it out.
## When it is fine
When the server is newer than this program and knows the field; a dry run tells.
## Source
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/stateful-set-v1/
",
    check,
};

const TOP: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
/// Source: `staging/src/k8s.io/api/apps/v1/types.go` (StatefulSetSpec).
const SPEC: [&str; 11] = [
    "minReadySeconds",
    "ordinals",
    "persistentVolumeClaimRetentionPolicy",
    "podManagementPolicy",
    "replicas",
    "revisionHistoryLimit",
    "selector",
    "serviceName",
    "template",
    "updateStrategy",
    "volumeClaimTemplates",
];

fn check(cx: &Context<'_>) -> Checked {
    // A server that refuses for other reasons knows the field: unknown ones are looked for first.
    let known_there = matches!(&cx.told, Told::Refused(said) if !said.contains("unknown field"));
    if cx.accepted() || known_there {
        return Ok(Vec::new().into());
    }
    let mut findings = Vec::new();
    for (at, prefix, known) in [("", "", TOP.as_slice()), ("/spec", "spec.", SPEC.as_slice())] {
        let fields = cx.manifest.object.pointer(at).and_then(|value| value.as_object());
        for (field, value) in fields
            .into_iter()
            .flatten()
            .filter(|(field, _)| !known.contains(&field.as_str()))
        {
            let near = known
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, field), known))
                .min()
                .filter(|(distance, _)| *distance <= field.len().div_ceil(3));
            // A field that belongs one level higher or lower is meant to be there.
            let elsewhere = if at.is_empty() {
                SPEC.contains(&field.as_str()).then(|| format!("spec.{field}"))
            } else {
                None
            };
            let meant = elsewhere.or_else(|| near.map(|(_, near)| format!("{prefix}{near}")));
            let summary = match &meant {
                Some(meant) => format!("{prefix}{field} is no field of a StatefulSet; did you mean {meant}?"),
                None => format!("{prefix}{field} is no field of a StatefulSet"),
            };
            findings.push(
                Finding::new(Role::Root, Severity::Error, cx.object(), summary)
                    .certain(cx.version_known())
                    .evidence(Evidence::field(cx.object(), &format!("{prefix}{field}"), value.clone())),
            );
        }
    }
    Ok(findings.into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::{Case, fresh};

    fn said(case: Case) -> Vec<String> {
        case.findings(&RULE)
            .into_iter()
            .map(|finding| finding.summary)
            .collect()
    }

    #[test]
    fn the_nearest_field_is_proposed() {
        let typed = said(fresh().spec("volumeClaimTemplate", json!([])).spec("zzz", json!(1)));
        assert_eq!(
            typed,
            [
                "spec.volumeClaimTemplate is no field of a StatefulSet; did you mean spec.volumeClaimTemplates?",
                "spec.zzz is no field of a StatefulSet"
            ]
        );
        let outside = said(fresh().with(|case| case.manifest["replicas"] = json!(3)));
        assert_eq!(
            outside,
            ["replicas is no field of a StatefulSet; did you mean spec.replicas?"]
        );
    }

    #[test]
    fn silent_on_a_good_one_and_where_the_server_knows_the_field() {
        assert!(said(fresh()).is_empty());
        let taken = fresh()
            .spec("newer", json!(1))
            .with(|case| case.told = Told::Accepted(Value::Null));
        assert!(said(taken).is_empty());
        let other = fresh()
            .spec("newer", json!(1))
            .with(|case| case.told = Told::Refused("quota".to_owned()));
        assert!(said(other).is_empty());
    }
}
