//! Two pod templates of a set side by side: which ones are meant, and whether they differ.

use serde::Serialize;
use serde_json::Value;

use super::context::Context;
use crate::model::changes::{Change, changes, sorted};
use crate::model::objects::Revision;

/// Two templates.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Namespace.
    pub namespace: String,
    /// Name of the set.
    pub name: String,
    /// The first.
    pub from: Side,
    /// The second.
    pub to: Side,
    /// Whether they are the same as far as they can be seen.
    pub equal: bool,
    /// Whether values were replaced in the recording, so that differences between them cannot be seen.
    pub masked: bool,
    /// Field by field.
    pub fields: Vec<Change>,
}

/// One template.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// What was asked for: `live`, `current`, `update`, a pod, or a revision.
    pub what: String,
    /// The revision's number; `None` for the set's own template.
    pub revision: Option<i64>,
    /// The revision's name, likewise.
    pub revision_name: Option<String>,
    /// The pod whose revision this is.
    pub pod: Option<String>,
    /// The template, with its keys in order.
    #[serde(skip)]
    pub template: Value,
}

/// The two templates that are meant. Without words: what an update changes; when none is under way, what the newest
/// revision changed. With one: from that to the set's template.
///
/// # Errors
/// One sentence: what there is no template of, and what there is to choose from.
pub fn compare(cx: &Context<'_>, words: &[String]) -> Result<Comparison, String> {
    if let (Err(gap), true) = (cx.need(&cx.linked.snapshot.revisions), cx.model.revisions.is_empty()) {
        return Err(format!("{} could not be read: {}", gap.what(), gap.why()));
    }
    let (from, to) = match words {
        [] => unasked(cx)?,
        [from] => (side(cx, from)?, live(cx)),
        [from, to, ..] => (side(cx, from)?, side(cx, to)?),
    };
    let fields = changes(&from.template, &to.template);
    Ok(Comparison {
        namespace: cx.namespace().to_owned(),
        name: cx.set().metadata.name.clone(),
        equal: fields.is_empty(),
        masked: cx.linked.snapshot.masked,
        from,
        to,
        fields,
    })
}

fn unasked(cx: &Context<'_>) -> Result<(Side, Side), String> {
    let decision = &cx.decision;
    match cx.model.revisions.as_slice() {
        [] => Err(format!("{} has no revision yet", cx.set().metadata.name)),
        // The controller has not made a revision of the newest template.
        [.., newest] if newest.metadata.name != decision.update_revision => Ok((of(newest, "newest")?, live(cx))),
        [only] => Ok((of(only, "newest")?, live(cx))),
        _ if decision.current_revision != decision.update_revision => Ok((side(cx, "current")?, side(cx, "update")?)),
        [.., previous, newest] => Ok((of(previous, "previous")?, of(newest, "newest")?)),
    }
}

/// The template that a word means.
fn side(cx: &Context<'_>, word: &str) -> Result<Side, String> {
    let named = |name: &str| cx.model.revision(name).ok_or_else(|| unread(cx, name));
    match word {
        "live" => return Ok(live(cx)),
        "current" => return of(named(&cx.decision.current_revision)?, word),
        "update" if cx.decision.update_revision_is_new => return Ok(live(cx)),
        "update" => return of(named(&cx.decision.update_revision)?, word),
        _ => {}
    }
    let pod = word.strip_prefix("pod/").unwrap_or(word);
    let mut known = cx.model.rows().filter_map(|row| row.pod);
    if let Some(pod) = known.find(|known| known.metadata.name == pod) {
        let side = of(named(pod.revision())?, word)?;
        return Ok(Side {
            pod: Some(pod.metadata.name.clone()),
            ..side
        });
    }
    let hash = format!("{}-{word}", cx.set().metadata.name);
    let revisions = || cx.model.revisions.iter();
    let by_name = |revision: &&&Revision| [word, &hash].contains(&revision.metadata.name.as_str());
    let by_number = |revision: &&&Revision| word.parse() == Ok(revision.revision);
    let found = revisions().find(by_number).or_else(|| revisions().find(by_name));
    found.map_or_else(|| Err(unknown(cx, word)), |revision| of(revision, word))
}

fn live(cx: &Context<'_>) -> Side {
    Side {
        what: "live".to_owned(),
        revision: None,
        revision_name: None,
        pod: None,
        template: sorted(&cx.set().spec.template.0),
    }
}

fn of(revision: &Revision, what: &str) -> Result<Side, String> {
    let name = &revision.metadata.name;
    let template = revision.pod_template();
    Ok(Side {
        what: what.to_owned(),
        revision: Some(revision.revision),
        revision_name: Some(name.clone()),
        pod: None,
        template: template.ok_or_else(|| format!("controllerrevision {name} holds no pod template"))?,
    })
}

