//! Slices of the governing Service that the control plane does not write from its selector hold addresses of no pod.

use crate::diagnose::context::Context;
use crate::diagnose::endpoints::{self, Entry};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome, Rule, names};

pub(super) const RULE: Rule = Rule {
    code: "STS412",
    name: "foreign-slices",
    explain: "\
## What it means
Whoever labels an EndpointSlice with the Service's name adds to what the Service publishes: a person, an operator, or the control
plane where it mirrors an Endpoints object that somebody wrote. Nobody corrects such entries when pods get other addresses, and
they stand beside those that the selector gives.
## How it is detected
The slice's label `endpointslice.kubernetes.io/managed-by` is not that of the endpoint slice controller, and it publishes an
address that no pod of the namespace has. An error where that happens under a pod's own name and such names are used or a pod that
runs is not Ready; a warning where it happens under a pod's own name; for information otherwise.
## What to do
Have its writer correct it. Where nobody writes it any more, delete it, and give the Service a selector if it has none.
## When it is fine
When it is meant: a member that runs outside the cluster.
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
    let mut findings = Vec::new();
    let mut rest = entries.as_slice();
    // The entries of one slice stand together.
    while let Some(first) = rest.first() {
        let same = |entry: &&Entry<'_>| entry.slice.metadata.uid == first.slice.metadata.uid;
        let (slice, after) = rest.split_at(rest.iter().take_while(same).count());
        rest = after;
        if !first.slice.from_selector() {
            findings.extend(finding(cx, &service.metadata.name, slice));
        }
    }
    Ok(findings.into())
}

fn finding(cx: &Context<'_>, service: &str, entries: &[Entry<'_>]) -> Option<Finding> {
    let known = |address: &core::net::IpAddr| {
        let mut pods = cx.linked.pods_of(cx.namespace()).iter();
        pods.any(|pod| pod.addresses().any(|own| own == *address))
    };
    // A pod's own name leads elsewhere.
    let taken = entries.iter().find_map(|entry| {
        let row = cx.model.rows().find(|row| entry.names(row))?;
        Some((entry, row, *entry.not_of(row.pod).first()?))
    });
    let strange = entries
        .iter()
        .find_map(|entry| Some((entry, entry.addresses().find(|address| !known(address))?)));
    let need = names::need(cx, service);
    let (role, severity) = match (need.any(), taken.is_some()) {
        (true, true) => (Role::Root, Severity::Error),
        (false, true) => (Role::Risk, Severity::Warning),
        (_, false) => (Role::Risk, Severity::Info),
    };
    let (entry, says, ordinals) = match (taken, strange) {
        (Some((entry, row, address)), _) => {
            let says = format!("leads {} to {address}, which is not that pod's address", row.name);
            (entry, says, vec![row.ordinal])
        }
        (None, Some((entry, address))) => (
            entry,
            format!("publishes {address} below {service}, which is no pod's address here"),
            Vec::new(),
        ),
        (None, None) => return None,
    };
    let mirrored = entry.slice.writer() == "endpointslicemirroring-controller.k8s.io";
    let from = match entry.slice.writer() {
        "" => "nobody says who writes it".to_owned(),
        _ if mirrored => format!("it mirrors Endpoints {service}, which somebody wrote"),
        writer => format!("{writer} writes it"),
    };
    let (object, namespace) = (entry.object(), cx.namespace());
    let (kind, name) = match mirrored {
        true => ("endpoints", service),
        false => ("endpointslice", entry.slice.metadata.name.as_str()),
    };
    let text = format!("have {kind} {name} corrected by whoever writes it, or deleted where nobody does any more");
    let finding = Finding::new(role, severity, object.clone(), format!("{says}; {from}"))
        .ordinals(ordinals)
        .since(entry.slice.metadata.creation_timestamp)
        .evidence(Evidence::field(
            object.clone(),
            "endpoints.addresses",
            entry.endpoint.addresses.clone(),
        ))
        .evidence(Evidence::field(
            object,
            "metadata.labels[endpointslice.kubernetes.io/managed-by]",
            entry.slice.writer(),
        ))
        .remedy(
            Remedy::new(text, Safety::ReadOnly).command(&["kubectl", "get", kind, name, "-n", namespace, "-o", "yaml"]),
        );
    Some(finding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn by_hand(snapshot: &mut Snapshot, writer: &str, hostname: Option<&str>, address: &str) {
        let mut slice = snapshot.slices.items[0].clone();
        slice.metadata.uid = "by-hand".to_owned();
        slice.metadata.name = "web-by-hand".to_owned();
        slice
            .metadata
            .labels
            .insert("endpointslice.kubernetes.io/managed-by".to_owned(), writer.to_owned());
        let endpoints = slice.endpoints.as_mut().unwrap();
        endpoints.truncate(1);
        endpoints[0].hostname = hostname.map(str::to_owned);
        endpoints[0].addresses = vec![address.to_owned()];
        snapshot.slices.items.push(slice);
    }

    #[test]
    fn a_pod_s_own_name_that_leads_elsewhere_is_a_danger() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            by_hand(snapshot, "someone", Some("web-1"), "10.9.0.1");
        });
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Warning));
        let says = "leads web-1 to 10.9.0.1, which is not that pod's address; someone writes it";
        assert_eq!(found[0].summary, says);
        let used = findings_after(&RULE, "service-not-headless", |snapshot| {
            by_hand(snapshot, "someone", Some("web-1"), "10.9.0.1");
        });
        assert_eq!((used[0].role, used[0].severity), (Role::Root, Severity::Error));
    }

    #[test]
    fn a_member_outside_may_be_meant() {
        let mirror = "endpointslicemirroring-controller.k8s.io";
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            by_hand(snapshot, mirror, None, "10.9.0.1")
        });
        assert_eq!((found[0].role, found[0].severity), (Role::Risk, Severity::Info));
        assert!(
            found[0]
                .summary
                .ends_with("it mirrors Endpoints web, which somebody wrote")
        );
    }

    #[test]
    fn addresses_of_pods_are_no_matter_whoever_writes_them() {
        let found = findings_after(&RULE, "healthy-ordered", |snapshot| {
            by_hand(snapshot, "", Some("web-1"), "10.244.0.3");
            by_hand(snapshot, "", None, "10.244.0.3");
        });
        assert!(found.is_empty());
        let control_plane = "endpointslice-controller.k8s.io";
        let stale = |snapshot: &mut Snapshot| by_hand(snapshot, control_plane, Some("web-1"), "10.9.0.1");
        assert!(findings_after(&RULE, "healthy-ordered", stale).is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn refused_slices_are_named() {
        assert_eq!(
            refused(&RULE, "healthy-ordered", Resource::EndpointSlices)[0].what(),
            "endpointslices"
        );
    }
}
