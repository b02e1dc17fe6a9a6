//! A field holds what the API server does not take.

use serde_json::Value;

use crate::check::{Context, Current, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Role, Severity};

pub(super) const RULE: Rule = Rule {
    code: "STS703",
    name: "invalid-field",
    explain: "\
## What it means
A field of the manifest has a value that the API server refuses: a word that it does not know, a negative number, a text
where a number must be, an API version that is no longer served.
## How it is detected
By the server's rules for a StatefulSet, as far as they can be told from the manifest; those of the pod template are the
server's own affair (STS705). Where a server was asked and took the manifest, nothing is said.
## What to do
Put the field right; the finding says what is allowed.
## When it is fine
Never. A word that is newer than this program, on a server that was not asked, is only likely to be wrong.
## Source
https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/stateful-set-v1/
",
    check,
};

/// From this minor version names of new sets are DNS labels, without dots.
const NAMES_ARE_LABELS: u32 = 27;
/// From this one `serviceName` of a new set is checked.
const SERVICE_NAMES_CHECKED: u32 = 33;

fn check(cx: &Context<'_>) -> Checked {
    if cx.accepted() {
        return Ok(Vec::new().into());
    }
    let at = |path: &str| {
        let pointer = format!("/{}", path.replace('.', "/"));
        cx.manifest.object.pointer(&pointer).cloned().unwrap_or_default()
    };
    let mut found: Vec<(String, String)> = Vec::new();
    let mut wrong = |path: &str, why: &str| found.push((path.to_owned(), why.to_owned()));
    if at("apiVersion") != "apps/v1" {
        wrong(
            "apiVersion",
            "is not served: a StatefulSet is of apps/v1 since Kubernetes 1.9, and of no other since 1.16",
        );
    }
    if let Some(misshapen) = &cx.misshapen {
        let (path, why) = misshapen.split_once(": ").unwrap_or(("spec", misshapen));
        wrong(path, why);
    } else {
        words(&at, &mut wrong);
        numbers(&at, &mut wrong);
        pods(&at, &mut wrong);
    }
    names(cx, &mut wrong);
    let findings = found.into_iter().map(|(path, why)| {
        Finding::new(Role::Root, Severity::Error, cx.object(), format!("{path} {why}"))
            .certain(cx.minor <= 36)
            .evidence(Evidence::field(cx.object(), &path, at(&path)))
    });
    Ok(findings.collect::<Vec<_>>().into())
}

/// Source: `pkg/apis/apps/validation/validation.go` (ValidateStatefulSetSpec).
fn words(at: &dyn Fn(&str) -> Value, wrong: &mut dyn FnMut(&str, &str)) {
    for (path, allowed) in [
        ("spec.podManagementPolicy", ["OrderedReady", "Parallel"]),
        ("spec.updateStrategy.type", ["RollingUpdate", "OnDelete"]),
        (
            "spec.persistentVolumeClaimRetentionPolicy.whenDeleted",
            ["Retain", "Delete"],
        ),
        (
            "spec.persistentVolumeClaimRetentionPolicy.whenScaled",
            ["Retain", "Delete"],
        ),
    ] {
        let value = at(path);
        let word = value.as_str().unwrap_or_default();
        if !word.is_empty() && !allowed.contains(&word) {
            wrong(path, &format!("must be {} or {}", allowed[0], allowed[1]));
        }
    }
    if at("spec.updateStrategy.type") == "OnDelete" && !at("spec.updateStrategy.rollingUpdate").is_null() {
        wrong(
            "spec.updateStrategy.rollingUpdate",
            "is allowed only with the type RollingUpdate",
        );
    }
}

fn numbers(at: &dyn Fn(&str) -> Value, wrong: &mut dyn FnMut(&str, &str)) {
    for path in [
        "spec.replicas",
        "spec.minReadySeconds",
        "spec.ordinals.start",
        "spec.updateStrategy.rollingUpdate.partition",
    ] {
        if at(path).as_i64().is_some_and(|number| number < 0) {
            wrong(path, "must not be negative");
        }
    }
}

fn pods(at: &dyn Fn(&str) -> Value, wrong: &mut dyn FnMut(&str, &str)) {
    let policy = at("spec.template.spec.restartPolicy");
    if policy.as_str().is_some_and(|policy| !["", "Always"].contains(&policy)) {
        wrong("spec.template.spec.restartPolicy", "must be Always");
    }
    if !at("spec.template.spec.activeDeadlineSeconds").is_null() {
        wrong(
            "spec.template.spec.activeDeadlineSeconds",
            "is not supported in a StatefulSet",
        );
    }
    if at("spec.template.spec.containers").as_array().is_none_or(Vec::is_empty) {
        wrong("spec.template.spec.containers", "must name at least one container");
    }
}

/// Only new sets have their names checked.
fn names(cx: &Context<'_>, wrong: &mut dyn FnMut(&str, &str)) {
    if matches!(cx.current, Current::There(_)) {
        return;
    }
    let name = cx.manifest.name();
    let label = cx.minor >= NAMES_ARE_LABELS;
    if !(if label {
        is_label(name)
    } else {
        name.split('.').all(is_label) && name.len() <= 253
    }) {
        wrong(
            "metadata.name",
            "must be lower-case letters, digits and dashes, beginning and ending with a letter or digit, at most 63",
        );
    }
    let service = cx.manifest.text("/spec/serviceName");
    if cx.minor >= SERVICE_NAMES_CHECKED && !service.is_empty() && !is_label(service) {
        wrong(
            "spec.serviceName",
            "must be a Service's name: lower-case letters, digits and dashes, at most 63",
        );
    }
}

/// A DNS label. Source: RFC 1123, as `apimachinery/pkg/util/validation` (IsDNS1123Label) has it.
fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(plain) && text.bytes().last().is_some_and(plain);
    ends && text.len() <= 63 && text.bytes().all(|byte| plain(byte) || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::model::manifest::Told;

    fn said(case: Case) -> Vec<String> {
        case.findings(&RULE)
            .into_iter()
            .map(|finding| finding.summary)
            .collect()
    }

    #[test]
    fn each_wrong_field_is_named() {
        let case = fresh()
            .spec("podManagementPolicy", json!("Ordered"))
            .spec(
                "updateStrategy",
                json!({"type": "OnDelete", "rollingUpdate": {"partition": 1}}),
            )
            .spec("minReadySeconds", json!(-1))
            .pods("restartPolicy", json!("Never"))
            .pods("containers", json!([]))
            .with(|case| case.manifest["metadata"]["name"] = json!("web.db"));
        let said = said(case);
        assert_eq!(said.len(), 6, "{said:#?}");
        assert_eq!(said[0], "spec.podManagementPolicy must be OrderedReady or Parallel");
    }

    #[test]
    fn a_text_in_the_place_of_a_number_is_named() {
        let said = said(fresh().spec("replicas", json!("3")));
        assert!(said[0].starts_with("spec.replicas invalid type: string"), "{said:?}");
    }

    #[test]
    fn an_old_api_version_is_told() {
        let said = said(fresh().with(|case| case.manifest["apiVersion"] = json!("apps/v1beta1")));
        assert!(said[0].starts_with("apiVersion is not served"), "{said:?}");
    }

    #[test]
    fn silent_on_a_good_one_and_where_the_server_takes_it() {
        assert_eq!(said(fresh()), Vec::<String>::new());
        let taken = fresh().spec("podManagementPolicy", json!("Newer"));
        assert!(said(taken.with(|case| case.told = Told::Accepted(Value::Null))).is_empty());
    }
}
