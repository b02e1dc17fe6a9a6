//! A set's revisions: when each became the newest, what it changed, and which pods are still on it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::context::Context;
use super::ledger::{RevisionStanding, standing};
use super::report::NotChecked;
use crate::model::changes::{Change, changes};
use crate::model::gap::Gap;
use crate::model::objects::{ManagedFields, Revision};

/// The controller makes a revision at most this long after the template was written; later, somebody else may have
/// written in between.
const ANSWER: SignedDuration = SignedDuration::from_secs(2);
/// Times are whole seconds of clocks that need not be one.
const SKEW: SignedDuration = SignedDuration::from_secs(1);
/// Set by `kubectl rollout restart`.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// What `history` shows of a set.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether the newest template has its revision already.
    pub template_seen: bool,
    /// Newest first.
    pub revisions: Vec<Entry>,
    /// Pods of revisions that are not among them.
    pub lost: Vec<Lost>,
    /// What could not be looked at.
    pub not_checked: Vec<NotChecked>,
}

/// One revision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its number: the highest is the newest.
    pub revision: i64,
    /// The ControllerRevision's name, which is the value of its pods' label.
    pub name: String,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When its number was written last: a rollback raises it. `None` where nothing tells.
    pub numbered_at: Option<Timestamp>,
    /// Whether it is where the last completed update ended.
    pub current: bool,
    /// Whether it is what the template asks for.
    pub update: bool,
    /// The pods on it; `None` when pods could not be read.
    pub pods: Option<Vec<PodOn>>,
    /// What it changed against the revision before.
    pub change: Changed,
    /// Who wrote the template; the newest revision's only, and only where the times fit.
    pub changed_by: Option<Writer>,
}

/// A pod and its revision.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodOn {
    /// The pod's ordinal.
    pub ordinal: i64,
    /// The pod's name.
    pub pod: String,
    /// How its revision stands to the one it should have.
    pub standing: RevisionStanding,
}

/// The difference between two revisions' templates.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    /// The revision before; `None` for the oldest that is kept.
    pub against: Option<String>,
    /// In one line.
    pub summary: String,
    /// Field by field.
    pub fields: Vec<Change>,
}

/// A field manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Writer {
    /// As it calls itself, for instance `kubectl-set`.
    pub manager: String,
    /// `Update` or `Apply`.
    pub operation: String,
}

/// Pods on a revision that was not among those read.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Lost {
    /// The revision's name; empty where the pods carry none.
    pub revision: String,
    /// The pods.
    pub pods: Vec<String>,
    /// Whether the revision is known not to exist; otherwise it may only not have been read.
    pub gone: bool,
}

/// Lays out the revisions of one set.
///
/// # Errors
/// The gap when no revision could be read.
pub fn history(cx: &Context<'_>) -> Result<History, Gap> {
    let snapshot = cx.linked.snapshot;
    let revisions_known = cx.need(&snapshot.revisions).map(drop);
    if let (Err(gap), true) = (&revisions_known, cx.model.revisions.is_empty()) {
        return Err(gap.clone());
    }
    let pods_known = cx.need(&snapshot.pods).map(drop);
    let mut on: BTreeMap<&str, Vec<PodOn>> = BTreeMap::new();
    for row in cx.model.rows() {
        let Some(pod) = row.pod else { continue };
        on.entry(pod.revision()).or_default().push(PodOn {
            ordinal: row.ordinal,
            pod: row.name.clone(),
            standing: standing(cx, row, pod.revision()),
        });
    }
    let mut revisions = Vec::with_capacity(cx.model.revisions.len());
    let mut before: Option<&Revision> = None;
    for &revision in &cx.model.revisions {
        let name = revision.metadata.name.as_str();
        let pods = on.remove(name).unwrap_or_default();
        revisions.push(Entry {
            revision: revision.revision,
            name: name.to_owned(),
            created_at: revision.metadata.creation_timestamp,
            numbered_at: revision.numbered_at,
            current: name == cx.decision.current_revision,
            update: name == cx.decision.update_revision,
            pods: pods_known.is_ok().then_some(pods),
            change: changed(before, revision, snapshot.masked),
            changed_by: None,
        });
        before = Some(revision);
    }
    let template_seen = revisions.last().is_some_and(|newest| newest.update);
    if let (Some(newest), true) = (revisions.last_mut(), template_seen) {
        let writers = &cx.set().metadata.managed_fields;
        newest.changed_by = newest.numbered_at.and_then(|at| writer(writers, at));
    }
    revisions.reverse();
    let lost = on.into_iter().map(|(revision, pods)| Lost {
        revision: revision.to_owned(),
        pods: pods.into_iter().map(|pod| pod.pod).collect(),
        gone: revisions_known.is_ok(),
    });
    let lost = lost.collect();
    let gaps = [revisions_known.err(), pods_known.err()].into_iter().flatten();
    Ok(History {
        namespace: cx.namespace().to_owned(),
        name: cx.set().metadata.name.clone(),
        template_seen,
        revisions,
        lost,
        not_checked: gaps.map(|gap| NotChecked::from(&gap)).collect(),
    })
}

