//! The governing Service is another name for something outside: no pod has a DNS name of its own.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Safety};
use crate::diagnose::{Checked, Rule, names};

pub(super) const RULE: Rule = Rule {
    code: "STS405",
    name: "service-external-name",
    explain: "\
## What it means
`spec.serviceName` names a Service of type ExternalName. Its own name is an alias (CNAME) of another one, and nothing lies below
it: no `<pod>.<service>.<namespace>.svc` resolves, whatever the pods do.
## How it is detected
The Service exists, and its `type` is ExternalName. An error where the template uses such names, or a pod that runs is not
Ready; for information otherwise.
## What to do
`serviceName` cannot be changed, and the type can: make the Service anew with `clusterIP: None` and a selector that matches the
pods, once no client uses the alias. Pods need no restart.
## When it is fine
When nobody needs the pods' own names.
## Source
https://kubernetes.io/docs/concepts/services-networking/service/#externalname
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    let Some(service) = cx.model.service.filter(|service| service.external()) else {
        return Ok(Vec::new().into());
    };
    let object = ObjectRef::of("Service", &service.metadata);
    let name = &service.metadata.name;
    let need = names::need(cx, name);
    let (role, severity) = need.weight();
    let consequence = need.consequence();
    let alias = &service.spec.external_name;
    let text = format!("make Service {name} anew with clusterIP: None, once no client uses it as {alias}");
    let command = ["kubectl", "get", "service", name, "-n", cx.namespace(), "-o", "yaml"];
    let summary = format!("is an alias of {alias}: no pod has a DNS name{consequence}");
    let finding = Finding::new(role, severity, object.clone(), summary)
        .since(service.metadata.creation_timestamp)
        .evidence(Evidence::field(object.clone(), "spec.type", service.spec.kind.as_str()))
        .evidence(Evidence::field(object, "spec.externalName", alias.as_str()))
        .remedy(Remedy::new(text, Safety::ReadOnly).command(&command));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::{Role, Severity};
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn alias(snapshot: &mut Snapshot) {
        for service in &mut snapshot.services.items {
            service.spec.kind = "ExternalName".to_owned();
            service.spec.external_name = "db.example.com".to_owned();
        }
    }

    #[test]
    fn names_that_are_used_make_it_an_error() {
        let found = findings_after(&RULE, "service-not-headless", alias);
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Error));
        assert!(found[0].summary.starts_with("is an alias of db.example.com"));
    }

    #[test]
    fn names_that_nobody_uses_are_no_fault() {
        let found = findings_after(&RULE, "healthy-ordered", alias);
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "service-not-headless").is_empty());
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::Services)[0].resource,
            Resource::Services
        );
    }
}
