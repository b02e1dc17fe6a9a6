//! A pod runs, and its readiness probe fails: nobody is sent to it.

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::readiness::{Fault, failures, fault};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS504",
    name: "readiness-fails",
    explain: "\
## What it means
The containers run, and the pod is not Ready: Services leave it out, and OrderedReady waits for it. Its program does not
serve, or the probe asks for the wrong thing (port, path, a timeout of one second).
## How it is detected
All containers run, the pod is not Ready, and it is more than a slow start. Certain: it was Ready before, which shows in its
condition having changed after its containers started, and lost that over 30 seconds ago. Likely: it has a startup probe,
which must have passed, because its readiness probe has been failing for over a minute. A pod that was never Ready and has no
startup probe is starting, however long it takes: the recovery of a large database does take long. Pods on a node that does
not report are the node's affair.
## What to do
Read the probe's answer and what the program says. Deleting the pod takes away what it says, and may only begin a long start
anew.
## When it is fine
While the program refuses visitors on purpose, for instance a replica that catches up.
## Source
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-probes
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let findings = cx.suspects().into_iter().filter_map(|suspect| {
        // Restarts are the louder symptom, and have rules of their own.
        let fault = fault(cx, suspect.pod).filter(|_| suspect.pod.restarts() == 0)?;
        Some(finding(cx, &suspect, &fault))
    });
    Ok(findings.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, suspect: &Suspect<'_>, fault: &Fault) -> Finding {
    let object = suspect.object();
    let pod = &suspect.pod.metadata;
    let said = failures(cx, suspect.pod).next();
    let words = said.map_or(String::new(), |event| format!(": {}", event.message.trim()));
    let (summary, since) = match fault {
        Fault::Lost(since) => (format!("runs, and is not Ready any more{words}"), *since),
        Fault::Started(since) => (format!("has started, and does not get Ready{words}"), *since),
    };
    let ready = suspect.pod.condition("Ready");
    let unready = suspect
        .pod
        .status
        .container_statuses
        .iter()
        .find(|container| !container.ready);
    let mut logs = vec!["kubectl", "logs", "-n", &pod.namespace, &pod.name];
    logs.extend(
        unready
            .into_iter()
            .flat_map(|container| ["-c", container.name.as_str()]),
    );
    logs.push("--tail=40");
    let remedy = Remedy::new("read what it says while it refuses visitors", Safety::ReadOnly)
        .command(&logs)
        .avoid(format!(
            "deleting pod {} before that: what it says goes with it",
            pod.name
        ));
    let finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .certain(matches!(fault, Fault::Lost(_)))
        .ordinals(suspect.ordinals.iter().copied())
        .since(Some(since))
        .evidence(Evidence::field(
            object,
            "status.conditions[Ready].status",
            ready.map_or("", |ready| ready.status.as_str()),
        ))
        .remedy(remedy);
    said.map(Evidence::event).into_iter().fold(finding, Finding::evidence)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde::de::IgnoredAny;

    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::objects::Pod;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;

    fn web_1(snapshot: &mut Snapshot) -> &mut Pod {
        let mut pods = snapshot.pods.items.iter_mut();
        pods.find(|pod| pod.metadata.name == "web-1").unwrap()
    }

    /// As if it had never been Ready since it started.
    fn never_ready(snapshot: &mut Snapshot) {
        let pod = web_1(snapshot);
        let started = pod.status.start_time;
        let ready = pod
            .status
            .conditions
            .iter_mut()
            .find(|condition| condition.kind == "Ready");
        ready.unwrap().last_transition_time = started;
    }

    #[test]
    fn a_pod_that_was_ready_before_is_at_fault() {
        let found = findings(&RULE, "readiness-fails");
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].subject.name.as_str(), found[0].certainty),
            ("web-1", Certainty::Certain)
        );
        assert!(found[0].summary.contains("Readiness probe failed"));
    }

    #[test]
    fn a_first_start_takes_the_time_it_takes() {
        assert!(findings_after(&RULE, "readiness-fails", never_ready).is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn a_moment_without_readiness_is_no_fault() {
        let found = findings_after(&RULE, "readiness-fails", |snapshot| {
            snapshot.taken_at -= SignedDuration::from_secs(25);
        });
        assert!(found.is_empty());
    }

    #[test]
    fn a_start_ends_where_its_startup_probe_says() {
        let started = |lasting: i64| {
            findings_after(&RULE, "readiness-fails", |snapshot| {
                never_ready(snapshot);
                web_1(snapshot).spec.containers[0].startup_probe = Some(IgnoredAny);
                for event in snapshot
                    .events
                    .items
                    .iter_mut()
                    .filter(|event| event.reason == "Unhealthy")
                {
                    event.last_timestamp = event.first_timestamp.map(|at| at + SignedDuration::from_secs(lasting));
                }
            })
        };
        assert_eq!(started(90)[0].certainty, Certainty::Likely);
        assert!(started(30).is_empty());
    }

    #[test]
    fn a_node_that_does_not_report_is_the_cause_itself() {
        let found = findings_after(&RULE, "readiness-fails", |snapshot| {
            let nodes = snapshot.nodes.items.iter_mut();
            nodes
                .flat_map(|node| &mut node.status.conditions)
                .for_each(|condition| condition.status = "Unknown".to_owned());
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "readiness-fails", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
