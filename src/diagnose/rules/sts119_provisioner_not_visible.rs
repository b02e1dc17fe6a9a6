//! No workload of the provisioner can be seen, but traces of it can: managed control planes hide their controllers.

use crate::diagnose::context::{ClaimTrouble, Context};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::Standing;
use crate::diagnose::{Checked, Outcome, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS119",
    name: "provisioner-not-visible",
    explain: "\
## What it means
The claim waits, and no workload of its provisioner can be seen. Yet something shows that it is or was lately installed,
so it may run outside the cluster, as the controllers of managed clusters do, and be broken or slow there.
## How it is detected
As provisioner-not-deployed, but one of these exists: a CSIDriver or CSINode entry of that name, a Lease named after it, a
volume that it made within a day, an event of its own, or it is known to be run by a provider. Always only likely.
## What to do
Look where this driver's controller runs: the provider's add-on page, or the namespace that it was installed into.
## When it is fine
Within the first minutes of a volume that is slow to make.
## Source
https://kubernetes-csi.github.io/docs/deploying.html
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    cx.need(&cx.linked.snapshot.classes)?;
    let (mut findings, mut not_checked) = (Vec::new(), Vec::new());
    for (row, claim, trouble) in cx.waiting_claims() {
        let ClaimTrouble::Provisioner(class, provisioner) = trouble else {
            continue;
        };
        if !matches!(provisioner.standing, Standing::Hidden) {
            continue;
        }
        let object = ObjectRef::of("StorageClass", &class.metadata);
        let name = &provisioner.name;
        let trace = provisioner
            .evidence
            .first()
            .map(|trace| trace.object.spoken())
            .unwrap_or_default();
        let summary =
            format!("no workload of its provisioner {name} can be seen; {trace} shows that it is or was installed");
        let mut finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .certain(false)
            .ordinals([row.ordinal])
            .since(claim.metadata.creation_timestamp)
            .evidence(Evidence::field(object, "provisioner", name.as_str()))
            .remedy(remedy(name, &claim.metadata.namespace, &claim.metadata.name));
        finding.evidence.extend(provisioner.evidence.clone());
        findings.push(finding);
        not_checked.extend(provisioner.gaps);
    }
    Ok(Outcome { findings, not_checked })
}

fn remedy(provisioner: &str, namespace: &str, claim: &str) -> Remedy {
    let text =
        format!("look where the controller of {provisioner} runs; on a managed cluster that is the provider's side");
    Remedy::new(text, Safety::ReadOnly)
        .command(&["kubectl", "describe", "pvc", claim, "-n", namespace])
        .avoid("deleting the pod or its claim: both come back the same")
}
