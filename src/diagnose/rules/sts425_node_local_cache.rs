//! A cache on every node stands between the pods and the DNS servers.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome, Rule};
use crate::dns::configured::{corefile, node_caches};
use crate::model::gap::Gap;

pub(super) const RULE: Rule = Rule {
    code: "STS425",
    name: "node-local-cache",
    explain: "\
## What it means
Pods do not ask the cluster's DNS servers, but a cache on their own node (NodeLocal DNSCache). It keeps addresses for 30 seconds
and absences for 5 as it is usually set up, also where the servers keep nothing. Where it does not run on a node, names may not
resolve there at all.
## How it is detected
A DaemonSet with the label `k8s-app: node-local-dns` in kube-system, and the Corefile that its pods mount. A warning where it does not run on all nodes that it should; for
information otherwise. The cache listens on its node only, so that it cannot be asked from outside.
## What to do
Nothing, unless pods get other answers than `kubectl sts dns --query` shows: then ask from a pod on that node.
## When it is fine
Always, where it runs.
## Source
https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    let dns = &cx.linked.snapshot.cluster_dns;
    if !dns.asked() || cx.set().spec.service_name.is_empty() {
        return Ok(Vec::new().into());
    }
    let caches = cx.need(&dns.daemon_sets)?.iter();
    // Anybody can label anything.
    let caches = caches.filter(|set| {
        let app = set.metadata.labels.get("k8s-app");
        set.metadata.namespace == "kube-system" && app.is_some_and(|app| app == "node-local-dns")
    });
    let (kept, unread) = match kept(cx) {
        Ok(kept) => (kept, None),
        Err(gap) => (None, Some(gap)),
    };
    let kept = kept.map_or(String::new(), |(records, absences)| {
        format!(" and keeps records for up to {records}s, absences for up to {absences}s")
    });
    let findings = caches.map(|set| {
        let object = ObjectRef::of("DaemonSet", &set.metadata);
        let (ready, wanted) = (set.status.number_available, set.status.desired_number_scheduled);
        let (severity, says) = match ready < wanted {
            true => (
                Severity::Warning,
                format!("{ready} of {wanted} caches are available: pods on the other nodes may resolve nothing"),
            ),
            false => (
                Severity::Info,
                format!("pods ask a cache on their node, which cannot be asked from here{kept}"),
            ),
        };
        let namespace = set.metadata.namespace.as_str();
        let command = [
            "kubectl",
            "get",
            "pods",
            "-n",
            namespace,
            "-l",
            "k8s-app=node-local-dns",
            "-o",
            "wide",
        ];
        Finding::new(Role::Risk, severity, object.clone(), says)
            .evidence(Evidence::field(object, "status.numberAvailable", ready))
            .remedy(Remedy::new("see on which nodes it runs", Safety::ReadOnly).command(&command))
    });
    let findings: Vec<_> = findings.collect();
    let not_checked = unread.into_iter().filter(|_| !findings.is_empty()).collect();
    Ok(Outcome { findings, not_checked })
}

/// Seconds that it keeps a record of the cluster at most, and an absence; `None` where its Corefile does not say.
fn kept(cx: &Context<'_>) -> Result<Option<(u32, u32)>, Gap> {
    let snapshot = cx.linked.snapshot;
    let Some(pod) = node_caches(&snapshot.cluster_dns).next() else {
        return Ok(None);
    };
    let configured = corefile(snapshot, pod)?;
    let name = format!("{}.svc.{}", cx.namespace(), cx.domain.name);
    Ok(configured.and_then(|configured| {
        let cache = configured.corefile.server(&name, None)?.cache()?;
        Some((cache.keeps(&name, u32::MAX)?, cache.keeps_denial(&name, u32::MAX)?))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, recorded, run};
    use crate::model::gap::GapReason;
    use crate::model::place::Place;
    use crate::model::resource::Resource;

    #[test]
    fn its_being_there_is_worth_knowing_and_its_absence_on_a_node_a_warning() {
        let found = findings(&RULE, "dns/node-local-cache");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].severity, found[0].role), (Severity::Info, Role::Risk));
        let found = findings_after(&RULE, "dns/node-local-cache", |snapshot| {
            snapshot.cluster_dns.daemon_sets.items[0].status.number_available = 2;
        });
        assert_eq!(found[0].severity, Severity::Warning);
        assert!(
            found[0].summary.starts_with("2 of 3 caches are available"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn how_long_it_keeps_answers_is_said() {
        let found = findings(&RULE, "dns/policies-and-node-cache");
        assert!(
            found[0]
                .summary
                .ends_with(" and keeps records for up to 30s, absences for up to 5s"),
            "{}",
            found[0].summary
        );
        let elsewhere = findings_after(&RULE, "dns/policies-and-node-cache", |snapshot| {
            snapshot.cluster_dns.daemon_sets.items[0].metadata.namespace = "shop".to_owned();
        });
        assert!(elsewhere.is_empty());
    }

    #[test]
    fn what_was_refused_is_named() {
        let forbidden = |resource| Gap::list(resource, None, GapReason::Forbidden).at(Place::ClusterDns);
        let mut snapshot = recorded("dns/policies-and-node-cache");
        let sink = snapshot.sink(Resource::ConfigMaps, Place::ClusterDns).unwrap();
        sink.clear();
        sink.gap(forbidden(Resource::ConfigMaps));
        let outcome = run(&RULE, &snapshot).unwrap();
        assert_eq!(outcome.not_checked, [forbidden(Resource::ConfigMaps)]);
        assert!(outcome.findings[0].summary.ends_with("asked from here"));
        let sink = snapshot.sink(Resource::DaemonSets, Place::ClusterDns).unwrap();
        sink.clear();
        sink.gap(forbidden(Resource::DaemonSets));
        assert_eq!(run(&RULE, &snapshot).unwrap_err(), forbidden(Resource::DaemonSets));
    }

    #[test]
    fn silent_without_one_and_where_nobody_looked() {
        assert!(findings(&RULE, "dns/ordered").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }
}