/// Who wrote the template when this revision got its number: the only manager of the template whose time fits. One that
/// wrote later may have written then, too, so with it nobody knows.
fn writer(managers: &[ManagedFields], numbered: Timestamp) -> Option<Writer> {
    let mut of_template = managers
        .iter()
        .filter(|entry| entry.subresource.is_empty() && entry.owns("spec", "template"))
        .filter(|entry| {
            let before = entry.time.map(|time| numbered.duration_since(time));
            before.is_none_or(|before| before <= ANSWER)
        });
    let (entry, other) = (of_template.next()?, of_template.next());
    let fits = entry.time.is_some_and(|time| numbered.duration_since(time) >= -SKEW);
    (fits && other.is_none()).then(|| Writer {
        manager: entry.manager.clone(),
        operation: entry.operation.clone(),
    })
}

fn changed(before: Option<&Revision>, revision: &Revision, masked: bool) -> Changed {
    let Some(before) = before else {
        return Changed {
            against: None,
            summary: "the oldest that is kept".to_owned(),
            fields: Vec::new(),
        };
    };
    let fields = match (before.pod_template(), revision.pod_template()) {
        (Some(old), Some(new)) => changes(&old, &new),
        _ => Vec::new(),
    };
    Changed {
        against: Some(before.metadata.name.clone()),
        summary: summary(&fields, masked),
        fields,
    }
}

/// Differences in one line: images first, then restarts and environments, then the rest.
pub fn summary(fields: &[Change], masked: bool) -> String {
    if fields.is_empty() {
        let values = if masked {
            "only in values that are masked here"
        } else {
            "nothing"
        };
        return values.to_owned();
    }
    let (images, rest): (Vec<_>, Vec<_>) = fields.iter().partition(|change| change.path.ends_with("].image"));
    let (restarts, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|change| change.path.contains(RESTARTED));
    let environment = |change: &&Change| {
        [".env[", ".envFrom", ".env "]
            .iter()
            .any(|part| change.path.contains(part))
    };
    let whole = |change: &&Change| change.path.ends_with(".env");
    let (env, rest): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|change| environment(change) || whole(change));
    let text = |value: &Option<Value>| match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "none".to_owned(),
    };
    let mut said: Vec<String> = images
        .iter()
        .map(|change| format!("image {} → {}", text(&change.from), text(&change.to)))
        .collect();
    said.extend((!restarts.is_empty()).then(|| "restarted".to_owned()));
    said.extend((!env.is_empty()).then(|| "env changed".to_owned()));
    match rest.as_slice() {
        [] => {}
        [one] => said.push(verb(one)),
        [first, more @ ..] if said.is_empty() => {
            said.push(format!("{} and {} more", verb(first), fields_of(more.len())))
        }
        many => said.push(fields_of(many.len())),
    }
    said.join(", ")
}

fn fields_of(number: usize) -> String {
    match number {
        1 => "1 field".to_owned(),
        many => format!("{many} fields"),
    }
}

