//! A set with a controller of its own, such as an operator's resource: what is changed in the set by hand is undone, so
//! remedies speak of the owner.

use super::context::Context;
use super::finding::{Finding, Remedy, Safety};
use crate::model::objects::OwnerReference;

/// Words of kubectl that change what they name. Annotations and labels of the set itself stay, as a rule.
const CHANGES: [&str; 7] = ["set", "rollout", "scale", "patch", "edit", "apply", "replace"];

/// Puts remedies that would change an owned set into its owner's terms.
pub(super) fn speak_to(cx: &Context<'_>, findings: &mut [Finding]) {
    let Some(owner) = cx.set().metadata.controller() else {
        return;
    };
    let set = format!("statefulset/{}", cx.set().metadata.name);
    let changes = |command: &Vec<String>| {
        command.get(1).is_some_and(|verb| CHANGES.contains(&verb.as_str())) && command.contains(&set)
    };
    for finding in findings {
        if let Some(remedy) = &mut finding.remedy
            && remedy.commands.iter().any(changes)
        {
            *remedy = to(owner, cx.namespace(), remedy);
        }
    }
}

fn to(owner: &OwnerReference, namespace: &str, by_hand: &Remedy) -> Remedy {
    let (kind, name) = (&owner.kind, &owner.name);
    let text = format!(
        "change it in {kind} {name}, which owns the set and would undo it here: {}",
        by_hand.text
    );
    let remedy = Remedy::new(text, Safety::ReadOnly).command(&[
        "kubectl",
        "get",
        &resource(owner),
        name,
        "-n",
        namespace,
        "-o",
        "yaml",
    ]);
    by_hand
        .avoid
        .iter()
        .fold(remedy, |remedy, avoid| remedy.avoid(avoid.as_str()))
        .avoid(format!("changing the set itself: {kind} {name} undoes it"))
}

/// The owner's kind as kubectl takes it: with its group, where it has one.
pub fn resource(owner: &OwnerReference) -> String {
    let kind = owner.kind.to_lowercase();
    match owner.api_version.split_once('/') {
        Some((group, _)) => format!("{kind}.{group}"),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use crate::diagnose::diagnose;
    use crate::diagnose::finding::{Remedy, Safety};
    use crate::diagnose::testing::recorded;
    use crate::model::link::link;

    fn remedy(change: impl FnOnce(&mut crate::model::snapshot::Snapshot)) -> Remedy {
        let mut snapshot = recorded("owned-by-custom-resource");
        change(&mut snapshot);
        let linked = link(&snapshot);
        let (_, report) = diagnose(&linked, linked.sets().first().unwrap());
        report.root().unwrap().remedy.clone().unwrap()
    }

    #[test]
    fn a_change_of_an_owned_set_becomes_a_change_of_its_owner() {
        let remedy = remedy(|_| ());
        assert_eq!(remedy.safety, Safety::ReadOnly);
        assert_eq!(remedy.commands.len(), 1);
        assert_eq!(remedy.commands[0][1..4], ["get", "postgres.db.example.com", "main"]);
        assert!(
            remedy
                .text
                .starts_with("change it in Postgres main, which owns the set")
        );
    }

    #[test]
    fn a_set_of_its_own_is_changed_itself() {
        let remedy = remedy(|snapshot| snapshot.stateful_sets.items[0].metadata.owner_references.clear());
        assert_eq!(remedy.commands[0][1..4], ["rollout", "undo", "statefulset/web"]);
    }

    #[test]
    fn an_owner_that_does_not_control_is_no_owner() {
        let remedy = remedy(|snapshot| {
            snapshot.stateful_sets.items[0].metadata.owner_references[0].controller = false;
        });
        assert_eq!(remedy.commands[0][1], "rollout");
    }
}
