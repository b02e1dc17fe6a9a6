//! The template names a ConfigMap, a key of it, a Secret, an account, a priority class or a claim that will not be there.

use crate::check::references::{Reference, Without, references};
use crate::check::{Context, Rule, Standing};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome};
use crate::model::gap::Gap;
use crate::model::resource::Resource;

pub(super) const RULE: Rule = Rule {
    code: "STS750",
    name: "reference-missing",
    explain: "\
## What it means
The API server takes a template that names what does not exist. Its pods then are not made (service account, priority class),
find no node (a claim by name), or are made and do not start (ConfigMap or Secret, or a key of it): CreateContainerConfigError
or FailedMount. On an update that is the highest ordinal, and the roll-out stops there.
## How it is detected
Every name in environment, volumes, image pull secrets, account and priority class is read on its own, and looked for in the
manifests beside the set; of ConfigMaps only the keys are kept. Secrets are not looked at: with `--secret-names` the server is
asked for their metadata, never for what they hold, so that their keys stay unknown. `optional: true` may be missing.
## What to do
Apply what is missing before the set, or with it.
## When it is fine
When something else makes the object in time, such as an operator or an external secret store.
## Source
https://kubernetes.io/docs/concepts/configuration/configmap/#using-configmaps-as-files-from-a-pod
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let mut outcome = Outcome::default();
    let (after, template) = (cx.after, &cx.set.spec.template.0);
    for reference in references(template) {
        let name = reference.name.as_str();
        let standing = match reference.resource {
            Resource::ConfigMaps => keys(cx, &reference),
            Resource::Secrets => there(cx.standing(&after.secrets, name)),
            Resource::ServiceAccounts => there(cx.standing(&after.service_accounts, name)),
            Resource::PriorityClasses => there(cx.standing(&after.priority_classes, name)),
            _ => there(cx.standing(&after.claims, name)),
        };
        match standing {
            Ok(None) => {}
            Ok(Some(certain)) => outcome.findings.push(missing(cx, &reference, certain)),
            Err(gap) => {
                let known = outcome.not_checked.contains(&gap);
                outcome.not_checked.extend((!known).then_some(gap));
            }
        }
    }
    // One object that is missing as a whole is told once, with every place that names it.
    let mut merged: Vec<Finding> = Vec::new();
    for finding in std::mem::take(&mut outcome.findings) {
        match merged
            .iter_mut()
            .find(|known| known.subject == finding.subject && known.summary == finding.summary)
        {
            Some(known) => known.evidence.extend(finding.evidence),
            None => merged.push(finding),
        }
    }
    outcome.findings = merged;
    Ok(outcome)
}

/// Whether it will be missing, and how certain that is.
fn there<T>(standing: Standing<'_, T>) -> Result<Option<bool>, Gap> {
    match standing {
        Standing::There(_) => Ok(None),
        Standing::Absent { certain } => Ok(Some(certain)),
        Standing::Unknown(gap) => Err(gap),
    }
}

/// The same for a ConfigMap and the key that is asked of it.
fn keys(cx: &Context<'_>, reference: &Reference) -> Result<Option<bool>, Gap> {
    match cx.standing(&cx.after.config_maps, &reference.name) {
        Standing::There(map) => {
            let lacks = reference
                .key
                .as_ref()
                .is_some_and(|key| map.keys().all(|known| known != key));
            Ok(lacks.then_some(true))
        }
        other => there(other),
    }
}

fn missing(cx: &Context<'_>, reference: &Reference, certain: bool) -> Finding {
    let info = reference.resource.info();
    let namespace = if info.namespaced { cx.namespace() } else { "" };
    let object = ObjectRef::named(info.kind, namespace, &reference.name);
    let known = match cx.standing(&cx.after.config_maps, &reference.name) {
        Standing::There(map) if reference.resource == Resource::ConfigMaps => Some(map),
        _ => None,
    };
    let (what, fact) = match (known, &reference.key) {
        (Some(map), Some(key)) => {
            let keys: Vec<_> = map.keys().collect();
            (
                format!("has no key {key}"),
                Some(Evidence::search(object.clone(), &format!("keys {}", keys.join(", ")))),
            )
        }
        _ => {
            let claims = cx.here(&cx.after.claims).count();
            let claims = Evidence::search(object.clone(), &format!("{claims} claims in {}", cx.namespace()));
            let listed = reference.resource == Resource::PersistentVolumeClaims;
            (
                "does not exist and is not in the manifests".to_owned(),
                listed.then_some(claims),
            )
        }
    };
    let severity = match reference.without {
        Without::GoesOn => Severity::Warning,
        Without::NotMade | Without::NotScheduled | Without::NotStarted => Severity::Error,
    };
    let place = format!("spec.template.spec.{}", reference.place);
    let finding = Finding::new(
        Role::Risk,
        severity,
        object,
        format!("{what}: {}", reference.without.words()),
    )
    .certain(certain)
    .evidence(Evidence::field(cx.object(), &place, reference.name.as_str()));
    let finding = fact.into_iter().fold(finding, Finding::evidence);
    finding.remedy(Remedy::new(
        format!("apply {} {} before the set, or with it", info.kind, reference.name),
        Safety::ReadOnly,
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::diagnose::finding::Certainty;

    fn config(keys: Value) -> Case {
        let case = fresh().pods(
            "containers",
            json!([{"name": "a", "image": "b", "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "x"}}}]}]),
        );
        case.with(|case| {
            case.beside.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "conf", "namespace": "shop"}, "data": keys}));
        })
    }

    #[test]
    fn a_key_that_is_not_there_is_an_error() {
        let found = config(json!({"y": "1", "z": "2"})).findings(&RULE);
        assert_eq!(found[0].summary, "has no key x: its pods do not start");
        assert_eq!(found[0].severity, Severity::Error);
        assert!(config(json!({"x": "1"})).findings(&RULE).is_empty());
    }

    #[test]
    fn what_a_read_found_missing_is_certain() {
        let case = fresh().pods("serviceAccountName", json!("db")).with(|case| {
            let absent = (Resource::ServiceAccounts, Some("shop".to_owned()), "db".to_owned());
            case.snapshot.confirmed_absent.push(absent);
        });
        let found = case.findings(&RULE);
        assert_eq!(
            (found[0].certainty, found[0].severity),
            (Certainty::Certain, Severity::Error)
        );
        assert!(found[0].summary.ends_with("the server refuses to make its pods"));
    }

    #[test]
    fn what_nobody_read_is_not_missing() {
        let case = fresh()
            .pods("imagePullSecrets", json!([{"name": "pull"}]))
            .pods("priorityClassName", json!("high"));
        assert_eq!(case.gaps(&RULE), ["priorityclasses high", "secrets shop/pull"]);
        assert!(fresh().findings(&RULE).is_empty());
    }

    #[test]
    fn refused_reads_are_named() {
        let case = fresh().pods(
            "volumes",
            json!([{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]),
        );
        assert_eq!(
            case.refused(Resource::PersistentVolumeClaims).gaps(&RULE),
            ["persistentvolumeclaims shop/c"]
        );
    }
}