/// Why a revision that something names is not among those that were read.
fn unread(cx: &Context<'_>, name: &str) -> String {
    match (name, cx.need(&cx.linked.snapshot.revisions)) {
        ("", _) => "the pod carries no revision: it has no label controller-revision-hash".to_owned(),
        (name, Ok(_)) => format!("revision {name} no longer exists"),
        (name, Err(gap)) => format!("revision {name} was not read: {} ({})", gap.what(), gap.why()),
    }
}

fn unknown(cx: &Context<'_>, word: &str) -> String {
    let set = &cx.set().metadata.name;
    let known = cx.model.revisions.iter().rev();
    let known: Vec<_> = known
        .map(|revision| {
            let name = &revision.metadata.name;
            let hash = name.strip_prefix(&format!("{set}-")).unwrap_or(name);
            format!("{} ({hash})", revision.revision)
        })
        .collect();
    let gap = match cx.need(&cx.linked.snapshot.pods) {
        Err(gap) => format!("; {} could not be read ({})", gap.what(), gap.why()),
        Ok(_) => String::new(),
    };
    format!(
        "{set} has no revision or pod {word:?}: there are {}, current, update, live, and the names of its pods{gap}",
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::recorded;
    use crate::model::link::link;
    use crate::model::snapshot::Snapshot;

    fn after(scenario: &str, words: &[&str], change: impl FnOnce(&mut Snapshot)) -> Result<Comparison, String> {
        let mut snapshot = recorded(scenario);
        change(&mut snapshot);
        let linked = link(&snapshot);
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        compare(&Context::new(&linked, linked.sets().first().unwrap()), &words)
    }

    fn sides(scenario: &str, words: &[&str]) -> (Option<i64>, Option<i64>, bool) {
        let comparison = after(scenario, words, |_| ()).unwrap();
        (comparison.from.revision, comparison.to.revision, comparison.equal)
    }

    #[test]
    fn unasked_it_is_what_the_update_changes_or_changed() {
        assert_eq!(sides("update-fails-at-top", &[]), (Some(1), Some(2), false));
        assert_eq!(sides("reverted-image", &[]), (Some(2), Some(3), false));
        assert_eq!(sides("healthy-ordered", &[]), (Some(1), None, true));
    }

    #[test]
    fn a_template_that_the_controller_has_not_seen_is_not_hidden() {
        let comparison = after("reverted-image", &[], |snapshot| {
            let set = &mut snapshot.stateful_sets.items[0];
            set.metadata.generation = Some(9);
            set.spec.template.0["spec"]["containers"][0]["image"] = "app:2".into();
        });
        let comparison = comparison.unwrap();
        assert_eq!((comparison.from.revision, comparison.to.revision), (Some(3), None));
        assert_eq!(comparison.fields[0].path, "spec.containers[app].image");
    }

    /// Current and update revision are then one, and not the newest.
    #[test]
    fn a_rollback_that_the_controller_has_not_seen_is_no_update() {
        let comparison = after("update-fails-at-top", &[], |snapshot| {
            let set = &mut snapshot.stateful_sets.items[0];
            set.metadata.generation = Some(9);
            set.spec.template.0["spec"]["containers"][0]["image"] = "app:1.9".into();
        });
        let comparison = comparison.unwrap();
        assert_eq!((comparison.from.revision, comparison.to.revision), (Some(2), None));
        assert_eq!(comparison.fields[0].to, Some("app:1.9".into()));
    }

    #[test]
    fn every_way_to_name_a_template_is_understood() {
        for word in ["2", "665ccc7667", "web-665ccc7667", "web-2", "pod/web-2"] {
            assert_eq!(sides("reverted-image", &[word]), (Some(2), None, false), "{word}");
        }
        assert_eq!(
            sides("reverted-image", &["current", "update"]),
            (Some(3), Some(3), true)
        );
        assert_eq!(sides("reverted-image", &["live", "web-0"]), (None, Some(3), true));
    }

    #[test]
    fn a_masked_recording_cannot_tell_that_nothing_differs() {
        let comparison = after("healthy-ordered", &[], |snapshot| snapshot.masked = true).unwrap();
        assert!(comparison.equal && comparison.masked);
    }

    #[test]
    fn what_is_not_there_is_said_with_what_is() {
        let refused = |words| after("reverted-image", words, |_| ()).unwrap_err();
        assert_eq!(
            refused(&["7"]),
            "web has no revision or pod \"7\": there are 3 (85594f6c77), 2 (665ccc7667), current, update, live, and the \
             names of its pods"
        );
        let gone = |snapshot: &mut Snapshot| snapshot.revisions.items.retain(|revision| revision.revision == 3);
        let gone = after("reverted-image", &["web-2"], gone).unwrap_err();
        assert_eq!(gone, "revision web-665ccc7667 no longer exists");
    }
}
