//! The provisioner is installed under the right name, and none of its pods is Ready.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::{Runner, Standing};
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
    cx.need(&cx.linked.snapshot.claims)?;
    let mut findings = Vec::new();
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::Provisioner(_, provisioner) = trouble else {
            continue;
        };
        let Standing::Down(runner) = &provisioner.standing else {
            continue;
        };
        let mut finding = finding(runner)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp);
        finding.evidence.extend(provisioner.evidence.clone());
        findings.push(finding);
    }
    Ok(findings.into())
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
