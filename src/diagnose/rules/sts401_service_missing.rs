//! The governing Service does not exist, so no pod has a DNS name of its own.

use serde_json::Value;

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule, names};
use crate::model::objects::{Service, pairs};
use crate::model::resource::Resource;

pub(super) const RULE: Rule = Rule {
    code: "STS401",
    name: "service-missing",
    explain: "\
## What it means
`spec.serviceName` names the headless Service that gives every pod its name, `<pod>.<service>.<namespace>.svc`. It does
not exist, so none of these names resolves. The controller neither makes nor checks it: pods start all the same.
## How it is detected
No Service of that name is in the namespace; a read of its own confirms it after the list. Where a headless Service under
another name selects the pods, or one of that name lies in another namespace that was looked at, it is named: neither gives the
pods names, because a name needs the pod's own `subdomain` and namespace. An error where the template
itself uses the name, or a started pod is not Ready; a warning where nothing shows that the names are needed.
## What to do
Create a Service of exactly that name with `clusterIP: None` and a selector that matches the pods: the records appear at
once, without a restart. `serviceName` itself cannot be changed.
## When it is fine
When nobody uses the pods' names.
## Source
https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    let set = cx.set();
    let name = set.spec.service_name.as_str();
    if name.is_empty() || cx.model.service.is_some() {
        return Ok(Vec::new().into());
    }
    let namespace = cx.namespace();
    let need = names::need(cx, name);
    let severity = if need.any() { Severity::Error } else { Severity::Warning };
    let consequence = need.consequence();
    let object = ObjectRef::named("Service", namespace, name);
    let services = cx
        .linked
        .snapshot
        .services
        .items
        .iter()
        .filter(|service| service.metadata.namespace == namespace);
    let text = format!("create a headless Service {name} that selects the pods; records appear without a restart");
    let near = near(cx, name);
    let instead = match &near {
        Some((service, true)) => format!("; {} selects the pods, under another name", service.metadata.name),
        Some((service, false)) => format!("; there is one in namespace {}", service.metadata.namespace),
        None => String::new(),
    };
    let mut finding = Finding::new(
        Role::Root,
        severity,
        object.clone(),
        format!("does not exist: no pod has a DNS name{consequence}{instead}"),
    )
    .certain(
        cx.linked
            .snapshot
            .confirmed_absent(Resource::Services, Some(namespace), name),
    )
    .since(set.metadata.creation_timestamp)
    .evidence(Evidence::field(
        ObjectRef::of("StatefulSet", &set.metadata),
        "spec.serviceName",
        name,
    ))
    .evidence(Evidence::search(
        object,
        &format!("{} Services in {namespace}", services.count()),
    ))
    .remedy(create(text, namespace, name, set));
    finding.evidence.extend(near.map(|(service, here)| {
        let (path, value) = match here {
            true => ("spec.selector", Value::from(pairs(&service.spec.selector))),
            false => ("metadata.namespace", service.metadata.namespace.as_str().into()),
        };
        Evidence::field(ObjectRef::of("Service", &service.metadata), path, value)
    }));
    Ok(vec![finding].into())
}

/// The Service that was perhaps meant: a headless one here that selects the set's pods (true), or one of this name
/// elsewhere.
fn near<'a>(cx: &Context<'a>, name: &str) -> Option<(&'a Service, bool)> {
    let namespace = cx.namespace();
    let labels = cx.set().spec.template.labels();
    let services = &cx.linked.snapshot.services.items;
    let here = services
        .iter()
        .find(|service| service.metadata.namespace == namespace && service.headless() && service.selects(&labels));
    let elsewhere = || {
        let mut named = services.iter().filter(|service| service.metadata.name == name);
        named.find(|service| service.selects(&labels))
    };
    here.map(|service| (service, true))
        .or_else(|| Some((elsewhere()?, false)))
}

/// A headless Service is made by one command, but only with the selector `app=<name>`; anything else is an edit.
fn create(text: String, namespace: &str, name: &str, set: &crate::model::objects::StatefulSet) -> Remedy {
    let remedy = Remedy::new(text, Safety::Reversible).command(&[
        "kubectl",
        "create",
        "service",
        "clusterip",
        name,
        "-n",
        namespace,
        "--clusterip=None",
    ]);
    let labels = &set.spec.selector.match_labels;
    if labels.len() == 1 && labels.get("app").is_some_and(|app| app == name) {
        return remedy;
    }
    remedy.command(&[
        "kubectl",
        "set",
        "selector",
        "service",
        name,
        &pairs(labels),
        "-n",
        namespace,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, governing, refused};

    #[test]
    fn an_error_where_the_template_uses_the_names() {
        let found = findings(&RULE, "service-missing");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].severity, Severity::Error);
        assert_eq!(found[0].certainty, Certainty::Certain);
        assert_eq!(found[0].remedy.as_ref().unwrap().commands.len(), 2);
    }

    #[test]
    fn a_warning_where_nothing_shows_that_they_are_used() {
        let found = findings(&RULE, "service-missing-unused");
        assert_eq!(found[0].severity, Severity::Warning);
    }

    #[test]
    fn an_error_where_a_pod_is_not_well_without_them() {
        let found = findings_after(&RULE, "service-missing-unused", |snapshot| {
            let pod = snapshot
                .pods
                .items
                .iter_mut()
                .find(|pod| pod.metadata.name == "web-0")
                .unwrap();
            pod.status.container_statuses[0].restart_count = 1;
            pod.status.conditions.retain(|condition| condition.kind != "Ready");
        });
        assert_eq!(found[0].severity, Severity::Error);
    }

    #[test]
    fn one_command_is_enough_where_the_service_s_name_is_the_selector() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| snapshot.services.items.clear());
        assert_eq!(found[0].remedy.as_ref().unwrap().commands.len(), 1);
        assert_eq!(found[0].certainty, Certainty::Likely);
    }

    #[test]
    fn what_was_perhaps_meant_is_named() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            governing(snapshot).metadata.name = "web-headless".to_owned();
        });
        assert!(
            found[0]
                .summary
                .ends_with("; web-headless selects the pods, under another name")
        );
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            governing(snapshot).metadata.namespace = "store".to_owned();
        });
        assert!(found[0].summary.ends_with("; there is one in namespace store"));
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            let service = governing(snapshot);
            service.metadata.name = "other".to_owned();
            service.spec.selector.insert("app".to_owned(), "other".to_owned());
        });
        assert!(found[0].summary.ends_with("no pod has a DNS name"));
    }

    #[test]
    fn silent_where_the_service_is_there_or_none_was_named() {
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "healthy-empty-service-name").is_empty());
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "service-missing", Resource::Services)[0].what(),
            "services"
        );
    }
}
