//! How wide, in which colours, and labelled paragraphs that wrap under themselves.

use owo_colors::OwoColorize as _;

use super::palette::Palette;

/// Below this nothing can be laid out; lines then run over.
const NARROWEST: usize = 40;
/// Labels such as `Do` and `Not checked` take this many columns.
const LABEL: usize = 12;

/// What renderers need to know of where their text goes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layout {
    /// Columns; `None` for a pipe, where lines are not broken.
    pub width: Option<usize>,
    /// Colours.
    pub palette: Palette,
}

impl Layout {
    /// Text broken at the width, with a first and a hanging indent.
    pub fn wrap(&self, text: &str, first: &str, rest: &str) -> String {
        let Some(width) = self.width else {
            return format!("{first}{text}\n");
        };
        let options = textwrap::Options::new(width.max(NARROWEST))
            .initial_indent(first)
            .subsequent_indent(rest);
        textwrap::wrap(text, options)
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }

    /// A labelled paragraph: the label in its column, the text beside it.
    pub fn labelled(&self, label: &str, text: &str) -> String {
        let rest = " ".repeat(LABEL);
        let wrapped = self.wrap(text, &rest, &rest);
        let padded = format!("{label:<LABEL$}");
        let body = wrapped.strip_prefix(rest.as_str()).unwrap_or(&wrapped);
        format!("{}{body}", padded.style(self.palette.strong))
    }

    /// A line that must stay whole because people paste it.
    pub fn labelled_whole(&self, label: &str, text: &str) -> String {
        let padded = format!("{label:<LABEL$}");
        format!("{}{text}\n", padded.style(self.palette.strong))
    }
}
