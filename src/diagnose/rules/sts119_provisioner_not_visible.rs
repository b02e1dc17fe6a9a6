//! No workload of the provisioner can be seen, but traces of it can: managed control planes hide their controllers.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::Standing;
use crate::diagnose::waiting::{Kept, kept_by_provisioner};
use crate::diagnose::{Checked, Rule};

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
    kept_by_provisioner(cx, |kept| {
        let Kept {
            claim,
            class,
            provisioner,
        } = kept;
        if !matches!(provisioner.standing, Standing::Hidden) {
            return None;
        }
        let object = ObjectRef::of("StorageClass", &class.metadata);
        let name = &provisioner.name;
        let trace = provisioner.evidence.first().map(|trace| trace.object.spoken());
        let trace = trace.unwrap_or_default();
        let summary =
            format!("no workload of its provisioner {name} can be seen; {trace} shows that it is or was installed");
        let finding = Finding::new(Role::Root, Severity::Error, object.clone(), summary)
            .certain(false)
            .evidence(Evidence::field(object, "provisioner", name.as_str()))
            .remedy(remedy(name, &claim.metadata.namespace, &claim.metadata.name));
        Some(finding)
    })
}

fn remedy(provisioner: &str, namespace: &str, claim: &str) -> Remedy {
    let text =
        format!("look where the controller of {provisioner} runs; on a managed cluster that is the provider's side");
    Remedy::new(text, Safety::ReadOnly)
        .command(&["kubectl", "describe", "pvc", claim, "-n", namespace])
        .avoid("deleting the pod or its claim: both come back the same")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_trace_of_a_provisioner_makes_its_absence_a_guess() {
        let traces = [
            ("provisioner-hidden-csidriver", "csidriver"),
            ("provisioner-hidden-csinode", "csinode"),
            ("provisioner-hidden-volume", "volume"),
        ];
        for (scenario, trace) in traces {
            let found = findings(&RULE, scenario);
            assert_eq!(found.len(), 1, "{scenario}");
            assert_eq!(found[0].certainty, Certainty::Likely);
            assert!(
                found[0].summary.contains(&format!("seen; {trace} ")),
                "{}",
                found[0].summary
            );
        }
    }

    #[test]
    fn silent_without_a_trace_and_where_the_workload_is_seen() {
        for scenario in [
            "provisioner-not-deployed",
            "provisioner-down",
            "provisioner-silent",
            "healthy-ordered",
        ] {
            assert!(findings(&RULE, scenario).is_empty(), "{scenario}");
        }
    }

    #[test]
    fn a_volume_made_long_ago_is_no_trace() {
        let found = findings_after(&RULE, "provisioner-hidden-volume", |snapshot| {
            snapshot.events.items.clear();
            for volume in &mut snapshot.volumes.items {
                volume.metadata.creation_timestamp = Some(jiff::Timestamp::UNIX_EPOCH);
            }
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_lists_are_named() {
        let gaps = refused(&RULE, "provisioner-hidden-csidriver", Resource::StorageClasses);
        assert_eq!(gaps[0].what(), "storageclasses");
        let gaps = refused(&RULE, "provisioner-hidden-csidriver", Resource::DaemonSets);
        assert_eq!(gaps[0].what(), "daemonsets");
    }
}