/// One change: short values are shown, others only named.
fn verb(change: &Change) -> String {
    const SHORT: usize = 24;
    let path = change.path.strip_prefix("spec.").unwrap_or(&change.path);
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    };
    let short = |value: &Option<Value>| value.as_ref().and_then(plain).filter(|text| text.len() <= SHORT);
    match (&change.from, &change.to) {
        (None, _) => format!("{path} added"),
        (_, None) => format!("{path} removed"),
        _ => match (short(&change.from), short(&change.to)) {
            (Some(from), Some(to)) => format!("{path} {from} → {to}"),
            _ => format!("{path} changed"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::recorded;
    use crate::model::gap::GapReason;
    use crate::model::link::link;
    use crate::model::place::Place;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Snapshot;
    use serde_json::json;

    fn after(scenario: &str, change: impl FnOnce(&mut Snapshot)) -> Result<History, Gap> {
        let mut snapshot = recorded(scenario);
        change(&mut snapshot);
        let linked = link(&snapshot);
        history(&Context::new(&linked, linked.sets().first().unwrap()))
    }

    fn refuse(snapshot: &mut Snapshot, resource: Resource) {
        let sink = snapshot.sink(resource, Place::Scope).unwrap();
        sink.clear();
        sink.gap(Gap::list(resource, None, GapReason::Forbidden));
    }

    #[test]
    fn a_rollback_is_the_newest_again_and_its_writer_is_known() {
        let history = after("reverted-image", |_| ()).unwrap();
        let newest = &history.revisions[0];
        assert_eq!((newest.revision, newest.current, newest.update), (3, true, true));
        assert!(newest.numbered_at > newest.created_at);
        assert_eq!(newest.change.summary, "image app:missing → app:1.9");
        assert_eq!(newest.changed_by.as_ref().unwrap().manager, "kubectl-set");
        let withdrawn = history.revisions[1].pods.as_ref().unwrap();
        assert_eq!(withdrawn[0].standing, RevisionStanding::Withdrawn);
        assert_eq!(history.revisions[1].change.against, None);
        assert_eq!(history.revisions[1].changed_by, None);
    }

    fn manager(name: &str, seconds: i64) -> ManagedFields {
        let time = Timestamp::from_second(1000 + seconds).unwrap();
        serde_json::from_value(json!({"manager": name, "operation": "Update", "time": time.to_string(),
            "fieldsV1": {"f:spec": {"f:template": {}}}}))
        .unwrap()
    }

    #[test]
    fn a_writer_is_named_only_where_no_other_can_have_been_it() {
        let at = Timestamp::from_second(1000).unwrap();
        let named = |managers: &[ManagedFields]| writer(managers, at).map(|writer| writer.manager);
        assert_eq!(
            named(&[manager("helm", -100), manager("set", -1)]),
            Some("set".to_owned())
        );
        assert_eq!(named(&[manager("helm", -1), manager("set", 0)]), None);
        // Wrote once more later: perhaps something else, and perhaps the template then.
        assert_eq!(named(&[manager("helm", 50), manager("set", -1)]), None);
        assert_eq!(named(&[manager("helm", 50)]), None);
        assert_eq!(named(&[manager("helm", -100)]), None);
        let status = ManagedFields {
            subresource: "status".to_owned(),
            ..manager("controller", 0)
        };
        assert_eq!(named(&[manager("set", -1), status]), Some("set".to_owned()));
    }

    #[test]
    fn pods_of_a_revision_that_is_gone_are_said() {
        let gone = |snapshot: &mut Snapshot| snapshot.revisions.items.retain(|revision| revision.revision == 3);
        let history = after("reverted-image", gone).unwrap();
        assert_eq!(history.lost.len(), 1);
        assert_eq!(
            (history.lost[0].revision.as_str(), history.lost[0].gone),
            ("web-665ccc7667", true)
        );
        assert_eq!(history.lost[0].pods, ["web-2"]);
    }

    #[test]
    fn what_could_not_be_read_is_named() {
        let history = after("reverted-image", |snapshot| refuse(snapshot, Resource::Pods)).unwrap();
        assert!(history.revisions.iter().all(|revision| revision.pods.is_none()));
        assert_eq!(history.not_checked[0].what, "pods");
        let refused = after("reverted-image", |snapshot| {
            refuse(snapshot, Resource::ControllerRevisions)
        });
        assert_eq!(refused.unwrap_err().reason, GapReason::Forbidden);
    }

    #[test]
    fn changes_are_one_line() {
        let said = |from: Value, to: Value| summary(&changes(&from, &to), false);
        let spec = |more: Value| {
            let mut container = json!({"name": "app", "image": "app:1"});
            container
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            json!({"spec": {"containers": [container], "dnsPolicy": "ClusterFirst"}})
        };
        let plain = spec(json!({}));
        assert_eq!(
            said(
                plain.clone(),
                spec(json!({"image": "app:2", "env": [{"name": "A"}], "stdin": true}))
            ),
            "image app:1 → app:2, env changed, containers[app].stdin added"
        );
        let memory = |size: &str| spec(json!({"resources": {"limits": {"memory": size}}}));
        assert_eq!(
            said(memory("1Gi"), memory("2Gi")),
            "containers[app].resources.limits.memory 1Gi → 2Gi"
        );
        assert_eq!(
            said(plain.clone(), spec(json!({"stdin": true, "tty": true, "args": []}))),
            "containers[app].args added and 2 fields more"
        );
        let restarted = json!({"metadata": {"annotations": {RESTARTED: "2026"}}});
        assert_eq!(said(json!({"metadata": {"annotations": {}}}), restarted), "restarted");
        assert_eq!(summary(&[], false), "nothing");
        assert_eq!(summary(&[], true), "only in values that are masked here");
    }
}
