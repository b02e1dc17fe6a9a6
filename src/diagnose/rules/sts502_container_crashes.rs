//! A container ends again and again.

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Evidence, Finding, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Rule};
use crate::model::objects::{ContainerStatus, Terminated};
use crate::model::pod_state::{PodState, since};

pub(super) const RULE: Rule = Rule {
    code: "STS502",
    name: "container-crashes",
    explain: "\
## What it means
A container starts and ends; the node starts it again with growing delays, up to five minutes.
## How it is detected
It waits with CrashLoopBackOff, or has just ended with a code other than 0. Its last exit code and its restarts are shown.
## What to do
Read what it said last. Exit code 1 is its own complaint, 127 a missing program, 137 a kill, 143 a stop that was asked for.
## When it is fine
Once or twice while a dependency comes up.
## Source
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-restarts
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let crashing = cx.suspects().into_iter().filter_map(|suspect| match suspect.state {
        PodState::Crashing(container, end) if end.reason != "OOMKilled" => Some(crash(&suspect, container, end)),
        _ => None,
    });
    Ok(crashing.collect::<Vec<_>>().into())
}

fn crash(suspect: &Suspect<'_>, container: &ContainerStatus, end: &Terminated) -> Finding {
    let summary = format!(
        "container {} crashes: exit code {}, {} restarts",
        container.name, end.exit_code, container.restart_count
    );
    let remedy = Remedy::new("read what it said before it ended", Safety::ReadOnly);
    finding(suspect, container, end, summary, remedy)
}

/// A finding about a container that ended, with the command that shows its last words.
pub(super) fn finding(
    suspect: &Suspect<'_>,
    container: &ContainerStatus,
    end: &Terminated,
    summary: String,
    remedy: Remedy,
) -> Finding {
    let object = suspect.object();
    let at = |field: &str| format!("status.containerStatuses[{}].{field}", container.name);
    let pod = &suspect.pod.metadata;
    let logs = [
        "kubectl",
        "logs",
        "-n",
        &pod.namespace,
        &pod.name,
        "-c",
        &container.name,
        "-p",
        "--tail=40",
    ];
    Finding::new(Role::Root, Severity::Error, object.clone(), summary)
        .ordinals(suspect.ordinals.iter().copied())
        .since(since(suspect.pod))
        .evidence(Evidence::field(
            object.clone(),
            &at("restartCount"),
            container.restart_count,
        ))
        .evidence(Evidence::field(
            object.clone(),
            &at("lastState.terminated.exitCode"),
            end.exit_code,
        ))
        .evidence(Evidence::field(
            object,
            &at("lastState.terminated.reason"),
            end.reason.as_str(),
        ))
        .remedy(remedy.command(&logs))
}
