//! What repeated syncs lead to, under an assumption of how pods behave: ordered steps, what is Ready at each, and the end.
//!
//! The controller acts until it has nothing to do; then the world moves by one thing, in this order: what nobody owns any
//! more goes, deleted pods go, pods that start become Ready, and time passes until a Ready pod is available. So each step
//! comes as early as it can, and what the controller waited for before it is what the step comes after. Nothing is read
//! or written: the evolving state is a copy of what is touched.

mod consensus;
mod world;

use std::collections::{BTreeSet, HashSet};

use jiff::SignedDuration;

pub use self::consensus::Expected;
use self::world::{Moved, World};
use super::{Call, Decision, HeldBack, Input, Wait, WaitFact, held_back};

/// How pods behave from now on.
#[derive(Clone, Debug, Default)]
pub struct Assumption<'a> {
    /// Ordinals of which no pod ever becomes Ready again, neither today's nor a later one; one that is Ready stays so
    /// until it is replaced.
    pub never_ready: BTreeSet<i64>,
    /// Uids of today's pods that are not Ready and stay so until they are replaced.
    pub broken: HashSet<&'a str>,
    /// Uids of today's pods that do not go when they are deleted, because of a finalizer or a node that is silent.
    pub lingering: HashSet<&'a str>,
    /// Names of pods that the server refuses to store, as it refuses a name that is taken.
    pub refused: HashSet<&'a str>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The controller writes.
    Call(Call),
    /// A deleted pod is gone.
    PodGone(String),
    /// A pod becomes Ready.
    PodReady(String),
    /// A Ready pod has been so for `minReadySeconds`.
    PodAvailable(String),
    /// The garbage collector removes a claim, whose owner is gone.
    ClaimGone(String),
}

/// A thing that happens, and what holds then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub event: Event,
    /// Steps of one round come in one go: under Parallel in no certain order.
    pub round: usize,
    /// What the controller waited for before this round of calls.
    pub after: Vec<Wait>,
    /// Pods in range that are Ready and not on their way out, once it has happened; what happens by itself in one round
    /// happens together.
    pub ready: usize,
}

/// How it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The controller has nothing left to do; under OnDelete it may wait for somebody to delete pods.
    Done,
    /// It goes no further: what it waits for does not come by itself.
    Stuck {
        /// What it waits for.
        waits_for: Vec<Wait>,
        /// The error of its syncs.
        error: Option<String>,
        /// What it would do otherwise.
        held_back: Vec<HeldBack>,
    },
    /// There is more to come than is looked at.
    Beyond,
}

/// How often the world had to move, and so what the whole takes beside the controller's own fraction of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Times that one or several pods started side by side.
    pub starts: u32,
    /// Times that one or several pods ended side by side.
    pub stops: u32,
    /// What `minReadySeconds` adds.
    pub available: SignedDuration,
}

/// A pod as it is in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Its ordinal.
    pub ordinal: i64,
    /// Its name.
    pub name: String,
    /// Its revision.
    pub revision: String,
    /// Whether it is Ready and stays.
    pub ready: bool,
    /// Whether it is the one that exists today.
    pub today: bool,
}

/// What will happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// In order.
    pub steps: Vec<Step>,
    /// How it ends.
    pub end: End,
    /// What it takes.
    pub waits: Waits,
    /// Pods with an ordinal as they are in the end, ascending.
    pub pods: Vec<Outcome>,
    /// The revision below the partition, in the end.
    pub current_revision: String,
    /// The template's revision.
    pub update_revision: String,
    /// Whether that does not exist today: its name is then only what the model expects.
    pub update_revision_is_new: bool,
    /// Syncs that were run.
    pub syncs: usize,
}

/// Pods are looked at this often in one forecast: a set of some hundred pods is followed to its end, a mistyped number of
/// replicas is not.
const MOST_LOOKS: usize = 1_000_000;

/// Syncs that a state of so many pods, today's and wanted ones, can need. Each pod is deleted at most twice (for what it
/// ended as or for its revision, and for its ordinal) and made at most twice; each of these, and each of its starts, is
/// answered by two syncs at most, and revisions and claims by a few more. `tests/forecast` holds it.
pub fn most_syncs(pods: usize) -> usize {
    16 + 14 * pods
}

