//! A forecast replayed step by step over a model of its own, as small as can be: what must hold at each step, whatever
//! the state it began with.

use std::collections::BTreeMap;

use kubectl_sts::controller::{Call, End, Event, Forecast, Op, Wait, WaitFact, most_syncs};

use super::state::{Is, NEW, State};

#[derive(Clone, Debug)]
struct Seen {
    new: bool,
    ready: bool,
    available: bool,
    terminating: bool,
    failed: bool,
}

impl Seen {
    fn serves(&self) -> bool {
        self.available && !self.terminating && !self.failed
    }
}

fn seen(is: Is, min_ready: bool) -> Option<Seen> {
    let ready = matches!(is, Is::ReadyNew | Is::ReadyOld | Is::YoungOld | Is::TerminatingOld);
    (is != Is::Absent).then(|| Seen {
        new: matches!(is, Is::ReadyNew | Is::StartingNew | Is::BrokenNew | Is::FailedNew),
        ready,
        available: ready && !(is == Is::YoungOld && min_ready),
        terminating: is == Is::TerminatingOld,
        failed: matches!(is, Is::FailedOld | Is::FailedNew),
    })
}

/// The index in the name of a pod or a claim.
fn index(state: &State, name: &str) -> i64 {
    name.rsplit('-').next().unwrap().parse::<i64>().unwrap() - state.start
}

/// The first thing that is wrong with a forecast.
pub fn check(state: &State, forecast: &Forecast) -> Result<(), String> {
    let mut pods: BTreeMap<i64, Seen> = (0..)
        .zip(&state.pods)
        .filter_map(|(index, is)| Some((index, seen(*is, state.min_ready)?)))
        .collect();
    let today = pods.clone();
    // Where the controller takes the update for complete, its revision becomes the one below the partition as well.
    let mut complete = false;
    for (at, step) in forecast.steps.iter().enumerate() {
        complete |= is_complete(state, &pods);
        match &step.event {
            Event::Call(call) => {
                called(state, &mut pods, call, complete).map_err(|wrong| format!("{}: {wrong}", call.name))?
            }
            Event::PodGone(name) => {
                let gone = pods.remove(&index(state, name));
                if !gone.is_some_and(|pod| pod.terminating) {
                    return Err(format!("{name} goes and was not deleted"));
                }
            }
            Event::PodReady(name) => {
                let pod = pods.get_mut(&index(state, name)).ok_or("no such pod")?;
                if pod.ready || state.never == Some(index(state, name)) {
                    return Err(format!("{name} becomes Ready"));
                }
                (pod.ready, pod.available) = (true, !state.min_ready);
            }
            Event::PodAvailable(name) => {
                let pod = pods.get_mut(&index(state, name)).ok_or("no such pod")?;
                pod.available = pod.ready;
            }
            Event::ClaimGone(name) => {
                let index = index(state, name);
                if !state.claims_go || index < state.replicas || pods.contains_key(&index) {
                    return Err(format!("{name} goes"));
                }
            }
        }
        let last = forecast.steps.get(at + 1).is_none_or(|next| next.round != step.round);
        let ready = pods
            .range(0..state.replicas)
            .filter(|(_, pod)| pod.ready && !pod.terminating)
            .count();
        if last && ready != step.ready {
            return Err(format!(
                "{} Ready are said, {ready} are, after {:?}",
                step.ready, step.event
            ));
        }
    }
    ended(state, &today, &pods, forecast, complete)
}

/// Whether so many pods as are wanted exist, wherever, and all are Ready and on the update's revision.
fn is_complete(state: &State, pods: &BTreeMap<i64, Seen>) -> bool {
    let all = pods.values().all(|pod| pod.new && pod.ready && !pod.terminating);
    all && !state.on_delete && i64::try_from(pods.len()).unwrap() == state.replicas
}

