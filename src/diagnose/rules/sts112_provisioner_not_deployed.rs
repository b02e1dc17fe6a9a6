//! A class names a provisioner that nobody runs.

use crate::diagnose::context::Context;
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::provisioner::Standing;
use crate::diagnose::waiting::{Kept, kept_by_provisioner};
use crate::diagnose::{Checked, Rule};

pub(super) const RULE: Rule = Rule {
    code: "STS112",
    name: "provisioner-not-deployed",
    explain: "\
## What it means
Kubernetes itself makes no volumes: a class names a provisioner, and somebody must run it. Nobody runs this one, so the
claim waits for ever and the pod with it.
## How it is detected
No Deployment, DaemonSet, StatefulSet or pod of any namespace declares this name (`PROVISIONER_NAME`, `--provisioner`,
`--drivername` …), no CSIDriver and no CSINode carries it, no Lease is named after it, and no volume of it was made within
a day. Whether the CSIDriver exists is asked once more by name. What could not be searched makes the finding only likely.
## What to do
Install the provisioner, exactly under that name. The claim is then bound and the pod started, without anything else.
Or use another class: claim templates cannot be changed, so the set has to be made again with it.
## When it is fine
Never, while a claim waits.
## Source
https://kubernetes.io/docs/concepts/storage/storage-classes/#provisioner
",
    check,
};

fn check(cx: &Context<'_>) -> Checked {
    kept_by_provisioner(cx, |kept| {
        let Kept { class, provisioner, .. } = kept;
        matches!(provisioner.standing, Standing::Absent).then(|| {
            let object = ObjectRef::of("StorageClass", &class.metadata);
            let name = provisioner.name.as_str();
            let summary = format!("nobody runs its provisioner {name}");
            Finding::new(Role::Root, Severity::Error, object.clone(), summary)
                .certain(provisioner.searched_whole())
                .evidence(Evidence::field(object, "provisioner", name))
                .remedy(remedy(cx, name, &class.metadata.name))
        })
    })
}

fn remedy(cx: &Context<'_>, provisioner: &str, class: &str) -> Remedy {
    let others = cx
        .linked
        .snapshot
        .classes
        .items
        .iter()
        .filter(|other| other.provisioner != provisioner);
    let running = others.filter(|other| matches!(cx.provisioner(&other.provisioner).standing, Standing::Running(_)));
    let names: Vec<_> = running.map(|other| other.metadata.name.as_str()).collect();
    let instead = match names.as_slice() {
        [] => String::new(),
        names => format!("; classes whose provisioner runs: {}", names.join(", ")),
    };
    Remedy::new(
        format!("install {provisioner}; the claim and its pod then go on by themselves{instead}"),
        Safety::ReadOnly,
    )
    .command(&["kubectl", "get", "storageclass", class, "-o", "yaml"])
    .avoid("deleting the pod or its claim: both come back the same")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::finding::Certainty;
    use crate::diagnose::testing::{findings, findings_after, refused};
    use crate::model::gap::{Gap, GapReason};
    use crate::model::place::Place;
    use crate::model::resource::Resource;

    #[test]
    fn a_class_whose_provisioner_nobody_runs_is_the_root() {
        let found = findings(&RULE, "provisioner-not-deployed");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subject.name, "fast");
        assert_eq!(found[0].summary, "nobody runs its provisioner example.com/nfs");
        assert_eq!(found[0].certainty, Certainty::Certain);
    }

    #[test]
    fn silent_where_the_provisioner_runs_or_runs_under_another_name() {
        assert!(findings(&RULE, "healthy-ordered").is_empty());
        assert!(findings(&RULE, "provisioner-renamed").is_empty());
        assert!(findings(&RULE, "provisioner-hidden-csidriver").is_empty());
    }

    #[test]
    fn only_likely_where_the_absence_was_not_confirmed() {
        let found = findings_after(&RULE, "provisioner-not-deployed", |snapshot| {
            snapshot.confirmed_absent.clear()
        });
        assert_eq!(found[0].certainty, Certainty::Likely);
    }

    #[test]
    fn a_list_that_was_not_read_is_not_counted_as_empty() {
        let found = findings_after(&RULE, "provisioner-not-deployed", |snapshot| {
            let gap = Gap::list(Resource::Deployments, None, GapReason::Forbidden);
            snapshot.sink(Resource::Deployments, Place::Scope).unwrap().gap(gap);
        });
        let looked_at = found[0].evidence.last().unwrap().value.to_string();
        assert!(looked_at.contains("Deployments not read, 0 DaemonSets"), "{looked_at}");
        assert_eq!(found[0].certainty, Certainty::Likely);
    }

    #[test]
    fn refused_lists_are_named() {
        let gaps = refused(&RULE, "provisioner-not-deployed", Resource::StorageClasses);
        assert_eq!(gaps[0].what(), "storageclasses");
        let gaps = refused(&RULE, "provisioner-not-deployed", Resource::Deployments);
        assert_eq!(gaps[0].what(), "deployments");
    }
}
