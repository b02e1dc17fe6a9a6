//! The manifest changes fields of an existing set that cannot be changed in place.

use crate::check::compare::{Change, fixed};
use crate::check::{Context, Current, Rule};
use crate::diagnose::Checked;
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::owner::resource;
use crate::model::manifest::Told;
use crate::model::objects::StatefulSet;

pub(super) const RULE: Rule = Rule {
    code: "STS701",
    name: "fixed-field",
    explain: "\
## What it means
The manifest changes something of an existing StatefulSet that the API server does not let anybody change: the selector,
`serviceName`, `podManagementPolicy`, `volumeClaimTemplates`, and up to Kubernetes 1.32 `revisionHistoryLimit`. The server's
own message names the fields that may be changed, not the ones that were.
## How it is detected
The set as it is and the manifest are compared after defaulting: what a manifest leaves out counts as the server's default,
sizes count by their value, empty lists as absent. Each difference is named with its old and its new value; reverting
exactly these is enough. A manifest is judged as a whole, as `kubectl replace` sends it: where `kubectl apply` once set a
field and the manifest now leaves it out, it takes the field away as well.
## What to do
Revert the named fields. Or make the set again: delete it with `--cascade=orphan`, which leaves its pods and claims, and
apply the manifest; the new set adopts pods whose names and labels fit. Until then nobody replaces a pod that dies. A new
selector that misses the running pods leaves them to nobody, and they hold their names: each has to be deleted by hand. A
new `serviceName` moves the DNS name of each pod when it is made again. New claim templates change no claim that exists:
a larger size is asked for in each claim, where its class allows that; and pods that lack a volume of the new templates
have to be deleted one by one.
## When it is fine
Never: the server refuses the whole manifest, other changes in it included.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#updating-statefulsets
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let Current::There(current) = &cx.current else {
        return Ok(Vec::new().into());
    };
    // A webhook may put right what the manifest has wrong.
    if cx.accepted() {
        return Ok(Vec::new().into());
    }
    let changes = fixed(current, &cx.manifest.object, cx.minor);
    if changes.is_empty() {
        return Ok(Vec::new().into());
    }
    let summary = match changes.as_slice() {
        [one] => format!("{} cannot be changed in place", one.path),
        many => format!("{} fields cannot be changed in place", many.len()),
    };
    let told = matches!(cx.told, Told::Refused(_));
    let mut finding =
        Finding::new(Role::Root, Severity::Error, cx.object(), summary).certain(told || cx.version_known());
    for change in &changes {
        let fact = Evidence::change(cx.object(), &change.path, change.from.clone(), change.to.clone());
        finding.evidence.push(fact);
    }
    Ok(vec![finding.remedy(remedy(cx, &changes))].into())
}

fn remedy(cx: &Context<'_>, changes: &[Change]) -> Remedy {
    let (namespace, name) = (cx.namespace(), cx.manifest.name());
    let owner = cx.current_set.as_ref().and_then(|set| set.metadata.controller());
    if let Some(owner) = owner {
        let text = format!(
            "revert these fields, or change them in {} {}, which owns the set and makes it",
            owner.kind, owner.name
        );
        let kind = resource(owner);
        return Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "get", &kind, &owner.name, "-n", namespace]);
    }
    if let Some(Told::Refused(said)) = &cx.told_anew {
        return Remedy::new(
            "revert these fields; and put right what the server says",
            Safety::ReadOnly,
        )
        .avoid(format!(
            "deleting the set in order to make it again: as a new set it is refused too ({said})"
        ));
    }
    let file = match cx.manifest.file.as_str() {
        "-" => "FILE",
        file => file,
    };
    let rehearsed = match cx.told_anew {
        Some(Told::Accepted(_)) => "; as a new set the server would take it",
        _ => "",
    };
    let text = format!(
        "revert these fields; or make the set again, leaving its pods, and keep what the first command prints: {}{rehearsed}",
        risks(cx, changes).join("; ")
    );
    let whole = match cx
        .current_set
        .as_ref()
        .and_then(|set| set.spec.persistent_volume_claim_retention_policy.as_ref())
    {
        Some(policy) if policy.when_deleted == "Delete" => "every pod and every claim with its data goes",
        _ => "every pod goes at once",
    };
    Remedy::new(text, Safety::Disruptive)
        .command(&["kubectl", "get", "statefulset", name, "-n", namespace, "-o", "yaml"])
        .command(&[
            "kubectl",
            "delete",
            "statefulset",
            name,
            "-n",
            namespace,
            "--cascade=orphan",
        ])
        .command(&["kubectl", "apply", "-n", namespace, "-f", file])
        .avoid(format!("leaving out --cascade=orphan: {whole}"))
}

