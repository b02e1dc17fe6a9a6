//! `history`: a line for every revision, newest first.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;

use super::Layout;
use super::age::age;
use super::cell::cell;
use super::diagnosis::not_checked;
use super::table::sparse;
use crate::diagnose::history::{Entry, History, PodOn};
use crate::diagnose::ledger::RevisionStanding;

/// One set's revisions.
pub fn history(origin: &str, history: &History, now: Timestamp, layout: &Layout) -> String {
    let name = format!("{}/{}", cell(&history.namespace), cell(&history.name));
    let many = match history.revisions.len() {
        1 => "1 revision".to_owned(),
        many => format!("{many} revisions, newest first"),
    };
    let mut text = format!("{}  {}   {many}\n", cell(origin), name.style(layout.palette.strong));
    let header = ["REV", "AGE", "HASH", "PODS", "STANDING", "BY", "CHANGED"];
    let lines = history
        .revisions
        .iter()
        .map(|entry| line(history, entry, now))
        .collect();
    text += &sparse(&header, lines, layout);
    if !history.template_seen {
        let says = "the template is newer than every revision: the controller has not made one of it yet";
        text += &layout.labelled("Newest", says);
    }
    for lost in &history.lost {
        let pods = cell(&lost.pods.join(", "));
        let says = match (lost.revision.as_str(), lost.gone) {
            ("", _) => format!("{pods}: no revision is named in the label controller-revision-hash"),
            (revision, true) => format!("{pods}: on {}, a revision that no longer exists", cell(revision)),
            (revision, false) => format!("{pods}: on {}, a revision that could not be read", cell(revision)),
        };
        text += &layout.labelled("Lost", &says);
    }
    text += &not_checked(&history.not_checked, layout);
    if history.revisions.len() > 1 {
        let (name, namespace) = (cell(&history.name), cell(&history.namespace));
        text += &layout.labelled_whole("See", &format!("kubectl sts diff {name} -n {namespace}"));
    }
    text
}

fn line(history: &History, entry: &Entry, now: Timestamp) -> Vec<String> {
    let dash = || "-".to_owned();
    let since = entry.numbered_at.or(entry.created_at);
    let prefix = format!("{}-", history.name);
    let standing = match (entry.current, entry.update, entry.pods.as_deref()) {
        (true, true, _) => "wanted",
        (true, false, _) => "current",
        (false, true, _) => "update",
        (false, false, Some([_, ..])) => "withdrawn",
        (false, false, _) => "-",
    };
    // Its number was raised long after it was made: a rollback, or an adoption.
    let made = entry
        .created_at
        .zip(entry.numbered_at)
        .filter(|(made, numbered)| numbered > made);
    let made = made.map_or(String::new(), |(made, _)| {
        format!(" (first made {} ago)", age(now, made))
    });
    // Of older ones nobody could know.
    let newest = history
        .revisions
        .first()
        .is_some_and(|newest| newest.revision == entry.revision);
    let by = match &entry.changed_by {
        Some(writer) => cell(&writer.manager),
        None if newest => "unknown".to_owned(),
        None => dash(),
    };
    vec![
        entry.revision.to_string(),
        since.map_or_else(dash, |since| age(now, since)),
        cell(entry.name.strip_prefix(prefix.as_str()).unwrap_or(&entry.name)),
        entry.pods.as_deref().map_or("?".to_owned(), pods),
        standing.to_owned(),
        by,
        format!("{}{made}", cell(&entry.change.summary)),
    ]
}

/// Ordinals as ranges, with a word for those whose pod should be on another revision.
fn pods(pods: &[PodOn]) -> String {
    let mut runs: Vec<(i64, i64, RevisionStanding)> = Vec::new();
    for pod in pods {
        match runs.last_mut() {
            Some((_, last, standing)) if *last + 1 == pod.ordinal && *standing == pod.standing => *last = pod.ordinal,
            _ => runs.push((pod.ordinal, pod.ordinal, pod.standing)),
        }
    }
    let said: Vec<_> = runs
        .into_iter()
        .map(|(first, last, standing)| {
            let range = if first == last {
                first.to_string()
            } else {
                format!("{first}–{last}")
            };
            match standing {
                // A withdrawn revision is withdrawn for all its pods.
                RevisionStanding::Wanted | RevisionStanding::Withdrawn => range,
                other => format!("{range} {}", other.word()),
            }
        })
        .collect();
    match said.is_empty() {
        true => "none".to_owned(),
        false => said.join(", "),
    }
}