/// Follows the controller from this state to its end.
pub fn forecast<'a>(input: &'a Input<'a>, assumption: &'a Assumption<'a>) -> Forecast {
    follow(input, assumption, None)
}

/// `first`: what the first sync decides, where that is known.
fn follow<'a>(input: &'a Input<'a>, assumption: &'a Assumption<'a>, mut first: Option<Decision>) -> Forecast {
    let mut world = World::new(input, assumption);
    let pods = input.pods.len() + usize::try_from(input.set.replicas()).unwrap_or(0);
    let most = most_syncs(pods).min(MOST_LOOKS / pods.max(1) + 1);
    let mut run = Run::default();
    loop {
        let decision = first.take().unwrap_or_else(|| world.decide());
        run.syncs += 1;
        run.new_revision |= decision.update_revision_is_new;
        let acts = run.calls(&mut world, &decision);
        if run.syncs >= most {
            return run.finish(&world, decision, End::Beyond);
        }
        if acts {
            continue;
        }
        run.after.clone_from(&decision.waits_for);
        let waiting = decision.waits_for.iter().any(held);
        if !run.moves(&mut world, waiting) {
            let end = ended(&world, &decision);
            return run.finish(&world, decision, end);
        }
    }
}

/// Whether a wait keeps something back that is meant to happen: under OnDelete nothing is.
fn held(wait: &Wait) -> bool {
    wait.fact != WaitFact::OnDelete
}

fn ended(world: &World<'_>, decision: &Decision) -> End {
    let waits_for: Vec<_> = decision.waits_for.iter().filter(|wait| held(wait)).cloned().collect();
    if waits_for.is_empty() && decision.error.is_none() {
        return End::Done;
    }
    End::Stuck {
        waits_for,
        error: decision.error.clone(),
        held_back: world.look(|input| held_back(input, decision)),
    }
}

/// What has happened so far.
#[derive(Default)]
struct Run {
    steps: Vec<Step>,
    round: usize,
    after: Vec<Wait>,
    waits: Waits,
    syncs: usize,
    new_revision: bool,
}

impl Run {
    /// Carries the calls out; whether that may change what the next sync sees.
    fn calls(&mut self, world: &mut World<'_>, decision: &Decision) -> bool {
        let mut acts = false;
        for call in &decision.calls {
            if world.apply(call, decision) {
                acts = true;
                self.step(world, Event::Call(call.clone()));
            }
        }
        acts |= world.write_status(decision);
        if acts {
            self.round += 1;
        }
        acts
    }

    /// Lets the world move by one thing; whether it did.
    fn moves(&mut self, world: &mut World<'_>, waiting: bool) -> bool {
        let Some(moved) = world.advance(waiting) else {
            return false;
        };
        match &moved {
            Moved::Stopped(_) => self.waits.stops += 1,
            Moved::Started(_) => self.waits.starts += 1,
            Moved::Waited(time, _) => self.waits.available += *time,
            Moved::Collected(_) => {}
        }
        let after = std::mem::take(&mut self.after);
        for event in moved.events() {
            self.step(world, event);
        }
        self.after = after;
        self.round += 1;
        true
    }

    fn step(&mut self, world: &World<'_>, event: Event) {
        self.steps.push(Step {
            event,
            round: self.round,
            after: self.after.clone(),
            ready: world.ready(),
        });
    }

    fn finish(self, world: &World<'_>, decision: Decision, end: End) -> Forecast {
        Forecast {
            steps: self.steps,
            end,
            waits: self.waits,
            pods: world.outcome(),
            current_revision: decision.current_revision,
            update_revision: decision.update_revision,
            update_revision_is_new: self.new_revision,
            syncs: self.syncs,
        }
    }
}

impl Forecast {
    /// The calls in order, each with its step.
    pub fn calls(&self) -> impl Iterator<Item = (&Call, &Step)> {
        self.steps.iter().filter_map(|step| match &step.event {
            Event::Call(call) => Some((call, step)),
            _ => None,
        })
    }

    /// The fewest pods that are Ready at any time; `today` is how many are now.
    pub fn fewest_ready(&self, today: usize) -> usize {
        self.steps.iter().map(|step| step.ready).fold(today, usize::min)
    }
}
