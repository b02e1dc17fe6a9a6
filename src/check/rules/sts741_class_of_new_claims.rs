//! Which class the claims get that the set would make.

use crate::check::{Context, Rule, Standing};
use crate::diagnose::finding::{Evidence, Finding, ObjectRef, Remedy, Role, Safety, Severity};
use crate::diagnose::{Checked, Outcome};
use crate::model::objects::StorageClass;

pub(super) const RULE: Rule = Rule {
    code: "STS741",
    name: "class-of-new-claims",
    explain: "\
## What it means
A claim template without `storageClassName` gives claims of the default class: of the newest one where several are marked, and
of none where none is. A template that names a class which does not exist gives claims that wait for ever, unless volumes
made by hand carry that name.
## How it is detected
The classes of the cluster and of the manifests are looked at; a read of its own confirms that a named one is missing. What
is found is a warning where claims would wait, and a note where the default decides. Silent where every claim exists.
## What to do
Name the class in the template: it cannot be changed once the set is there, and another default tomorrow gives the next
ordinals volumes of another kind.
## When it is fine
Where the default is what is wanted, on this cluster and on the next.
## Source
https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass
",
    check,
};

/// Before this minor version a claim is refused where two classes are the default.
const NEWEST_DEFAULT_WINS: u32 = 26;

fn check(cx: &Context<'_>) -> Checked {
    let mut outcome = Outcome::default();
    for template in &cx.set.spec.volume_claim_templates {
        let name = template.metadata.name.as_str();
        if all_there(cx, name) {
            continue;
        }
        match template.class() {
            // No class on purpose: a volume made by hand.
            Some("") => {}
            Some(class) => match cx.standing(&cx.after.classes, class) {
                Standing::There(_) => {}
                Standing::Unknown(gap) => outcome.not_checked.push(gap),
                Standing::Absent { certain } => outcome.findings.push(missing(cx, name, class, certain)),
            },
            None => match cx.after.classes.complete() {
                Err(gap) => outcome.not_checked.push(gap),
                Ok(classes) => outcome.findings.push(default(cx, name, classes)),
            },
        }
    }
    Ok(outcome)
}

/// Whether no claim of this template would have to be made.
fn all_there(cx: &Context<'_>, template: &str) -> bool {
    let names: std::collections::HashSet<_> = cx
        .here(&cx.after.claims)
        .map(|claim| claim.metadata.name.as_str())
        .collect();
    let mut wanted = cx
        .ordinals()
        .map(|ordinal| format!("{template}-{}-{ordinal}", cx.manifest.name()));
    wanted.all(|name| names.contains(name.as_str()))
}

fn missing(cx: &Context<'_>, template: &str, class: &str, certain: bool) -> Finding {
    let object = ObjectRef::named("StorageClass", "", class);
    Finding::new(
        Role::Risk,
        Severity::Warning,
        object.clone(),
        format!("does not exist: claims of {template} wait, unless volumes made by hand carry that name"),
    )
    .certain(certain)
    .evidence(Evidence::field(
        cx.object(),
        &format!("spec.volumeClaimTemplates[{template}].spec.storageClassName"),
        class,
    ))
    .evidence(Evidence::search(object, &of(&cx.after.classes.items)))
    .remedy(Remedy::new("name a class that exists", Safety::ReadOnly).command(&["kubectl", "get", "storageclass"]))
}

/// The classes that were looked at.
fn of(classes: &[StorageClass]) -> String {
    let names: Vec<_> = classes.iter().map(|class| class.metadata.name.as_str()).collect();
    match names.as_slice() {
        [] => "no class at all".to_owned(),
        [one] => format!("1 class, {one}"),
        many => format!("{} classes: {}", many.len(), many.join(", ")),
    }
}

/// Source: `staging/src/k8s.io/apiserver` admission `storageclass/setdefault`, `pkg/volume/util/storageclass.go`
/// (GetDefaultClass): the newest of the defaults, by name where they are equally old.
fn default(cx: &Context<'_>, template: &str, classes: &[StorageClass]) -> Finding {
    let mut defaults: Vec<_> = classes.iter().filter(|class| class.is_default()).collect();
    defaults.sort_by(|a, b| {
        let (a, b) = (&a.metadata, &b.metadata);
        b.creation_timestamp
            .cmp(&a.creation_timestamp)
            .then_with(|| a.name.cmp(&b.name))
    });
    let names: Vec<_> = defaults.iter().map(|class| class.metadata.name.as_str()).collect();
    let (severity, summary) = match names.as_slice() {
        [] => (
            Severity::Warning,
            format!("claims of {template} name no class, and no class is the default: they wait"),
        ),
        [one] => (
            Severity::Info,
            format!("claims of {template} name no class and get the default, {one}"),
        ),
        [newest, ..] if cx.minor >= NEWEST_DEFAULT_WINS => (
            Severity::Warning,
            format!(
                "claims of {template} name no class, and {} are the default: they get the newest, {newest}",
                names.len()
            ),
        ),
        _ => (
            Severity::Warning,
            format!(
                "claims of {template} name no class, and {} are the default: the server refuses them",
                names.len()
            ),
        ),
    };
    let known = match names.as_slice() {
        [] => "none is the default".to_owned(),
        names => format!("the default: {}", names.join(", ")),
    };
    Finding::new(Role::Risk, severity, cx.object(), summary)
        .evidence(Evidence::search(cx.object(), &format!("{}; {known}", of(classes))))
        .remedy(Remedy::new(
            "name the class in the template, before the set is made",
            Safety::ReadOnly,
        ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::check::testing::{Case, fresh};
    use crate::model::resource::Resource;

    fn asks(class: Value) -> Case {
        let case = fresh().with(|case| case.snapshot.claims.items.clear());
        case.spec(
            "volumeClaimTemplates",
            json!([{"metadata": {"name": "data"}, "spec": {"storageClassName": class}}]),
        )
    }

    fn class(name: &str, made: &str) -> Value {
        json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "p",
            "metadata": {"name": name, "creationTimestamp": made,
                "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}})
    }

    fn said(case: Case) -> String {
        case.findings(&RULE)[0].summary.clone()
    }

    #[test]
    fn none_one_and_two_defaults() {
        assert!(said(asks(Value::Null)).ends_with("no class is the default: they wait"));
        let one = |case: Case| case.with(|case| case.beside.push(class("a", "2026-01-01T00:00:00Z")));
        assert!(said(one(asks(Value::Null))).ends_with("get the default, a"));
        let two = one(asks(Value::Null)).with(|case| case.beside.push(class("b", "2026-02-01T00:00:00Z")));
        assert!(said(two).ends_with("they get the newest, b"));
    }

    #[test]
    fn a_class_that_is_missing_is_a_warning() {
        let found = asks(json!("fats")).findings(&RULE);
        assert_eq!(
            (found[0].severity, found[0].subject.name.as_str()),
            (Severity::Warning, "fats")
        );
    }

    #[test]
    fn silent_where_the_class_is_there_is_none_on_purpose_or_every_claim_exists() {
        assert!(asks(json!("fast")).findings(&RULE).is_empty());
        assert!(asks(json!("")).findings(&RULE).is_empty());
        let kept = asks(json!("fats")).with(|case| {
            for ordinal in 0..2 {
                case.beside
                    .push(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": {"name": format!("data-web-{ordinal}"), "namespace": "shop"}}));
            }
        });
        assert!(kept.findings(&RULE).is_empty());
    }

    #[test]
    fn refused_classes_are_named() {
        assert_eq!(
            asks(Value::Null).refused(Resource::StorageClasses).gaps(&RULE),
            ["storageclasses"]
        );
    }
}
