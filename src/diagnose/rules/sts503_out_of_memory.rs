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
The container's last end has the reason OOMKilled (exit code 137), and it waits to be started again, or was restarted three
times or more within minutes.
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
        "container {} is killed for going over {over}: exit code {}, {} restarts{}",
        container.name,
        end.exit_code,
        container.restart_count,
        sts502_container_crashes::at_this_moment(suspect)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_limit_is_named() {
        let found = findings(&RULE, "crash-loop-oom");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.contains("its memory limit 256Mi: exit code 137"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn without_a_limit_it_is_the_node_s_memory() {
        let found = findings_after(&RULE, "crash-loop-oom", |snapshot| {
            let pods = snapshot.pods.items.iter_mut();
            pods.flat_map(|pod| &mut pod.spec.containers)
                .for_each(|container| container.resources = serde_json::Value::Null);
        });
        assert!(found[0].summary.contains("the node's memory"), "{}", found[0].summary);
    }

    #[test]
    fn another_end_is_another_rule() {
        for scenario in ["update-fails-at-top", "healthy-ordered"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "crash-loop-oom", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
