//! Pods carry another hostname or subdomain than the set gives: they have no name below its Service.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Safety};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule, names};
use crate::dns::hostname;
use crate::model::objects::Pod;

pub(super) const RULE: Rule = Rule {
    code: "STS409",
    name: "subdomain-differs",
    explain: "\
## What it means
A pod's name in DNS comes from the pod itself: `spec.hostname`, below the Service that `spec.subdomain` names. Both are written
when the pod is made and never corrected. These pods name another Service than the set's `serviceName`, or another host: the set
was made anew with another `serviceName` over pods that stayed, or something changed the pods on their way in. Below the set's
Service they have no name; their addresses stand there under names like `10-244-0-3`.
## How it is detected
`spec.hostname` and `spec.subdomain` of the set's pods beside the pod's name and the set's `serviceName`. An error where the
template uses such names, or a pod that runs is not Ready; for information otherwise.
## What to do
Make the pods anew, one after another, each once the one before is Ready: the controller gives the new ones the right names.
Claims stay. Where a webhook changes pods, that has to end first.
## When it is fine
When nobody needs the pods' own names, and where CoreDNS has `endpoint_pod_names`, which takes the pod's name instead.
## Source
https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-hostname-and-subdomain-field
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let service = cx.set().spec.service_name.as_str();
    if service.is_empty() {
        return Ok(Outcome::default());
    }
    let rows = cx.model.ordinals.iter().filter_map(|row| Some((row.ordinal, row.pod?)));
    let wrong = |(_, pod): &(i64, &Pod)| {
        !pod.metadata.terminating() && hostname(pod, service) != Some(pod.metadata.name.as_str())
    };
    let pods: Vec<(i64, &Pod)> = rows.filter(wrong).collect();
    let Some((_, first)) = pods.first() else {
        return Ok(Outcome::default());
    };
    let ordinals: Vec<i64> = pods.iter().map(|(ordinal, _)| *ordinal).collect();
    let need = names::need(cx, service);
    let (role, severity) = need.weight();
    let object = ObjectRef::of("Pod", &first.metadata);
    let has = match (first.spec.subdomain.as_str(), first.spec.hostname.as_str()) {
        ("", _) => "no subdomain".to_owned(),
        (subdomain, _) if subdomain != service => format!("the subdomain {subdomain}"),
        (_, "") => "no hostname".to_owned(),
        (_, hostname) => format!("the hostname {hostname}"),
    };
    let whose = pod_names(&cx.model, &ordinals);
    let have = if pods.len() == 1 { "has" } else { "have" };
    let summary = format!(
        "{whose} {have} {has}: no name below {service} leads there{}",
        need.consequence()
    );
    let finding = Finding::new(
        role,
        severity,
        ObjectRef::of("StatefulSet", &cx.set().metadata),
        summary,
    )
    .ordinals(ordinals)
    .since(first.metadata.creation_timestamp)
    .evidence(Evidence::field(
        object.clone(),
        "spec.subdomain",
        first.spec.subdomain.as_str(),
    ))
    .evidence(Evidence::field(object, "spec.hostname", first.spec.hostname.as_str()))
    .evidence(Evidence::field(
        ObjectRef::of("StatefulSet", &cx.set().metadata),
        "spec.serviceName",
        service,
    ))
    .remedy(remedy(cx, &pods));
    Ok(vec![finding].into())
}

/// A pod is deleted once the one before is back; many are left to whoever does it.
fn remedy(cx: &Context<'_>, pods: &[(i64, &Pod)]) -> Remedy {
    const FEW: usize = 3;
    let (set, namespace) = (cx.set().metadata.name.as_str(), cx.namespace());
    let text = "make these pods anew, one after another, each once the one before is Ready; claims stay";
    let shown = if pods.len() > FEW { 1 } else { pods.len() };
    let each = pods.iter().take(shown).map(|(_, pod)| pod.metadata.name.as_str());
    each.fold(Remedy::new(text, Safety::Disruptive), |remedy, pod| {
        remedy
            .command(&["kubectl", "delete", "pod", pod, "-n", namespace])
            .command(&["kubectl", "sts", "wait", set, "-n", namespace])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::{Role, Severity};
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn adopted(snapshot: &mut Snapshot) {
        for pod in &mut snapshot.pods.items {
            pod.spec.subdomain = "old".to_owned();
        }
    }

    #[test]
    fn names_that_are_used_make_it_an_error() {
        let found = findings_after(&RULE, "service-not-headless", adopted);
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Error));
    }

    #[test]
    fn names_that_nobody_uses_are_no_fault() {
        let found = findings_after(&RULE, "healthy-ordered", adopted);
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert_eq!(
            found[0].summary,
            "web-0, web-1 and web-2 have the subdomain old: no name below web leads there"
        );
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "healthy-empty-service-name").is_empty());
    }

    #[test]
    fn a_pod_that_goes_anyway_is_left_alone() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            adopted(snapshot);
            let going = snapshot
                .pods
                .items
                .iter_mut()
                .filter(|pod| pod.metadata.name != "web-2");
            going.for_each(|pod| pod.metadata.deletion_timestamp = Some(snapshot.taken_at));
        });
        assert_eq!(found[0].ordinals, [2]);
    }

    #[test]
    fn a_hostname_that_was_changed_is_named() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            snapshot
                .pods
                .items
                .iter_mut()
                .find(|pod| pod.metadata.name == "web-1")
                .unwrap()
                .spec
                .hostname = "mine".to_owned();
        });
        assert_eq!(
            found[0].summary,
            "web-1 has the hostname mine: no name below web leads there"
        );
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(refused(&RULE, "healthy-ordered", Resource::Pods)[0].what(), "pods");
    }
}
