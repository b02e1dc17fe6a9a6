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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::changes::changes;
    use serde_json::{Value, json};

    fn between(from: Value, to: Value, masked: bool) -> Comparison {
        let side = |what: &str, template: &Value| Side {
            what: what.to_owned(),
            revision: Some(1),
            revision_name: Some("web-a".to_owned()),
            pod: None,
            template: template.clone(),
        };
        let fields = changes(&from, &to);
        Comparison {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            equal: fields.is_empty(),
            masked,
            from: side("previous", &from),
            to: side("newest", &to),
            fields,
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_is_shown() {
        let value = |text: &str| json!({"env": [{"name": "A", "value": text}]});
        let comparison = between(value("plain"), value("\u{1b}[2Jx\ny\u{202e}z"), false);
        let text = diff(&comparison, &Layout::default()).unwrap();
        assert!(
            !text.chars().any(|c| c != '\n' && super::super::cell::is_hidden(c)),
            "{text:?}"
        );
        assert!(text.contains("[2Jx"), "{text}");
        assert!(
            text.lines().skip(3).all(|line| line.starts_with(['+', '-', ' '])),
            "{text}"
        );
    }

    #[test]
    fn a_masked_recording_never_says_that_nothing_differs() {
        let comparison = between(json!({}), json!({}), true);
        let text = diff(&comparison, &Layout::default()).unwrap();
        assert!(text.starts_with("no difference in what is not masked"), "{text}");
        assert_eq!(remarks(&comparison).len(), 1);
        assert_eq!(machine(&comparison).unwrap().unified, "");
    }
}
