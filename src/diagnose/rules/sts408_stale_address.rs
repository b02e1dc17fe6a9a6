//! A slice of the governing Service tells of a pod what was so earlier: another address, or that it is Ready.

use crate::diagnose::context::Context;
use crate::diagnose::endpoints::{self, Entry};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome, Rule, names};
use crate::model::objects::Pod;
use crate::model::set::Ordinal;

pub(super) const RULE: Rule = Rule {
    code: "STS408",
    name: "stale-address",
    explain: "\
## What it means
An EndpointSlice of the governing Service holds a pod as it was earlier: with the address that a pod of this name had before,
or as ready although it has not been so for a while. DNS gives out what the slice says: who asks for this pod reaches nobody, or
another pod that has the address now.
## How it is detected
The slice is written by the control plane, the entry has the pod's hostname and is served, and the pod has other addresses, or
has not been Ready for more than ten seconds while the Service publishes only what is. Slices that others write are STS412.
## What to do
Look at the Service's events and at the controller manager: its endpoint slice controller corrects the entry within a second
when it works.
## When it is fine
Never, unless it is over in a moment.
## Source
https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#management
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let entries = endpoints::served(cx)?;
    let Some(service) = cx.model.service.filter(|service| !service.external()) else {
        return Ok(Outcome::default());
    };
    cx.need(&cx.linked.snapshot.pods)?;
    let severity = match names::need(cx, &service.metadata.name).any() {
        true => Severity::Error,
        false => Severity::Warning,
    };
    let whatever = service.spec.publish_not_ready_addresses;
    let mut findings = Vec::new();
    for entry in entries.iter().filter(|entry| entry.slice.from_selector()) {
        let rows = cx.model.rows().filter(|row| entry.names(row));
        let settled = rows
            .filter_map(|row| Some((row, row.pod?)))
            .filter(|(_, pod)| names::settled(cx, pod));
        for (row, pod) in settled {
            let Some(summary) = summary(cx, entry, row, pod, whatever) else {
                continue;
            };
            let addresses: Vec<_> = entry.endpoint.addresses.clone();
            let own: Vec<_> = pod.addresses().map(|address| address.to_string()).collect();
            let ready = if pod.ready() { "True" } else { "False" };
            let object = ObjectRef::of("Pod", &pod.metadata);
            let finding = Finding::new(Role::Root, severity, entry.object(), summary)
                .ordinals([row.ordinal])
                .since(pod.condition("Ready").and_then(|ready| ready.last_transition_time))
                .evidence(Evidence::field(
                    entry.object(),
                    &format!("endpoints[{}].addresses", row.name),
                    addresses,
                ))
                .evidence(Evidence::field(object.clone(), "status.podIPs", own))
                .evidence(Evidence::field(object, "status.conditions[Ready].status", ready))
                .remedy(remedy(cx, &service.metadata.name));
            findings.push(finding);
        }
    }
    Ok(findings.into())
}

/// What is wrong with an entry of this pod; `None` where nothing is.
fn summary(cx: &Context<'_>, entry: &Entry<'_>, row: &Ordinal<'_>, pod: &Pod, whatever: bool) -> Option<String> {
    let name = &row.name;
    let Some(stale) = entry.not_of(Some(pod)).first().copied() else {
        let unready = !whatever && (!pod.ready() || pod.metadata.terminating());
        return unready.then(|| format!("publishes {name} as ready, which it is not any more: nobody corrects it"));
    };
    let has = |other: &&Pod| other.metadata.uid != pod.metadata.uid && other.addresses().any(|known| known == stale);
    let whose = match cx.linked.snapshot.pods.items.iter().find(has) {
        Some(other) => format!("which is pod {} now", other.metadata.name),
        None => "which an earlier pod had".to_owned(),
    };
    let own: Vec<_> = pod.addresses().map(|address| address.to_string()).collect();
    Some(format!(
        "leads {name} to {stale}, {whose}; {name} is at {}",
        own.join(" and ")
    ))
}

fn remedy(cx: &Context<'_>, service: &str) -> Remedy {
    let text =
        "look at the endpoint slice controller, a part of kube-controller-manager; it corrects the slice once it works";
    Remedy::new(text, Safety::ReadOnly)
        .command(&["kubectl", "describe", "service", service, "-n", cx.namespace()])
        .avoid("deleting the slice while nobody writes it anew: then none of its names resolves")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, governing, refused};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn moved(snapshot: &mut Snapshot, address: &str) {
        let endpoints = snapshot.slices.items[0].endpoints.as_mut().unwrap();
        let web_1 = endpoints
            .iter_mut()
            .find(|endpoint| endpoint.hostname.as_deref() == Some("web-1"));
        web_1.unwrap().addresses = vec![address.to_owned()];
        snapshot.taken_at += jiff::SignedDuration::from_secs(30);
    }

    #[test]
    fn an_address_of_an_earlier_pod_is_told_with_the_pod_s_own() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| moved(snapshot, "10.244.0.99"));
        let says = "leads web-1 to 10.244.0.99, which an earlier pod had; web-1 is at 10.244.0.3";
        assert_eq!(
            found.iter().map(|finding| finding.summary.as_str()).collect::<Vec<_>>(),
            [says]
        );
        assert_eq!((found[0].role, found[0].severity), (Role::Root, Severity::Warning));
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| moved(snapshot, "10.244.0.4"));
        assert_eq!(
            found[0].summary,
            "leads web-1 to 10.244.0.4, which is pod web-2 now; web-1 is at 10.244.0.3"
        );
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn a_slice_that_others_write_is_another_matter() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            moved(snapshot, "10.244.0.99");
            snapshot.slices.items[0]
                .metadata
                .labels
                .remove("endpointslice.kubernetes.io/managed-by");
        });
        assert!(found.is_empty());
    }

    #[test]
    fn a_pod_that_is_not_ready_any_more_is_published_no_longer() {
        let ready_again = |snapshot: &mut Snapshot| {
            for endpoint in snapshot.slices.items[0].endpoints.iter_mut().flatten() {
                endpoint.conditions.ready = Some(true);
            }
        };
        let found = findings_after(&RULE, "readiness-fails", ready_again);
        assert_eq!(found.len(), 1);
        assert!(found[0].summary.starts_with("publishes web-1 as ready"));
        let found = findings_after(&RULE, "readiness-fails", |snapshot| {
            ready_again(snapshot);
            governing(snapshot).spec.publish_not_ready_addresses = true;
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_slices_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::EndpointSlices)[0].what(),
            "endpointslices"
        );
    }
}
