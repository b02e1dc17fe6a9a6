//! A provisioner runs, and answers to another name than the one that the class asks for.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::Standing;
use crate::diagnose::waiting::{Kept, kept_by_provisioner};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS113",
    name: "provisioner-renamed",
    explain: "\
## What it means
A claim is addressed to a provisioner by name. A provisioner runs here, but under a name that no class uses, while
nobody answers to the name that the class does use. Both sides are healthy and never meet.
## How it is detected
Nobody answers to the class's provisioner, and a running workload declares (`PROVISIONER_NAME`, `--provisioner` …) a name
that is no class's. Of several the one with the most similar name is shown.
## What to do
Give the provisioner the name that the class asks for: it restarts, takes the waiting claims, and the pods follow.
A class's `provisioner` cannot be changed; the class can be deleted and made again without touching existing volumes.
## When it is fine
When that workload was never meant for this class: then the class's own provisioner is missing.
## Source
https://kubernetes.io/docs/concepts/storage/storage-classes/#provisioner
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    kept_by_provisioner(cx, |kept| {
        let Kept { class, provisioner, .. } = kept;
        let Standing::Renamed(runner, other) = &provisioner.standing else {
            return None;
        };
        let name = provisioner.name.as_str();
        let object = runner.object.clone();
        let summary = format!("answers to {other}; class {} asks for {name}", class.metadata.name);
        let asks = ObjectRef::of("StorageClass", &class.metadata);
        let finding = Finding::new(Role::Root, Severity::Error, object, summary)
            .certain(provisioner.searched_whole())
            .evidence(Evidence::field(asks, "provisioner", name))
            .remedy(remedy(&runner.object, &runner.named_by.path, name));
        Some(finding)
    })
}

fn remedy(workload: &ObjectRef, named_by: &str, name: &str) -> Remedy {
    let text = format!("give it the name {name}: it restarts and takes the waiting claims");
    let remedy = Remedy::new(text, Safety::Reversible).avoid("deleting the pod or its claim: both come back the same");
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let target = format!("{}/{}", workload.kind.to_lowercase(), workload.name);
    // Only a variable can be set by a command that leaves everything else as it is.
    match named_by
        .rsplit_once(".env[")
        .and_then(|(_, rest)| rest.strip_suffix(']'))
    {
        Some(variable) if workload.kind != "Pod" => remedy.command(&[
            "kubectl",
            "set",
            "env",
            &target,
            "-n",
            namespace,
            &format!("{variable}={name}"),
        ]),
        _ => remedy.command(&["kubectl", "edit", &target, "-n", namespace]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::resource::Resource;

    #[test]
    fn a_workload_that_answers_to_another_name_is_given_the_right_one() {
        let found = findings(&RULE, "provisioner-renamed");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "nfs-client-provisioner");
        assert_eq!(found[0].certainty, Certainty::Certain);
        let remedy = found[0].remedy.as_ref().unwrap();
        assert_eq!(remedy.commands[0][1..3], ["set", "env"]);
        assert_eq!(remedy.commands[0].last().unwrap(), "PROVISIONER_NAME=example.com/nfs");
    }

    #[test]
    fn silent_where_a_class_asks_for_that_other_name() {
        let found = findings_after(&RULE, "provisioner-renamed", |snapshot| {
            let other = snapshot.deployments.items[0].spec.template.spec().unwrap();
            let mut class = snapshot.classes.items[0].clone();
            class.metadata.name = "other".to_owned();
            class.provisioner = other.containers[0].env[0].value.clone().unwrap();
            snapshot.classes.items.push(class);
        });
        assert!(found.is_empty());
        assert!(findings(&RULE, "provisioner-not-deployed").is_empty());
        assert!(findings(&RULE, "healthy-ordered").is_empty());
    }

    #[test]
    fn silent_where_the_other_one_does_not_run_itself() {
        let found = findings_after(&RULE, "provisioner-renamed", |snapshot| {
            for pod in &mut snapshot.pods.items {
                pod.status.conditions.clear();
            }
        });
        assert!(found.is_empty());
    }

    #[test]
    fn refused_lists_are_named() {
        let gaps = refused(&RULE, "provisioner-renamed", Resource::StorageClasses);
        assert_eq!(gaps[0].what(), "storageclasses");
        let gaps = refused(&RULE, "provisioner-renamed", Resource::Leases);
        assert_eq!(gaps[0].what(), "leases");
    }
}
