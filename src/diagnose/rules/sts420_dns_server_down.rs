//! No DNS server of the cluster runs, or not all do.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::dns::configured::dns_server_pods;
use crate::dns::dns_service;
use crate::model::objects::{EndpointSlice, Pod, Service};
use crate::model::pod_state::pod_state;

pub(super) const RULE: Rule = Rule {
    code: "STS420",
    name: "dns-server-down",
    explain: "\
## What it means
The Service that pods ask has no Ready server behind it, so no name resolves in the whole cluster: questions end without an
answer. Where some servers are left, they do all the work, and answers may come late.
## How it is detected
The endpoint slices of the cluster's DNS Service (label `k8s-app: kube-dns`, or OpenShift's) hold no address that is Ready. Its
pods say why. A warning while some are.
## What to do
Find out why the pods do not run or are not Ready: their events and logs. Where there are none, see what scales them: a
Deployment, or an autoscaler.
## When it is fine
Never, where pods use the cluster's DNS. Some clusters run it outside, and then have no such Service.
## Source
https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let dns = &cx.linked.snapshot.cluster_dns;
    if !dns.asked() || cx.set().spec.service_name.is_empty() {
        return Ok(Vec::new().into());
    }
    let service = dns_service(cx.need(&dns.services)?);
    let slices = cx.need(&dns.slices)?;
    cx.need(&dns.pods)?;
    let finding = service.and_then(|service| finding(cx, service, slices));
    Ok(Vec::from_iter(finding).into())
}

fn finding(cx: &Context<'_>, service: &Service, slices: &[EndpointSlice]) -> Option<Finding> {
    // Without a selector its slices are somebody's own, as where the servers run outside.
    let selector = &service.spec.selector;
    let namespace = service.metadata.namespace.as_str();
    if selector.is_empty() {
        return None;
    }
    let of_service = slices
        .iter()
        .filter(|slice| slice.metadata.namespace == namespace && slice.service() == Some(&service.metadata.name));
    let endpoints = of_service.flat_map(|slice| slice.endpoints.iter().flatten());
    let ready = endpoints
        .filter(|endpoint| endpoint.conditions.ready.unwrap_or(true))
        .count();
    let pods: Vec<&Pod> = dns_server_pods(&cx.linked.snapshot.cluster_dns).collect();
    let down: Vec<&&Pod> = pods.iter().filter(|pod| !pod.ready()).collect();
    let object = ObjectRef::of("Service", &service.metadata);
    let (severity, role, says) = match (ready, pods.len()) {
        (0, 0) => (
            Severity::Error,
            Role::Root,
            "has no DNS server behind it: there is no pod, and no name resolves in this cluster".to_owned(),
        ),
        (0, all) => (
            Severity::Error,
            Role::Root,
            format!("has no Ready DNS server behind it, of {all}: no name resolves in this cluster"),
        ),
        (_, all) if !down.is_empty() => (
            Severity::Warning,
            Role::Risk,
            format!("{} of {all} DNS servers are not Ready", down.len()),
        ),
        _ => return None,
    };
    let pairs: Vec<_> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let pairs = pairs.join(",");
    let mut finding = Finding::new(role, severity, object.clone(), says).evidence(Evidence::search(
        object,
        &format!("{ready} Ready endpoints, {} pods with {pairs}", pods.len()),
    ));
    for pod in down.iter().take(3) {
        finding.evidence.push(Evidence::field(
            ObjectRef::of("Pod", &pod.metadata),
            "status",
            pod_state(pod, cx.now()).word(),
        ));
    }
    let remedy = match pods.is_empty() {
        true => Remedy::new(
            "see what should run them, and who scaled it to nothing",
            Safety::ReadOnly,
        )
        .command(&[
            "kubectl",
            "get",
            "deployments,daemonsets",
            "-n",
            namespace,
            "-o",
            "wide",
        ]),
        false => Remedy::new("see why they are not Ready", Safety::ReadOnly)
            .command(&["kubectl", "describe", "pods", "-n", namespace, "-l", &pairs]),
    };
    Some(finding.remedy(remedy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, recorded, run};
    use crate::model::gap::{Gap, GapReason};
    use crate::model::listing::Sink as _;
    use crate::model::resource::Resource;

    #[test]
    fn without_a_ready_server_nothing_resolves() {
        for (scenario, pods) in [("dns/servers-scaled-to-zero", 0), ("dns/servers-not-started", 2)] {
            let found = findings(&RULE, scenario);
            assert_eq!(found.len(), 1, "{scenario}");
            assert_eq!((found[0].severity, found[0].role), (Severity::Error, Role::Root));
            assert_eq!(found[0].subject.name, "kube-dns");
            assert_eq!(found[0].evidence.len(), 1 + pods);
        }
    }

    #[test]
    fn one_that_is_not_ready_is_a_warning() {
        let found = findings_after(&RULE, "dns/ordered", |snapshot| {
            let pod = &mut snapshot.cluster_dns.pods.items[0];
            pod.status.conditions.retain(|condition| condition.kind != "Ready");
        });
        assert_eq!((found[0].severity, found[0].role), (Severity::Warning, Role::Risk));
        assert_eq!(found[0].summary, "1 of 2 DNS servers are not Ready");
    }

    #[test]
    fn silent_where_they_run_and_where_nobody_looked() {
        assert!(findings(&RULE, "dns/ordered").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn what_could_not_be_read_is_named() {
        let mut snapshot = recorded("dns/servers-scaled-to-zero");
        let slices = &mut snapshot.cluster_dns.slices;
        slices.clear();
        slices.gap(Gap::list(Resource::EndpointSlices, None, GapReason::Forbidden));
        assert!(run(&RULE, &snapshot).is_err());
    }
}
