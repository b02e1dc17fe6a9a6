//! `diff`: two pod templates as YAML, and the lines in which they differ.

use anyhow::Result;
use owo_colors::OwoColorize as _;
use serde::Serialize;
use similar::{ChangeTag, TextDiff};

use super::Layout;
use super::cell::cell;
use crate::diagnose::comparison::{Comparison, Side};

/// Lines around a difference.
const CONTEXT: usize = 3;

/// A comparison as JSON carries it.
#[derive(Debug, Serialize)]
pub struct DiffSet<'c> {
    /// What was compared.
    #[serde(flatten)]
    pub comparison: &'c Comparison,
    /// The text form.
    pub unified: String,
}

/// The comparison with its text, without colours.
///
/// # Errors
/// When a template cannot be written as YAML.
pub fn machine(comparison: &Comparison) -> Result<DiffSet<'_>> {
    let unified = unified(comparison, &Layout::default())?;
    Ok(DiffSet { comparison, unified })
}

/// The unified diff; empty where there is no difference.
///
/// # Errors
/// When a template cannot be written as YAML.
pub fn unified(comparison: &Comparison, layout: &Layout) -> Result<String> {
    if comparison.equal {
        return Ok(String::new());
    }
    let old = serde_yaml::to_string(&comparison.from.template)?;
    let new = serde_yaml::to_string(&comparison.to.template)?;
    let diff = TextDiff::from_lines(&old, &new);
    let mut text = format!("--- {}\n+++ {}\n", label(&comparison.from), label(&comparison.to));
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        text += &format!("{}\n", hunk.header().style(layout.palette.faint));
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Delete => ('-', layout.palette.bad),
                ChangeTag::Insert => ('+', layout.palette.good),
                ChangeTag::Equal => (' ', layout.palette.plain),
            };
            let line = format!("{sign}{}", cell(change.value().trim_end_matches('\n')));
            text += &format!("{}\n", line.style(style));
        }
    }
    Ok(text)
}

/// The comparison for a person: the diff, or that there is none, and what may hide one.
///
/// # Errors
/// When a template cannot be written as YAML.
pub fn diff(comparison: &Comparison, layout: &Layout) -> Result<String> {
    let mut text = unified(comparison, layout)?;
    if comparison.equal {
        let (from, to) = (label(&comparison.from), label(&comparison.to));
        let seen = if comparison.masked {
            " in what is not masked"
        } else {
            ""
        };
        text += &layout.wrap(&format!("no difference{seen} between {from} and {to}"), "", "");
    }
    Ok(text)
}

/// What the reader must know beside the lines.
pub fn remarks(comparison: &Comparison) -> Vec<String> {
    let mut said = Vec::new();
    if comparison.masked {
        said.push("values are masked in this recording: differences between them do not show".to_owned());
    }
    for side in [&comparison.from, &comparison.to] {
        if let Some(pod) = &side.pod {
            said.push(format!(
                "this is the template of {pod}'s revision; the pod itself may differ from it (admission, changes in place)"
            ));
        }
    }
    said
}

fn label(side: &Side) -> String {
    match (&side.revision_name, side.revision) {
        (Some(name), Some(number)) => {
            let same = side.what == *name || side.what == number.to_string() || name.ends_with(&side.what);
            let what = if same {
                String::new()
            } else {
                format!(", {}", cell(&side.what))
            };
            format!("{} (revision {number}{what})", cell(name))
        }
        _ => "live (the set's template)".to_owned(),
    }
}
