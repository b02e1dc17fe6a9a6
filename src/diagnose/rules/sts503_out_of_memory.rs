//! A container is killed for want of memory, again and again.

use crate::diagnose::context::{Context, Suspect};
use crate::diagnose::finding::{Finding, Remedy, Safety};
use crate::diagnose::rules::sts502_container_crashes;
use crate::diagnose::{Checked, Rule};
use crate::model::objects::{ContainerStatus, Terminated};
use crate::model::pod_state::PodState;

pub(super) const RULE: Rule = Rule {
    code: "STS503",
    name: "out-of-memory",
    explain: "\
## What it means
The kernel killed the container because it went over its memory limit. It is started again, and killed again.
## How it is detected
The container's last end has the reason OOMKilled (exit code 137), and it waits to be started again.
## What to do
Raise `resources.limits.memory`, or have the program use less (caches, heap, connections). Under OrderedReady a changed
template does not reach this pod by itself: delete the pod after the change.
## When it is fine
Never.
## Source
https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.pods)?;
    let killed = cx.suspects().into_iter().filter_map(|suspect| match suspect.state {
        PodState::Crashing(container, end) if end.reason == "OOMKilled" => Some(finding(cx, &suspect, container, end)),
        _ => None,
    });
    Ok(killed.collect::<Vec<_>>().into())
}

fn finding(cx: &Context<'_>, suspect: &Suspect<'_>, container: &ContainerStatus, end: &Terminated) -> Finding {
    let spec = suspect
        .pod
        .spec
        .containers
        .iter()
        .find(|spec| spec.name == container.name);
    let limit = spec.and_then(|spec| spec.resources.get("limits")?.get("memory")?.as_str());
    let over = limit.map_or("the node's memory".to_owned(), |limit| {
        format!("its memory limit {limit}")
    });
    let summary = format!(
        "container {} is killed for going over {over}: exit code {}, {} restarts",
        container.name, end.exit_code, container.restart_count
    );
    let text = match suspect.own && cx.set().ordered() {
        true => format!(
            "raise its memory limit, then delete pod {}: a new template does not reach it by itself",
            suspect.pod.metadata.name
        ),
        false => "raise its memory limit, or have it use less".to_owned(),
    };
    sts502_container_crashes::finding(suspect, container, end, summary, Remedy::new(text, Safety::ReadOnly))
}
