//! Pods look for their peers by name before they are Ready, and the Service publishes only Ready pods.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule, names};
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS410",
    name: "bootstrap-deadlock",
    explain: "\
## What it means
The template names pods below the governing Service, so that they find each other. The Service publishes a pod's name only while
the pod is Ready. Where a pod becomes Ready only once it found its peers, and they wait likewise, none ever does: typically after
all of them stopped at once.
## How it is detected
The template uses names below the Service, the Service has not `publishNotReadyAddresses`, and a pod runs that is not Ready. What
the pod waits for cannot be seen: it is a risk and only likely; a warning once it has lasted for a minute.
## What to do
Set `publishNotReadyAddresses: true` on the governing Service: names appear at once, without a restart. Clients that must reach
Ready pods only then need a Service of their own.
## When it is fine
When pods become Ready without their peers, or find them in another way.
## Source
https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-hostname-and-subdomain-field
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    cx.need(&cx.linked.snapshot.pods)?;
    let Some(service) = cx.model.service.filter(|service| !service.external()) else {
        return Ok(Outcome::default());
    };
    let name = service.metadata.name.as_str();
    let need = names::need(cx, name);
    let runs = cx
        .troubled()
        .filter(|(_, _, state)| matches!(state, PodState::Starting | PodState::NotReady | PodState::Crashing(..)));
    let waiting: Vec<i64> = runs
        .filter(|(_, pod, _)| pod.status.phase == "Running")
        .map(|(row, ..)| row.ordinal)
        .collect();
    if service.spec.publish_not_ready_addresses || !need.used || waiting.is_empty() {
        return Ok(Outcome::default());
    }
    let severity = if need.suffers {
        Severity::Warning
    } else {
        Severity::Info
    };
    let object = ObjectRef::of("Service", &service.metadata);
    let whose = pod_names(&cx.model, &waiting);
    let are = match waiting.len() {
        1 => "is not Ready and has no name",
        _ => "are not Ready and have no names",
    };
    let summary = format!("publishes only Ready pods: {whose} {are}, for which their peers may wait");
    let text = "publish pods that are not Ready, if they must find each other to become Ready";
    let patch = r#"{"spec":{"publishNotReadyAddresses":true}}"#;
    let finding = Finding::new(Role::Risk, severity, object.clone(), summary)
        .certain(false)
        .ordinals(waiting)
        .evidence(Evidence::field(object, "spec.publishNotReadyAddresses", false))
        .evidence(Evidence::search(
            ObjectRef::of("StatefulSet", &cx.set().metadata),
            &format!("names below {name} in the template's environment, commands and arguments"),
        ))
        .remedy(
            Remedy::new(text, Safety::Reversible)
                .command(&["kubectl", "patch", "service", name, "-n", cx.namespace(), "-p", patch])
                .avoid("this where clients use the same Service to reach Ready pods only"),
        );
    Ok(vec![finding].into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, governing, recorded, refused};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn names_peers(snapshot: &mut Snapshot) {
        let env = serde_json::json!([{"name": "PEERS", "value": "web-0.web,web-1.web"}]);
        snapshot.stateful_sets.items[0].spec.template.0["spec"]["containers"][0]["env"] = env;
    }

    #[test]
    fn pods_that_are_not_ready_may_wait_for_each_other() {
        let found = findings_after(&RULE, "readiness-fails", names_peers);
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Warning));
        assert!(
            found[0]
                .summary
                .starts_with("publishes only Ready pods: web-1 is not Ready")
        );
    }

    #[test]
    fn silent_where_names_do_not_wait_for_readiness_or_nobody_uses_them() {
        assert!(findings(&RULE, "readiness-fails").is_empty());
        let found = findings_after(&RULE, "readiness-fails", |snapshot| {
            names_peers(snapshot);
            governing(snapshot).spec.publish_not_ready_addresses = true;
        });
        assert!(found.is_empty());
    }

    #[test]
    fn silent_while_all_are_ready() {
        let mut snapshot = recorded("healthy-ordered");
        names_peers(&mut snapshot);
        assert!(findings_after(&RULE, "healthy-ordered", names_peers).is_empty());
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "readiness-fails", Resource::Services)[0].what(),
            "services"
        );
    }
}
