//! Colours by meaning. A plain palette prints the text bare, so nothing that draws asks whether there is colour.

use owo_colors::Style;

use crate::diagnose::Verdict;

/// Styles by meaning.
#[derive(Clone, Copy, Debug, Default)]
pub struct Palette {
    /// Works.
    pub good: Style,
    /// Under way, or worth a look.
    pub watch: Style,
    /// Broken.
    pub bad: Style,
    /// What the eye should find first.
    pub strong: Style,
    /// What says nothing of its own.
    pub plain: Style,
    /// What is shown and not believed.
    pub faint: Style,
}

impl Palette {
    /// The coloured palette, or the plain one.
    pub fn new(colour: bool) -> Self {
        if !colour {
            return Self::default();
        }
        Self {
            good: Style::new().green(),
            watch: Style::new().yellow(),
            bad: Style::new().red().bold(),
            strong: Style::new().bold(),
            plain: Style::new(),
            faint: Style::new().dimmed(),
        }
    }

    /// The style of a verdict.
    pub fn verdict(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Healthy => self.good,
            Verdict::Progressing | Verdict::Unknown => self.watch,
            Verdict::Degraded | Verdict::Blocked => self.bad,
        }
    }
}
