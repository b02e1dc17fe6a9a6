//! `wait`: until a set is what was asked for, or until it is known that it will not be.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::target::choose;
use crate::diagnose::diagnose;
use crate::diagnose::goal::Goal;
use crate::diagnose::waiter::{Outcome, Waiter};
use crate::exit::Exit;
use crate::global::duration;
use crate::model::gap::{Gap, GapReason};
use crate::model::link::{Linked, link};
use crate::model::named::Named;
use crate::model::rounds::DIAGNOSIS;
use crate::model::snapshot::Snapshot;
use crate::render::envelope::{Format, envelope};
use crate::render::wait::step as draw;
use crate::session::{Session, is_broken_pipe};

/// Wait until sets are what was asked for, and end early, with the blocker, when nothing will move
///
/// Works for every update strategy. A line is printed for every change, with the time of the server. It ends early when
/// a cause that somebody has to act on (a root of severity error, as diagnose says it) has held for 30 s without any
/// other pod coming, going or becoming Ready: an image that cannot be pulled for a moment ends no pipeline. With OnDelete it
/// ends at once when only outdated pods are left, because somebody has to delete them; it gives an operator that owns
/// the set the same 30 s. A server that does not answer may be away for 60 s.
///
/// Exits with 0 when every set reached it, 3 when one did not (blocked, timed out, deleted, or deleted and made anew),
/// 1 when it could not be found out. The last line tells what is blocked from what was still moving.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sets by name, also as sts/NAME
    #[arg(value_name = "NAME", required = true)]
    names: Vec<String>,
    /// What to wait for
    #[arg(long = "for", value_name = "GOAL", default_value = "complete")]
    goal: For,
    /// How long, such as 90s or 10m; 0 looks once
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration)]
    timeout: Duration,
    /// Go on until the time is over, whatever blocks
    #[arg(long)]
    keep_waiting: bool,
    /// Output form: one JSON object a line
    #[arg(short, long, value_name = "FORM")]
    output: Option<Lines>,
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum For {
    /// The controller has seen the newest change; every pod is available, and from the partition on on the update
    /// revision; no pod is left that should go
    Complete,
    /// Every wanted pod is Ready, on whatever revision
    Ready,
    /// Every wanted pod has been Ready for minReadySeconds, on whatever revision
    Available,
    /// The set does not exist, and none of its pods
    Deleted,
}

/// Output forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lines {
    /// A JSON object for every change
    Json,
}

impl From<For> for Goal {
    fn from(goal: For) -> Self {
        match goal {
            For::Complete => Self::Complete,
            For::Ready => Self::Ready,
            For::Available => Self::Available,
            For::Deleted => Self::Deleted,
        }
    }
}

/// Runs the command.
pub async fn run(session: &Session, args: &Args) -> Result<Exit> {
    if session.global.from.is_some() {
        bail!("wait follows a cluster; nothing changes in the file of --from");
    }
    match follow(session, args).await {
        // Nobody hears the rest, which is no success: a script would take it for one.
        Err(error) if is_broken_pipe(&error) => Ok(Exit::No),
        ended => ended,
    }
}

async fn follow(session: &Session, args: &Args) -> Result<Exit> {
    let mut rounds = session.rounds(&DIAGNOSIS, &args.names, Some(args.timeout)).await?;
    let mut waiters: Option<Vec<Waiter>> = None;
    let mut exit = Exit::Fine;
    loop {
        let round = rounds.next().await?;
        round.notices.iter().for_each(|notice| session.remark(notice));
        let snapshot = match round.snapshot {
            Some(snapshot) => snapshot,
            None if round.last => bail!("the time is over, and the server does not answer"),
            None => continue,
        };
        let waiters = match &mut waiters {
            Some(waiters) => waiters,
            None => {
                let (found, ended) = targets(session, args, &snapshot)?;
                exit = exit.max(ended);
                waiters.insert(found)
            }
        };
        let mut open = Vec::with_capacity(waiters.len());
        let linked = link(&snapshot);
        for mut waiter in std::mem::take(waiters) {
            match look(session, args, &mut waiter, &linked, round.last)? {
                Outcome::Waiting => open.push(waiter),
                Outcome::Reached => {}
                Outcome::Blocked | Outcome::TimedOut | Outcome::Deleted | Outcome::Replaced => {
                    exit = exit.max(Exit::No);
                }
            }
        }
        *waiters = open;
        if waiters.is_empty() {
            return Ok(exit);
        }
        if round.last {
            bail!("the time is over, and what is there could not be read");
        }
    }
}

/// A wait for each set that is meant, and how the search for them ended.
fn targets(session: &Session, args: &Args, snapshot: &Snapshot) -> Result<(Vec<Waiter>, Exit)> {
    let goal = args.goal.into();
    let waiter = |namespace: &str, name: &str| Waiter::new(namespace, name, goal, args.keep_waiting);
    if goal == Goal::Deleted
        && let Some(namespace) = session.namespace(snapshot)
    {
        // What does not exist is what is waited for.
        let names = args.names.iter().map(|name| Ok(Named::parse(name)?.set()));
        let names: Vec<Option<&str>> = names.collect::<Result<_>>()?;
        if let Some(names) = names.into_iter().collect::<Option<BTreeSet<_>>>() {
            return Ok((
                names.into_iter().map(|name| waiter(namespace, name)).collect(),
                Exit::Fine,
            ));
        }
    }
    let chosen = choose(session, snapshot, &args.names)?;
    let waiters = chosen
        .sets
        .iter()
        .map(|set| waiter(&set.metadata.namespace, &set.metadata.name));
    Ok((waiters.collect(), chosen.exit))
}

/// Looks at one set, and prints what is new.
fn look<'a>(
    session: &Session,
    args: &Args,
    waiter: &mut Waiter,
    linked: &'a Linked<'a>,
    last: bool,
) -> Result<Outcome> {
    let snapshot = linked.snapshot;
    let (namespace, name) = waiter.set();
    let set = linked
        .sets()
        .iter()
        .find(|set| set.metadata.namespace == namespace && set.metadata.name == name);
    let found = set.map(|set| diagnose(linked, set));
    let step = match waiter.see(snapshot, found.as_ref().map(|(cx, report)| (cx, report)), last) {
        Ok(step) => step,
        // What may not be read now may not be read later.
        Err(gap) if gap.reason == GapReason::Forbidden => bail!(unread(&gap)),
        Err(gap) => {
            session.remark(&unread(&gap));
            return Ok(Outcome::Waiting);
        }
    };
    if waiter.is_news(&step) {
        session.print(&match args.output {
            Some(Lines::Json) => envelope("Wait", snapshot, vec![&step], Format::Line)?,
            None => draw(&step, snapshot.taken_at, session.layout()),
        })?;
    }
    Ok(step.outcome)
}

fn unread(gap: &Gap) -> String {
    format!("{} could not be read: {}", gap.what(), gap.why())
}
