//! Which revision the template is, and which one the pods come from.
//!
//! Source: `stateful_set_control.go` (getStatefulSetRevisions), `pkg/controller/history/controller_history.go`.

use serde_json::{Value, json};

use super::super::revision_bytes::{canonical, hash, hash_label, number, revision_name};
use super::super::{Call, Input, Op, Profile};
use super::semantic;
use crate::model::objects::{Revision, StatefulSet};

/// Names of the two revisions, and the one write that finding them may take.
#[derive(Debug)]
pub(super) struct Resolved {
    pub current: String,
    pub update: String,
    pub collisions: i32,
    pub call: Option<Call>,
    pub is_new: bool,
}

/// The revisions of the set or of nobody, oldest first.
pub(super) fn listed<'a>(input: &Input<'a>) -> Vec<&'a Revision> {
    let set = input.set;
    let mine = |revision: &&&Revision| {
        let meta = &revision.metadata;
        meta.controller().is_none_or(|owner| owner.uid == set.metadata.uid) && set.spec.selector.matches(&meta.labels)
    };
    let mut list: Vec<_> = input.revisions.iter().filter(mine).copied().collect();
    list.sort_by_key(|revision| {
        (
            revision.revision,
            revision.metadata.creation_timestamp,
            &revision.metadata.name,
        )
    });
    list
}

pub(super) fn resolve(input: &Input, listed: &[&Revision]) -> Resolved {
    let status = &input.set.status;
    let collisions = status.collision_count.unwrap_or(0);
    let found = |name: &str| Resolved {
        current: String::new(),
        update: name.to_owned(),
        collisions,
        call: None,
        is_new: false,
    };
    let mut resolved = match trusted(input, listed) {
        Some(name) => found(name),
        None => {
            let wanted = patch(&input.set.spec.template.0, &input.profile);
            let next = listed.last().map_or(1, |last| last.revision + 1);
            let label = |revision: &Revision| hash_label(revision).filter(|_| input.profile.hash_labels);
            let labelled = || number(&hash(&canonical(&wanted), collisions));
            let differ = |a: Option<i32>, b: &dyn Fn() -> Option<i32>| a.is_some_and(|a| b().is_some_and(|b| a != b));
            let equal = listed
                .iter()
                .rfind(|revision| revision.data == wanted && !differ(label(revision), &labelled));
            match (equal, listed.last()) {
                (Some(equal), Some(last)) if equal.data == last.data && !differ(label(last), &|| label(equal)) => {
                    found(&last.metadata.name)
                }
                // A rollback: the old object gets the highest number and keeps its name.
                (Some(equal), _) => {
                    let name = &equal.metadata.name;
                    Resolved {
                        call: Some(numbered(Op::UpdateRevision, name, next)),
                        ..found(name)
                    }
                }
                (None, Some(last))
                    if input.profile.semantic_revisions && semantic::same(last, &wanted, &input.profile) =>
                {
                    found(&last.metadata.name)
                }
                _ => create(input, &wanted, next),
            }
        }
    };
    // A current revision that is gone is silently taken to be the update revision.
    resolved.current = if exists(input, listed, &status.current_revision) {
        status.current_revision.clone()
    } else {
        resolved.update.clone()
    };
    resolved
}

/// Whether a sync has to compare the template with the revisions: the status does not say which one it is, or says it of
/// an older template.
pub(in crate::controller) fn compares_revisions(input: &Input) -> bool {
    trusted(input, &listed(input)).is_none()
}

fn trusted<'a>(input: &Input<'a>, listed: &[&Revision]) -> Option<&'a str> {
    let StatefulSet { metadata, status, .. } = input.set;
    let seen = metadata.generation.is_some() && status.observed_generation == metadata.generation;
    let exists = || exists(input, listed, &status.update_revision);
    (input.trust_status && seen && exists()).then_some(status.update_revision.as_str())
}

/// Whether a revision that the status names is there, or was only not read.
fn exists(input: &Input, listed: &[&Revision], name: &str) -> bool {
    let unread = !input.revisions_read && !name.is_empty();
    unread || listed.iter().any(|revision| revision.metadata.name == name)
}

/// The patch that a revision stores. Source: `stateful_set_utils.go` (getPatch).
pub(in crate::controller) fn patch(template: &Value, profile: &Profile) -> Value {
    let mut template = template.clone();
    if profile.null_timestamps {
        null_timestamp(&mut template);
        let volumes = template.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
        let claims = volumes.into_iter().flatten();
        claims
            .filter_map(|volume| volume.pointer_mut("/ephemeral/volumeClaimTemplate"))
            .for_each(null_timestamp);
    }
    if let Some(fields) = template.as_object_mut() {
        fields.insert("$patch".to_owned(), json!("replace"));
    }
    // The macro would serialize the template once more.
    within("spec", within("template", template))
}

fn within(field: &str, value: Value) -> Value {
    Value::Object([(field.to_owned(), value)].into_iter().collect())
}

/// What Go's encoder made of a time that was not set.
fn null_timestamp(object: &mut Value) {
    let metadata = object
        .as_object_mut()
        .map(|fields| fields.entry("metadata").or_insert_with(|| json!({})));
    if let Some(fields) = metadata.and_then(Value::as_object_mut) {
        fields.insert("creationTimestamp".to_owned(), Value::Null);
    }
}

/// The hash that names the revision of a template, after so many collisions of names.
pub fn revision_hash(template: &Value, collisions: i32, profile: &Profile) -> String {
    hash(&canonical(&patch(template, profile)), collisions)
}

fn create(input: &Input, wanted: &Value, number: i64) -> Resolved {
    let set = input.set;
    let bytes = canonical(wanted);
    let mut collisions = set.status.collision_count.unwrap_or(0);
    loop {
        let name = revision_name(&set.metadata.name, &hash(&bytes, collisions));
        let in_the_way = input.revisions.iter().find(|revision| revision.metadata.name == name);
        match in_the_way {
            // Whoever owns it, and even if the selector does not match it.
            Some(other) if other.data == *wanted => {
                return Resolved {
                    current: String::new(),
                    update: name,
                    collisions,
                    call: None,
                    is_new: false,
                };
            }
            Some(_) => collisions = collisions.wrapping_add(1),
            None => {
                let call = Some(numbered(Op::CreateRevision, &name, number));
                return Resolved {
                    current: String::new(),
                    update: name,
                    collisions,
                    call,
                    is_new: true,
                };
            }
        }
    }
}

fn numbered(op: Op, name: &str, number: i64) -> Call {
    Call {
        op,
        name: name.to_owned(),
        revision: Some(number.to_string()),
    }
}
