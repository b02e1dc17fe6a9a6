//! The provisioner is installed under the right name, and none of its pods is Ready.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::{Runner, Standing};
use crate::diagnose::waiting::kept_by_provisioner;
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS118",
    name: "provisioner-down",
    explain: "\
## What it means
The provisioner that the class names is installed, but nothing of it runs, so no volume is made.
## How it is detected
A workload (or bare pod) declares the provisioner's name, and none of its pods is Ready.
## What to do
Repair the provisioner; its own pod's reason follows in the chain. The claim and the pod then go on by themselves.
## When it is fine
For some seconds while it restarts.
## Source
https://kubernetes.io/docs/concepts/storage/storage-classes/#provisioner
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    kept_by_provisioner(cx, |kept| match &kept.provisioner.standing {
        Standing::Down(runner) => Some(finding(runner)),
        _ => None,
    })
}

fn finding(runner: &Runner<'_>) -> Finding {
    let object = runner.object.clone();
    let summary = match runner.counts {
        Some((0, _)) => "runs the provisioner and is scaled to zero".to_owned(),
        Some((wanted, available)) => format!("runs the provisioner; {available}/{wanted} pods are available"),
        None => "runs the provisioner and is not Ready".to_owned(),
    };
    // With pods, the first one's own trouble is the root; without, nothing stands behind the workload.
    let finding = match runner.pods.first() {
        Some(pod) => Finding::new(Role::Effect, Severity::Error, object.clone(), summary)
            .because(ObjectRef::of("Pod", &pod.metadata)),
        None => {
            Finding::new(Role::Root, Severity::Error, object.clone(), summary).remedy(remedy(&object, runner.counts))
        }
    };
    match runner.counts {
        Some((_, available)) => finding.evidence(Evidence::field(object, "status.availableReplicas", available)),
        None => finding,
    }
}

fn remedy(workload: &ObjectRef, counts: Option<(i32, i32)>) -> Remedy {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let target = format!("{}/{}", workload.kind.to_lowercase(), workload.name);
    let remedy = match counts {
        Some((0, _)) if workload.kind != "DaemonSet" => Remedy::new("scale it up", Safety::Reversible).command(&[
            "kubectl",
            "scale",
            &target,
            "-n",
            namespace,
            "--replicas=1",
        ]),
        _ => Remedy::new("find out why it has no pods", Safety::ReadOnly)
            .command(&["kubectl", "describe", &target, "-n", namespace]),
    };
    remedy.avoid("deleting the waiting pod or its claim: both come back the same")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_provisioner_whose_pod_crashes_leads_to_that_pod() {
        let found = findings(&RULE, "provisioner-down");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].role, Role::Effect);
        assert_eq!(found[0].because.as_ref().unwrap().kind, "Pod");
        assert!(found[0].summary.ends_with("0/1 pods are available"));
    }

    #[test]
    fn one_that_is_scaled_to_zero_is_the_root_itself() {
        let found = findings(&RULE, "provisioner-scaled-to-zero");
        assert_eq!(found[0].role, Role::Root);
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.commands[0][1], "scale");
        assert_eq!(remedy.safety, Safety::Reversible);
    }

    #[test]
    fn one_without_pods_that_wants_some_is_looked_at_first() {
        let found = findings_after(&RULE, "provisioner-scaled-to-zero", |snapshot| {
            snapshot.deployments.items[0].spec.replicas = Some(2);
        });
        assert!(found[0].summary.ends_with("0/2 pods are available"));
        assert_eq!(found[0].remedy.as_ref().unwrap().safety, Safety::ReadOnly);
    }

    #[test]
    fn silent_where_it_runs_or_is_not_there_at_all() {
        for scenario in [
            "provisioner-silent",
            "provisioning-fails",
            "provisioner-not-deployed",
            "healthy-ordered",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn refused_claims_are_named() {
        let gaps = refused(&RULE, "provisioner-down", Resource::PersistentVolumeClaims);
        assert_eq!(gaps[0].what(), "persistentvolumeclaims");
    }
}
