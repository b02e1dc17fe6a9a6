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
It waits with CrashLoopBackOff, or has just ended with a code other than 0; or it was restarted three times or more, and
neither the run before nor the one since has lasted ten minutes, after which the node forgets a crash. The last of these holds
whether it is Ready at this moment or not. Its last exit code and its restarts are shown.
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
        "container {} crashes: exit code {}, {} restarts{}",
        container.name,
        end.exit_code,
        container.restart_count,
        at_this_moment(suspect)
    );
    let remedy = Remedy::new("read what it said before it ended", Safety::ReadOnly);
    finding(suspect, container, end, summary, remedy)
}

/// That it looks well must not calm anybody.
pub(super) fn at_this_moment(suspect: &Suspect<'_>) -> &'static str {
    if suspect.pod.ready() {
        ", though Ready at this moment"
    } else {
        ""
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn the_last_exit_code_is_named() {
        let found = findings(&RULE, "update-fails-at-top");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].summary, "container app crashes: exit code 1, 4 restarts");
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(
            remedy.commands[0].join(" "),
            "kubectl logs -n shop web-2 -c app -p --tail=40"
        );
    }

    #[test]
    fn ready_at_this_moment_is_no_answer() {
        let found = findings(&RULE, "crash-loop-ready-now");
        assert_eq!(found.len(), 1);
        assert!(
            found[0].summary.ends_with("though Ready at this moment"),
            "{}",
            found[0].summary
        );
    }

    #[test]
    fn a_loop_that_ended_is_forgotten() {
        let found = findings_after(&RULE, "crash-loop-ready-now", |snapshot| {
            snapshot.taken_at += jiff::SignedDuration::from_mins(11);
        });
        assert!(found.is_empty());
        for scenario in ["crash-loop-oom", "readiness-fails", "healthy-ordered"] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_pods_are_named() {
        assert_eq!(
            refused(&RULE, "update-fails-at-top", Resource::Pods)[0].resource,
            Resource::Pods
        );
    }
}
