//! The governing Service is not headless: it has one address for all pods.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule, names};

pub(super) const RULE: Rule = Rule {
    code: "STS402",
    name: "service-not-headless",
    explain: "\
## What it means
`spec.serviceName` names a Service that is not headless. Its own name leads to one address behind which the pods take turns,
and not to all pods, and only headless Services are bound to publish `<pod>.<service>.<namespace>.svc`: CoreDNS does it for
others too, other servers do not.
## How it is detected
The Service exists, is no ExternalName, and its `clusterIP` is not None. A warning where the template uses such names, or a pod
that runs is not Ready; for information otherwise.
## What to do
`clusterIP` cannot be changed: make a second, headless Service for a new set, or make this one anew with `clusterIP: None` once
no client uses its address. `serviceName` itself cannot be changed either.
## When it is fine
When nobody needs the pods' own names.
## Source
https://kubernetes.io/docs/concepts/services-networking/service/#headless-services
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    let service = cx.model.service;
    let Some(service) = service.filter(|service| !service.headless() && !service.external()) else {
        return Ok(Vec::new().into());
    };
    let object = ObjectRef::of("Service", &service.metadata);
    let name = &service.metadata.name;
    let need = names::need(cx, name);
    let (role, severity) = match need.any() {
        true => (Role::Root, Severity::Warning),
        false => (Role::Risk, Severity::Info),
    };
    let consequence = need.consequence();
    let summary = format!(
        "is not headless: it has one address for all pods, and not every DNS server gives them names{consequence}"
    );
    let text = format!("make Service {name} anew with clusterIP: None, once no client uses its address");
    let command = ["kubectl", "get", "service", name, "-n", cx.namespace(), "-o", "yaml"];
    let finding = Finding::new(role, severity, object.clone(), summary)
        .since(service.metadata.creation_timestamp)
        .evidence(Evidence::field(
            object,
            "spec.clusterIP",
            service.spec.cluster_ip.as_str(),
        ))
        .remedy(Remedy::new(text, Safety::ReadOnly).command(&command));
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn names_that_are_used_make_it_a_warning() {
        let found = findings(&RULE, "service-not-headless");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Warning));
        assert!(found[0].summary.contains("the template uses these names"));
    }

    #[test]
    fn names_that_nobody_uses_are_no_fault() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            snapshot
                .services
                .items
                .iter_mut()
                .for_each(|service| service.spec.cluster_ip = "10.96.7.7".to_owned());
        });
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "service-not-headless", Resource::Services)[0].resource,
            Resource::Services
        );
    }
}
