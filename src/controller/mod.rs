//! The StatefulSet controller as an executable model: one sync as a pure function of what the API serves.
//!
//! [`sync`] answers what the controller does next and what it waits for; [`held_back`] what that wait keeps from
//! happening; [`forecast`] what repeated syncs lead to. Nothing here reads, writes, prints or asks the time. The model is held against the real controller by
//! `tests/differential`; where the two differ the model is wrong, so a behaviour that looks odd is the controller's
//! and stays. Pods are taken as claimed: adoption and release happen before the part that is modelled.

mod decision;
mod forecast;
mod held_back;
mod input;
mod plausible;
mod profile;
mod revision_bytes;
mod sync;

pub use decision::{Call, Decision, ObjectKind, Op, Phase, Wait, WaitFact};
pub use forecast::{Assumption, End, Event, Expected, Forecast, Outcome, Step, Waits, forecast, most_syncs};
pub use held_back::{HeldBack, available, desired_revision, held_back, outdated};
pub use input::{Input, State};
pub use plausible::{Alternative, Consensus, Otherwise, Profiles};
pub use profile::{Profile, UnknownGate, parse as version};
pub use revision_bytes::{canonical, hash, revision_name};
pub use sync::{revision_hash, sync};