fn called(state: &State, pods: &mut BTreeMap<i64, Seen>, call: &Call, complete: bool) -> Result<(), String> {
    let index = index(state, &call.name);
    let in_range = (0..state.replicas).contains(&index);
    let ensure = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    match call.op {
        Op::CreatePod => {
            ensure(
                in_range && !pods.contains_key(&index),
                "is made where it is or is not wanted",
            )?;
            let lower = (0..index).all(|lower| pods.get(&lower).is_some_and(Seen::serves));
            ensure(lower || !state.ordered, "is made before a lower one is there")?;
            let new = call.revision.as_deref() == Some(NEW);
            let wanted = new == (state.on_delete || index >= state.partition);
            ensure(wanted || (new && complete), "is made on the wrong revision")?;
            let made = Seen {
                new,
                ready: false,
                available: false,
                terminating: false,
                failed: false,
            };
            pods.insert(index, made);
        }
        Op::DeletePod => {
            let pod = pods.get(&index).cloned().ok_or("is deleted and not there")?;
            ensure(!pod.terminating, "is deleted twice")?;
            let above = |lowest: i64| pods.range(lowest.max(index + 1)..);
            if in_range && !pod.failed {
                ensure(!state.on_delete, "is deleted under OnDelete")?;
                ensure(index >= state.partition, "is touched below the partition")?;
                ensure(!pod.new, "is deleted and up to date")?;
                let higher =
                    (index + 1..state.replicas).all(|at| pods.get(&at).is_some_and(|pod| pod.new && pod.serves()));
                ensure(higher, "is updated before a higher one is done")?;
                let range = (0..state.replicas).all(|at| pods.get(&at).is_some_and(Seen::serves));
                ensure(range || !state.ordered, "is updated while another one is not there")?;
                ensure(
                    above(state.replicas).next().is_none() || !state.ordered,
                    "is updated before those out of range go",
                )?;
            } else if !in_range && state.ordered {
                ensure(above(0).next().is_none(), "goes before a higher one is gone")?;
                let range = (0..state.replicas).all(|at| pods.get(&at).is_some_and(Seen::serves));
                ensure(range, "goes while one in range is not there")?;
            } else if !in_range {
                ensure(
                    above(state.replicas).all(|(_, pod)| pod.terminating),
                    "goes before a higher one",
                )?;
            }
            if let Some(pod) = pods.get_mut(&index) {
                pod.terminating = true;
            }
        }
        Op::UpdateClaim => ensure(state.claims_go, "changes its owners")?,
        other => return Err(format!("{other:?}")),
    }
    Ok(())
}

fn ended(
    state: &State,
    today: &BTreeMap<i64, Seen>,
    pods: &BTreeMap<i64, Seen>,
    forecast: &Forecast,
    complete: bool,
) -> Result<(), String> {
    let wanted = usize::try_from(state.replicas).unwrap();
    let existing = state.pods.iter().filter(|is| **is != Is::Absent).count();
    if forecast.syncs >= most_syncs(existing + wanted) {
        return Err(format!("{} syncs", forecast.syncs));
    }
    let broken = state.pods.iter().any(|is| matches!(is, Is::BrokenOld | Is::BrokenNew));
    match &forecast.end {
        End::Beyond => return Err("does not end".to_owned()),
        End::Stuck { .. } if broken || state.never.is_some() => return Ok(()),
        // The controller's own: it neither deletes a failed pod out of range nor goes past it to a lower one.
        End::Stuck { waits_for, .. }
            if matches!(
                waits_for.as_slice(),
                [Wait { name, fact: WaitFact::CondemnedNotReady { first: Some(_) }, .. }]
                    if today.get(&index(state, name)).is_some_and(|pod| pod.failed)
            ) =>
        {
            return Ok(());
        }
        End::Stuck { waits_for, .. } => return Err(format!("stuck without a reason: {waits_for:?}")),
        End::Done => {}
    }
    let there: Vec<_> = pods.keys().copied().collect();
    if there != (0..state.replicas).collect::<Vec<_>>() {
        return Err(format!("done with pods {there:?}"));
    }
    for (index, pod) in pods {
        let was = today.get(index);
        let untouched = was.is_some_and(|was| !was.failed && !was.terminating);
        let should = match (state.on_delete, *index >= state.partition) {
            (false, true) => pod.new,
            (true, _) if untouched => was.is_some_and(|was| was.new == pod.new),
            (true, _) => pod.new,
            (false, false) if untouched => was.is_some_and(|was| was.new == pod.new),
            (false, false) => !pod.new || complete,
        };
        if !should || pod.failed || pod.terminating {
            return Err(format!("done with pod {index} as {pod:?}"));
        }
    }
    Ok(())
}