/// What the way round brings with it, for these changes.
fn risks(cx: &Context<'_>, changes: &[Change]) -> Vec<String> {
    let touches = |field: &str| {
        changes
            .iter()
            .any(|change| change.path.starts_with(&format!("spec.{field}")))
    };
    let mut risks = vec!["between the two commands nobody replaces a pod that dies".to_owned()];
    let running = cx.current_set.as_ref();
    let adopts = running.is_none_or(|set| cx.set.spec.selector.matches(&set.spec.template.labels()));
    if touches("selector") && !adopts {
        risks.push(
            "the running pods do not carry the new labels: they are not adopted and hold their names until each is deleted"
                .to_owned(),
        );
    }
    if touches("serviceName") {
        let old = running.map_or("the old Service", |set| set.spec.service_name.as_str());
        let new = cx.set.spec.service_name.as_str();
        risks.push(format!(
            "pods that run keep their DNS names under {} until each is made again, and then have them under {}",
            named(old),
            named(new)
        ));
    }
    risks.extend(of_claims(running, cx, changes));
    risks
}

fn named(service: &str) -> &str {
    if service.is_empty() { "no Service" } else { service }
}

fn of_claims(running: Option<&StatefulSet>, cx: &Context<'_>, changes: &[Change]) -> Vec<String> {
    let mut risks = Vec::new();
    let below = |path: &str| changes.iter().any(|change| change.path.contains(path));
    if below("].spec.") {
        risks.push("claims that exist stay as they are: a size is raised in each claim, a class not at all".to_owned());
    }
    let volumes = |set: &StatefulSet| -> Vec<String> {
        let templates = set.spec.volume_claim_templates.iter();
        templates.map(|template| template.metadata.name.clone()).collect()
    };
    let old = running.map(volumes).unwrap_or_default();
    let new = volumes(&cx.set);
    if new.iter().any(|name| !old.contains(name)) {
        risks.push(
            "pods that run lack the new volume: the controller stops at the first of them until it is deleted, and so on"
                .to_owned(),
        );
    }
    let left = old.iter().filter(|name| !new.contains(name));
    for name in left {
        risks.push(format!("claims of {name} stay behind, with their data and unused"));
    }
    risks
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::fresh;
    use crate::diagnose::finding::Certainty;

    fn running() -> Value {
        let mut set = fresh().manifest;
        set["metadata"]["uid"] = json!("1");
        set["spec"]["podManagementPolicy"] = json!("OrderedReady");
        set
    }

    #[test]
    fn each_field_is_named_with_both_values() {
        let case = fresh()
            .replaces(running())
            .spec("serviceName", json!("db"))
            .spec("podManagementPolicy", json!("Parallel"));
        let found = case.findings(&RULE);
        let facts: Vec<_> = found[0]
            .evidence
            .iter()
            .map(|fact| (fact.path.as_str(), &fact.value, fact.to.as_ref()))
            .collect();
        let (web, db) = (json!("web"), json!("db"));
        let (ordered, parallel) = (json!("OrderedReady"), json!("Parallel"));
        let wanted = [
            ("spec.serviceName", &web, Some(&db)),
            ("spec.podManagementPolicy", &ordered, Some(&parallel)),
        ];
        assert_eq!(facts, wanted);
        assert_eq!(found[0].certainty, Certainty::Certain);
        let remedy = found[0].remedy.as_ref().unwrap();
        assert!(
            remedy
                .text
                .contains("under web until each is made again, and then have them under db")
        );
        assert_eq!(remedy.commands[1].last().unwrap(), "--cascade=orphan");
    }

    #[test]
    fn a_selector_that_misses_the_running_pods_is_told() {
        let labels = json!({"matchLabels": {"app": "other"}});
        let found = fresh().replaces(running()).spec("selector", labels).findings(&RULE);
        assert!(found[0].remedy.as_ref().unwrap().text.contains("not adopted"));
    }

    #[test]
    fn nothing_is_deleted_for_a_set_that_would_be_refused_anew_or_has_an_owner() {
        let refused = fresh()
            .replaces(running())
            .spec("serviceName", json!("db"))
            .with(|case| {
                case.told_anew = Some(Told::Refused("quota".to_owned()));
            });
        let found = refused.findings(&RULE);
        assert!(found[0].remedy.as_ref().unwrap().commands.is_empty());
        let mut owned = running();
        owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "example.com/v1", "kind": "Postgres", "name": "main", "uid": "2", "controller": true}]);
        let found = fresh().replaces(owned).spec("serviceName", json!("db")).findings(&RULE);
        assert_eq!(found[0].remedy.as_ref().unwrap().commands[0][2], "postgres.example.com");
    }

    #[test]
    fn silent_on_a_new_set_on_the_same_one_and_where_the_server_takes_it() {
        assert!(fresh().findings(&RULE).is_empty());
        assert!(
            fresh()
                .replaces(running())
                .spec("replicas", json!(5))
                .findings(&RULE)
                .is_empty()
        );
        let taken = fresh().replaces(running()).spec("serviceName", json!("db"));
        assert!(
            taken
                .with(|case| case.told = Told::Accepted(Value::Null))
                .findings(&RULE)
                .is_empty()
        );
    }
}
