//! `wait`: a line for every change, for people and for logs. No cursor is moved.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;

use super::Layout;
use super::cell::{cell, shell};
use crate::diagnose::waiter::{Outcome, Step};

/// One step of a wait, with what to type when it ended without its goal.
pub fn step(step: &Step, now: Timestamp, layout: &Layout) -> String {
    // A time of day is enough in a log, and the server's is the one of the events.
    let time = now.strftime("%H:%M:%SZ").to_string();
    let rest = " ".repeat(time.len() + 2);
    let name = format!("{}/{}", cell(&step.namespace), cell(&step.name));
    let (word, style) = match step.outcome {
        Outcome::Waiting => ("", layout.palette.plain),
        Outcome::Reached => (step.goal.word(), layout.palette.good),
        Outcome::Blocked => ("BLOCKED", layout.palette.bad),
        Outcome::TimedOut => ("TIMED OUT", layout.palette.bad),
        Outcome::Deleted => ("DELETED", layout.palette.bad),
        Outcome::Replaced => ("REPLACED", layout.palette.bad),
    };
    // When the time is over, the summary says so itself, and what then was.
    let summary = step.summary.strip_prefix("timed out").unwrap_or(&step.summary);
    let word = match word {
        "" => String::new(),
        word if step.outcome == Outcome::TimedOut => word.style(style).to_string(),
        word => format!("{}: ", word.style(style)),
    };
    let blocker = step.blocker.as_ref();
    let line = format!("{name}  {word}{}", cell(summary));
    let mut text = layout.wrap(&line, &format!("{time}  "), &rest);
    let commands = blocker
        .filter(|_| step.failed())
        .map_or(&[][..], |blocker| &blocker.commands);
    for command in commands {
        text += &format!("{rest}{}\n", shell(command));
    }
    if step.failed() && step.verdict.is_some() {
        let (name, namespace) = (step.name.clone(), step.namespace.clone());
        let look = ["kubectl", "sts", "diagnose", &name, "-n", &namespace].map(str::to_owned);
        text += &format!("{rest}{}\n", shell(&look));
    }
    text
}
