//! The documented exit codes. Of several that apply the one named first here wins.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Fine, also where nothing was found.
    Fine,
    /// The answer is no: a finding of at least `--fail-on`, an unknown verdict, or a wait that ended without its goal.
    No,
    /// It could not be done: no connection, forbidden, not found.
    Failed,
    /// Wrong usage; clap's own, and what clap cannot see.
    Usage,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::No => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
