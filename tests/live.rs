//! The live lane: every scenario on a real control plane. The answer must be the expected one, live, from a masked
//! recording made on the spot, and after the remedy's commands were typed as printed.
//! Needs `tests/testbed/build`; ignored by default, and a failure where the testbed is missing.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic is the report, and the counts are read"
)]

#[path = "support/held.rs"]
mod held;
#[path = "support/scenario.rs"]
mod scenario;

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use held::Held;
use scenario::{Scenario, all, tool};
use serde_json::Value;

/// Control planes side by side: more would starve each other on a small machine.
const SIDE_BY_SIDE: usize = 2;
/// How long a cured set may take to be healthy.
const RECOVERY: Duration = Duration::from_secs(90);

fn diagnose(scenario: &Scenario, kubeconfig: &str) -> std::process::Output {
    tool(
        &["diagnose", &scenario.set, "-n", &scenario.namespace, "-o", "json"],
        Some(kubeconfig),
    )
}

fn first_set(output: &std::process::Output) -> Value {
    let json: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    json["sets"][0].clone()
}

/// Everything that is wrong with one scenario.
fn play(scenario: &Scenario) -> Vec<String> {
    let held = match Held::start(&scenario.name) {
        Ok(held) => held,
        Err(error) => return vec![error],
    };
    let mut wrong = Vec::new();
    let live = diagnose(scenario, &held.kubeconfig);
    wrong.extend(
        scenario
            .differences(&live)
            .into_iter()
            .map(|difference| format!("live: {difference}")),
    );

    let file = std::env::temp_dir().join(format!(
        "kubectl-sts-live-{}-{}.json.gz",
        std::process::id(),
        scenario.name
    ));
    let file = file.to_str().unwrap();
    tool(
        &["capture", "-n", &scenario.namespace, "-o", file],
        Some(&held.kubeconfig),
    );
    let replayed = tool(
        &[
            "diagnose",
            &scenario.set,
            "-n",
            &scenario.namespace,
            "-o",
            "json",
            "--from",
            file,
        ],
        None,
    );
    wrong.extend(
        scenario
            .differences(&replayed)
            .into_iter()
            .map(|difference| format!("masked recording: {difference}")),
    );
    let _ = std::fs::remove_file(file);

    let status = tool(
        &["status", &scenario.set, "-n", &scenario.namespace, "-o", "json"],
        Some(&held.kubeconfig),
    );
    if first_set(&status)["verdict"] != first_set(&live)["verdict"] {
        wrong.push(format!(
            "status says {}, diagnose {}",
            first_set(&status)["verdict"],
            first_set(&live)["verdict"]
        ));
    }
    wrong.extend(cure(scenario, &held, &first_set(&live)));
    wrong
}

/// Types the remedies as printed, unless they can lose data, and waits for what the scenario says comes after.
fn cure(scenario: &Scenario, held: &Held, set: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut changes = false;
    for finding in set["findings"].as_array().into_iter().flatten() {
        let remedy = &finding["remedy"];
        if remedy["safety"] == "destructive" || finding["severity"] == "info" {
            continue;
        }
        changes |= remedy["safety"] != "read-only" && remedy.is_object();
        for words in remedy["commands"].as_array().into_iter().flatten() {
            let words: Vec<&str> = words
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            wrong.extend(run(&words, &held.admin));
        }
    }
    match (&scenario.expect.after, changes) {
        (None, true) => wrong.push("its remedy changes something: say in `after` what comes then".to_owned()),
        (Some(after), _) => wrong.extend(reached(scenario, held, after)),
        (None, false) => {}
    }
    wrong
}

fn run(words: &[&str], kubeconfig: &str) -> Option<String> {
    let output = held::kubectl(kubeconfig, &words[1..]);
    let said = String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then(|| format!("the printed command {words:?} failed: {said}"))
}

fn reached(scenario: &Scenario, held: &Held, after: &str) -> Option<String> {
    let started = Instant::now();
    loop {
        let set = first_set(&diagnose(scenario, &held.kubeconfig));
        let code = set["findings"][0]["code"].as_str().unwrap_or_default();
        if set["verdict"] == after || code == after {
            return None;
        }
        if started.elapsed() > RECOVERY {
            return Some(format!(
                "after its remedy: expected {after}, got {} {code}: {}",
                set["verdict"], set["summary"]
            ));
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
#[ignore = "needs the testbed"]
fn scenarios_hold_live() {
    let only: Option<PathBuf> = std::env::var_os("SCENARIO").map(PathBuf::from);
    let scenarios: Vec<_> = all()
        .into_iter()
        .filter(|s| only.as_ref().is_none_or(|only| only.to_str() == Some(&s.name)))
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let found = play(scenario);
                    let word = if found.is_empty() { "ok" } else { "WRONG" };
                    println!(
                        "live {}: {word}, {:.0} s",
                        scenario.name,
                        started.elapsed().as_secs_f32()
                    );
                    wrong
                        .lock()
                        .unwrap()
                        .extend(found.into_iter().map(|what| format!("{}: {what}", scenario.name)));
                }
            });
        }
    });
    println!("live scenarios: {} ran", scenarios.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!scenarios.is_empty());
}
