//! The forecast keeps the controller's promises on every small state, and on many larger ones: nothing below the
//! partition is touched, one pod at a time where ordered, the highest first, and it ends.
//!
//! `cargo test` takes every state of up to two pods and a sample of the others; with `-- --ignored` every state of three
//! pods and 100,000 of four and five, in half a minute.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic is the report, and the counts are read"
)]

mod replay;
mod state;

use std::time::Instant;

use fastrand::Rng;
use kubectl_sts::controller::{End, Event, Op};
use state::{Is, Parts, State};

/// What a pod of an exhaustive state can be like.
const EACH: [Is; 8] = [
    Is::Absent,
    Is::ReadyNew,
    Is::ReadyOld,
    Is::StartingOld,
    Is::BrokenOld,
    Is::BrokenNew,
    Is::TerminatingOld,
    Is::FailedNew,
];
const ANY: [Is; 11] = [
    Is::Absent,
    Is::ReadyNew,
    Is::ReadyOld,
    Is::ReadyOld,
    Is::YoungOld,
    Is::StartingNew,
    Is::StartingOld,
    Is::BrokenOld,
    Is::BrokenNew,
    Is::TerminatingOld,
    Is::FailedOld,
];

/// What was seen, so that a test which looks at nothing fails.
#[derive(Debug, Default)]
struct Seen {
    states: usize,
    done: usize,
    stuck: usize,
    created: usize,
    deleted: usize,
    claims_gone: usize,
}

impl Seen {
    fn look(&mut self, parts: &Parts, state: &State) {
        let forecast = parts.forecast(state);
        if let Err(wrong) = replay::check(state, &forecast) {
            let steps: Vec<_> = forecast.steps.iter().map(|step| format!("{:?}", step.event)).collect();
            panic!("{wrong}\n{state:?}\n{}\n{:?}", steps.join("\n"), forecast.end);
        }
        self.states += 1;
        self.done += usize::from(forecast.end == End::Done);
        self.stuck += usize::from(forecast.end != End::Done);
        for step in &forecast.steps {
            match &step.event {
                Event::Call(call) if call.op == Op::CreatePod => self.created += 1,
                Event::Call(call) if call.op == Op::DeletePod => self.deleted += 1,
                Event::ClaimGone(_) => self.claims_gone += 1,
                _ => {}
            }
        }
    }

    fn report(&self, what: &str, started: Instant) {
        println!("forecast, {what}: {self:?}, {:.1} s", started.elapsed().as_secs_f32());
        let each = [self.done, self.stuck, self.created, self.deleted];
        assert!(each.iter().all(|count| *count > self.states / 100), "{self:?}");
    }
}

/// Every state of so many pods, from none to this many wanted ones.
fn every_state(most: i64, mut look: impl FnMut(&State)) {
    let strategies: Vec<_> = (0..=most)
        .map(|partition| (false, partition))
        .chain([(true, 0)])
        .collect();
    let nevers = || (0..most).map(Some).chain([None]);
    let count = EACH.len().pow(most.try_into().unwrap());
    for combination in 0..count {
        let pods: Vec<_> = (0..most)
            .map(|at| EACH[combination / EACH.len().pow(at.try_into().unwrap()) % EACH.len()])
            .collect();
        for ordered in [true, false] {
            for &(on_delete, partition) in &strategies {
                for replicas in 0..=most {
                    for never in nevers() {
                        look(&State {
                            ordered,
                            on_delete,
                            start: 0,
                            replicas,
                            partition,
                            min_ready: combination % 2 == 1,
                            claims_go: combination % 3 == 1,
                            pods: pods.clone(),
                            never,
                        });
                    }
                }
            }
        }
    }
}

/// States of four and five pods; the same from the same seed.
fn random_states(count: usize, mut look: impl FnMut(&State)) {
    let mut rng = Rng::with_seed(20_261_121);
    for _ in 0..count {
        let most = rng.i64(4..=5);
        let mood = rng.u32(0..3);
        let same = ANY[rng.usize(0..ANY.len())];
        let pods = (0..most).map(|_| match mood {
            0 => ANY[rng.usize(0..ANY.len())],
            1 if rng.f32() < 0.7 => Is::ReadyOld,
            2 if rng.f32() < 0.7 => same,
            _ => ANY[rng.usize(0..ANY.len())],
        });
        let pods = pods.collect();
        look(&State {
            ordered: rng.bool(),
            on_delete: rng.u32(0..8) == 0,
            start: if rng.bool() { 0 } else { rng.i64(0..4) },
            replicas: rng.i64(0..=most),
            partition: rng.i64(0..=most + 1),
            min_ready: rng.bool(),
            claims_go: rng.bool(),
            pods,
            never: (rng.u32(0..3) == 0).then(|| rng.i64(0..most)),
        });
    }
}

#[test]
fn every_state_of_two_pods_and_a_sample_of_more() {
    let (parts, started) = (Parts::new(), Instant::now());
    let mut seen = Seen::default();
    every_state(2, |state| seen.look(&parts, state));
    random_states(4_000, |state| seen.look(&parts, state));
    seen.report("two pods, and a sample", started);
}

#[test]
#[ignore = "half a minute: a lane of .ci/run"]
fn every_state_of_three_pods() {
    let (parts, started) = (Parts::new(), Instant::now());
    let mut seen = Seen::default();
    every_state(3, |state| seen.look(&parts, state));
    seen.report("every state of three pods", started);
    assert!(seen.states >= 80_000 && seen.claims_gone > 0);
}

#[test]
#[ignore = "half a minute: a lane of .ci/run"]
fn a_hundred_thousand_states_of_four_and_five_pods() {
    let (parts, started) = (Parts::new(), Instant::now());
    let mut seen = Seen::default();
    random_states(100_000, |state| seen.look(&parts, state));
    seen.report("four and five pods", started);
    assert!(seen.states == 100_000 && seen.claims_gone > 1_000);
}
