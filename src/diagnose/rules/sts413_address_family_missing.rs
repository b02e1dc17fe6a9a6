//! Pods have no address of the families that the governing Service publishes, or more families than it publishes.

use std::collections::BTreeSet;

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::next::pod_names;
use crate::diagnose::{Checked, Outcome, Rule, names};
use crate::dns::Absence;
use crate::model::objects::{Pod, Service};

pub(super) const RULE: Rule = Rule {
    code: "STS413",
    name: "address-family-missing",
    explain: "\
## What it means
A Service publishes addresses of its `ipFamilies` only: A records for IPv4, AAAA for IPv6. Pods that have no address of these are
not published at all; of pods with both families one stays out where the Service has one.
## How it is detected
`ipFamilies` of the governing Service beside the addresses of the set's pods. Where pods have none of them: an error if the
template uses their names or a pod that runs is not Ready, for information otherwise. Where a second family stays out it is told
for information only, and only where `dns` is asked: clients find the pods by the other family.
## What to do
Set `ipFamilyPolicy: PreferDualStack`, which adds the cluster's other family to the Service. Records appear without a restart.
## When it is fine
When all clients use the family that is published.
## Source
https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.services)?;
    cx.need(&cx.linked.snapshot.pods)?;
    let published = cx
        .model
        .service
        .filter(|service| !service.external() && !service.spec.ip_families.is_empty());
    let Some(service) = published else {
        return Ok(Outcome::default());
    };
    let rows = cx.records().rows.iter();
    let without: BTreeSet<i64> = rows
        .filter(|row| row.absence == Some(Absence::OtherFamily))
        .filter_map(|row| row.ordinal)
        .collect();
    let without: Vec<i64> = without.into_iter().collect();
    let name = service.metadata.name.as_str();
    let families = service.spec.ip_families.join(" and ");
    let need = names::need(cx, name);
    let mut pods = cx.model.ordinals.iter().filter_map(|row| Some((row.ordinal, row.pod?)));
    let (role, severity, summary, pod) = match without.first() {
        Some(first) => {
            let whose = pod_names(&cx.model, &without);
            let have = if without.len() == 1 { "has" } else { "have" };
            let summary = format!(
                "publishes {families} only, of which {whose} {have} no address{}",
                need.consequence()
            );
            let (role, severity) = need.weight();
            (role, severity, summary, pods.find(|(ordinal, _)| ordinal == first))
        }
        None if !cx.of_names => return Ok(Outcome::default()),
        None => {
            let summary = format!("publishes {families} only, and the pods have addresses of another family, too");
            (
                Role::Risk,
                Severity::Info,
                summary,
                pods.find(|(_, pod)| more(service, pod)),
            )
        }
    };
    let Some((_, pod)) = pod else {
        return Ok(Outcome::default());
    };
    let addresses: Vec<_> = pod.addresses().map(|address| address.to_string()).collect();
    let object = ObjectRef::of("Service", &service.metadata);
    let patch = r#"{"spec":{"ipFamilyPolicy":"PreferDualStack"}}"#;
    let text = "have the Service publish both families, where the cluster has both; records appear without a restart";
    let finding = Finding::new(role, severity, object.clone(), summary)
        .ordinals(without)
        .evidence(Evidence::field(
            object,
            "spec.ipFamilies",
            service.spec.ip_families.clone(),
        ))
        .evidence(Evidence::field(
            ObjectRef::of("Pod", &pod.metadata),
            "status.podIPs",
            addresses,
        ))
        .remedy(Remedy::new(text, Safety::Reversible).command(&[
            "kubectl",
            "patch",
            "service",
            name,
            "-n",
            cx.namespace(),
            "-p",
            patch,
        ]));
    Ok(vec![finding].into())
}

/// Whether a pod has an address of a family that the Service does not publish.
fn more(service: &Service, pod: &Pod) -> bool {
    let family = |address: core::net::IpAddr| if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let mut addresses = pod.addresses();
    addresses.any(|address| service.spec.ip_families.iter().all(|known| known != family(address)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, governing, recorded, refused, run, run_of_names};
    use crate::model::objects::PodAddress;
    use crate::model::resource::Resource;

    #[test]
    fn pods_without_an_address_of_the_service_s_family_are_not_published() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            governing(snapshot).spec.ip_families = vec!["IPv6".to_owned()];
        });
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        let says = "publishes IPv6 only, of which web-0, web-1 and web-2 have no address";
        assert_eq!(found[0].summary, says);
        let used = findings_after(&RULE, "service-not-headless", |snapshot| {
            governing(snapshot).spec.ip_families = vec!["IPv6".to_owned()];
        });
        assert_eq!((used[0].role, used[0].severity), (Role::Root, Severity::Error));
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn a_second_family_is_told_where_names_are_asked_about() {
        let mut snapshot = recorded("healthy-ordered");
        assert!(run_of_names(&RULE, &snapshot).unwrap().findings.is_empty());
        for pod in &mut snapshot.pods.items {
            pod.status.pod_ips.push(PodAddress {
                ip: "fd00::7".to_owned(),
            });
        }
        assert!(run(&RULE, &snapshot).unwrap().findings.is_empty());
        let found = run_of_names(&RULE, &snapshot).unwrap().findings;
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
    }

    #[test]
    fn refused_services_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::Services)[0].what(),
            "services"
        );
    }
}
