//! The selector does not match the template's own labels.

use serde_json::json;

use crate::check::{Context, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::model::objects::LabelSelector;

pub(super) const RULE: Rule = Rule {
    code: "STS702",
    name: "selector-misses-template",
    explain: "\
## What it means
Pods get the labels of `spec.template.metadata.labels`, and `spec.selector` says which pods are the set's. The selector
does not match the labels, or there is none: the set would never find its own pods, so the API server refuses it.
## How it is detected
The selector is applied to the template's labels, as the server does it.
## What to do
Give the template the labels that the selector asks for. On a set that exists that is the only way: its selector is fixed.
## When it is fine
Never.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#pod-selector
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let selector = &cx.set.spec.selector;
    let labels = cx.set.spec.template.labels();
    let empty = *selector == LabelSelector::default();
    if cx.accepted() || (!empty && selector.matches(&labels)) {
        return Ok(Vec::new().into());
    }
    let summary = match empty {
        true => "spec.selector is missing or empty: it must name labels of the template",
        false => "spec.selector does not match the template's labels",
    };
    let written = |pointer: &str| cx.manifest.object.pointer(pointer).cloned().unwrap_or_default();
    let text = match empty {
        true => "add spec.selector.matchLabels with labels that the template carries",
        false => "give the template the labels that the selector asks for",
    };
    let finding = Finding::new(Role::Root, Severity::Error, cx.object(), summary)
        .evidence(Evidence::field(cx.object(), "spec.selector", written("/spec/selector")))
        .evidence(Evidence::field(
            cx.object(),
            "spec.template.metadata.labels",
            json!(labels),
        ))
        .remedy(Remedy::new(text, Safety::ReadOnly));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::fresh;
    use crate::model::manifest::Told;

    #[test]
    fn a_selector_that_misses_and_one_that_is_absent() {
        let missed = fresh()
            .spec("selector", json!({"matchLabels": {"app": "db"}}))
            .findings(&RULE);
        assert_eq!(missed[0].summary, "spec.selector does not match the template's labels");
        assert!(
            fresh().spec("selector", Value::Null).findings(&RULE)[0]
                .summary
                .contains("missing or empty")
        );
    }

    #[test]
    fn silent_where_it_matches_or_the_server_takes_it() {
        assert!(fresh().findings(&RULE).is_empty());
        let taken = fresh().spec("selector", json!({"matchLabels": {"app": "db"}}));
        assert!(
            taken
                .with(|case| case.told = Told::Accepted(Value::Null))
                .findings(&RULE)
                .is_empty()
        );
    }
}
