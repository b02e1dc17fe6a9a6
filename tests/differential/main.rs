//! The controller model against the real controller, on random states.
//!
//! Needs the oracles, which `tests/testbed/build` makes; so the tests are ignored unless asked for:
//! `cargo test --release --test differential -- --ignored --nocapture`.
//! `KUBECTL_STS_VERSIONS` says which controllers (`1.33,1.36`, or `all`; otherwise the newest and one older),
//! `KUBECTL_STS_STATES` and `KUBECTL_STS_SEED` how many states for each, and which.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that reports its figures"
)]

mod compare;
mod cure;
mod history;
mod oracle;
mod proof;
mod shrink;
mod states;
mod tally;
mod versions;

use std::sync::Mutex;
use std::time::Instant;

use kubectl_sts::controller::{Assumption, Input, Profiles, State, canonical, forecast};
use oracle::Oracle;
use proof::Shown;
use tally::Tally;
use versions::Version;

const CHUNK: usize = 500;

#[test]
#[ignore = "needs the oracles: tests/testbed/build"]
fn model_and_controller_agree() {
    let seed = setting("KUBECTL_STS_SEED", 1);
    for version in Version::wanted() {
        let started = Instant::now();
        let tally = hold_against(version, seed, setting("KUBECTL_STS_STATES", 20_000));
        println!("{}", tally.report(version, started.elapsed(), seed));
        if let Some(state) = tally.smallest_mismatch() {
            let (state, theirs) = shrink::smallest(&mut Oracle::start(version), state.clone());
            let (state, ours) = (canonical(&state), compare::model(&state));
            panic!("model and controller differ\nstate: {state}\ncontroller: {theirs}\nmodel: {ours:#?}");
        }
        // Too few states prove nothing about how often something occurs.
        if tally.states() >= 10_000 {
            assert_eq!(tally.complaints(), [""; 0], "Kubernetes {}", version.full);
        }
    }
}

fn hold_against(version: Version, seed: usize, count: usize) -> Tally {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let next = Mutex::new(0);
    let total = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                let mut oracle = Oracle::start(version);
                while let Some((from, to)) = chunk(&next, count) {
                    let states: Vec<_> = (from..to).map(|n| states::generate(version, seed, n)).collect();
                    let answers = oracle.ask(&states);
                    let mut tally = Tally::default();
                    for (state, answer) in states.iter().zip(&answers) {
                        tally.add(state, answer);
                    }
                    total.lock().unwrap().merge(tally);
                }
            });
        }
    });
    let tally = total.into_inner().unwrap();
    assert_eq!(tally.states(), count);
    tally
}

#[test]
#[ignore = "needs the oracles: tests/testbed/build"]
fn what_is_waited_for_decides_and_nothing_else_does() {
    let seed = setting("KUBECTL_STS_SEED", 1);
    let count = setting("KUBECTL_STS_PROVED_STATES", 3_000);
    for version in Version::wanted() {
        let (mut oracle, mut shown) = (Oracle::start(version), Shown::default());
        for number in 0..count {
            let state = states::generate(version, seed, number);
            let Some(proof) = proof::proof(&state, &mut shown) else {
                continue;
            };
            if let Some(complaint) = proof.complaint(&oracle.ask(&proof.states)) {
                panic!("{complaint}\noriginal: {}", canonical(&state));
            }
            shown.merge(&proof);
        }
        println!(
            "Kubernetes {}: {count} states from seed {seed}, {} wait, {} of them for what has no cure; \
             {} other pods cured in vain; freed by the cure of: {:?}",
            version.full, shown.waiting, shown.without_cure, shown.other_pods, shown.freed
        );
        for fact in proof::CURABLE {
            let freed = shown.freed.get(fact).copied().unwrap_or(0);
            assert!(freed >= count / 500, "{fact}: proved {freed} times in {count} states");
        }
    }
}

/// Needs no oracle: that the model decides as the controller does is the other test's matter.
#[test]
fn curing_what_is_waited_for_sets_free_what_is_held_back() {
    let count = setting("KUBECTL_STS_CURED_STATES", 1_500);
    let [.., newest] = versions::ALL;
    let seed = setting("KUBECTL_STS_SEED", 1);
    for number in 0..count {
        let state = states::generate(newest, seed, number);
        if let Some(complaint) = cure::complaint(&state) {
            panic!("{complaint}\nstate: {}", canonical(&state));
        }
    }
}

fn chunk(next: &Mutex<usize>, count: usize) -> Option<(usize, usize)> {
    let mut next = next.lock().unwrap();
    let from = *next;
    *next = (from + CHUNK).min(count);
    (from < count).then_some((from, *next))
}

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Needs no oracle either: where no doubt is raised about a forecast, every plausible behaviour comes to the same.
#[test]
fn a_forecast_without_a_doubt_is_every_plausible_one() {
    let count = setting("KUBECTL_STS_FORETOLD_STATES", 600);
    let seed = setting("KUBECTL_STS_SEED", 1);
    for version in versions::ALL {
        let (mut agreed, mut doubted) = (0, 0);
        for number in 0..count {
            let state = states::generate(version, seed, number);
            // No server stores a maxUnavailable that is neither a number nor a percentage.
            if state.to_string().contains("\"maxUnavailable\":\"all\"") {
                continue;
            }
            let state: State = serde_json::from_value(state).unwrap();
            let input = Input {
                trust_status: true,
                ..state.input().unwrap()
            };
            let profiles = Profiles::plausible(Some(version.full));
            let told = profiles.forecast(&input, &Assumption::default());
            if !told.doubts.is_empty() {
                doubted += 1;
                continue;
            }
            agreed += 1;
            for other in &profiles.others {
                let profile = other.profile;
                let otherwise = forecast(
                    &Input {
                        profile,
                        ..input.clone()
                    },
                    &Assumption::default(),
                );
                assert!(
                    otherwise.same_course(&told.forecast),
                    "{}, if {}\n{otherwise:#?}\n{:#?}",
                    version.full,
                    other.fact,
                    told.forecast
                );
            }
        }
        println!(
            "Kubernetes {}: {agreed} forecasts hold whatever is plausible, {doubted} are doubted",
            version.full
        );
        assert!(agreed > count / 4 && doubted > count / 50, "{agreed} {doubted}");
    }
}
