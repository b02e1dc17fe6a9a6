//! Every recorded cluster: the answer is the one that its scenario expects, and every output is the committed one.
//! `SNAPSHOTS=overwrite cargo test --test recordings` writes the outputs anew, to be read before they are committed.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/scenario.rs"]
mod scenario;

use std::collections::BTreeSet;
use std::path::PathBuf;

use scenario::{Scenario, all, root, tool};
use snapbox::{Data, assert_data_eq};

/// The folder with a scenario's recording and its outputs.
fn recording(scenario: &Scenario) -> PathBuf {
    root().join("tests/clusters").join(&scenario.name)
}

fn diagnose(scenario: &Scenario, output: &[&str]) -> std::process::Output {
    let from = recording(scenario).join("cluster.json");
    let words = [
        "diagnose",
        &scenario.set,
        "-n",
        &scenario.namespace,
        "--from",
        from.to_str().unwrap(),
    ];
    tool(&[&words, output].concat(), None)
}

#[test]
fn recordings_are_answered_as_expected() {
    let mut wrong = Vec::new();
    let scenarios = all();
    for scenario in &scenarios {
        let differences = scenario.differences(&diagnose(scenario, &["-o", "json"]));
        wrong.extend(
            differences
                .into_iter()
                .map(|difference| format!("{}: {difference}", scenario.name)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(scenarios.len() >= 20);
}

#[test]
fn every_scenario_is_recorded_and_every_recording_has_a_scenario() {
    let scenarios: BTreeSet<_> = all().into_iter().map(|scenario| scenario.name).collect();
    let folders = std::fs::read_dir(root().join("tests/clusters")).unwrap();
    // Those of `dns` have a folder of their own, and a test: `tests/dns.rs`.
    let recorded: BTreeSet<_> = folders
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|folder| folder != "dns")
        .collect();
    assert_eq!(scenarios, recorded);
}

#[test]
fn outputs_are_the_committed_ones() {
    for scenario in &all() {
        compare(
            scenario,
            &[
                ("diagnose.txt", &["diagnose", &scenario.set]),
                ("diagnose.json", &["diagnose", &scenario.set, "-o", "json"]),
                ("status.txt", &["status", &scenario.set]),
                ("status.json", &["status", &scenario.set, "-o", "json"]),
            ],
        );
    }
}

/// What the tool answers to these words of a recording, against the files beside it.
fn compare(scenario: &Scenario, outputs: &[(&str, &[&str])]) {
    let from = recording(scenario).join("cluster.json");
    let place = ["-n", &scenario.namespace, "--from", from.to_str().unwrap()];
    for (file, words) in outputs {
        let answer = tool(&[words, place.as_slice()].concat(), None);
        let text = format!(
            "{}{}[exit {}]\n",
            String::from_utf8(answer.stdout).unwrap(),
            String::from_utf8(answer.stderr).unwrap(),
            answer.status.code().unwrap()
        );
        let golden = recording(scenario).join(file);
        assert_data_eq!(text, Data::read_from(&golden, None).raw());
    }
}

/// Recordings with several revisions, or with something else to say of them.
const WITH_HISTORY: [&str; 11] = [
    "healthy-on-delete-waits",
    "healthy-ordered",
    "healthy-partition-held",
    "healthy-rolled-back",
    "healthy-three-revisions",
    "lower-ordinal-blocks-update",
    "owned-by-custom-resource",
    "reverted-image",
    "reverted-image-start-3",
    "sets-only-user",
    "update-fails-at-top",
];

#[test]
fn histories_and_differences_are_the_committed_ones() {
    let (scenarios, mut seen) = (all(), 0);
    for scenario in scenarios.iter().filter(|s| WITH_HISTORY.contains(&s.name.as_str())) {
        compare(
            scenario,
            &[
                ("history.txt", &["history", &scenario.set]),
                ("history.json", &["history", &scenario.set, "-o", "json"]),
                ("diff.txt", &["diff", &scenario.set]),
                ("diff.json", &["diff", &scenario.set, "-o", "json"]),
            ],
        );
        seen += 1;
    }
    assert_eq!(seen, WITH_HISTORY.len());
}

#[test]
fn one_dead_node_is_one_root_with_its_reach() {
    let from = root().join("tests/clusters/dead-node-three-sets/cluster.json");
    let answer = tool(&["diagnose", "-n", "shop", "--from", from.to_str().unwrap()], None);
    let said = String::from_utf8(answer.stdout).unwrap();
    assert_eq!(said.matches("ROOT").count(), 1, "{said}");
    assert!(said.contains("ROOT  node node-c"), "{said}");
    let reach = said.lines().find(|line| line.starts_with("Reach")).unwrap();
    let others = ["cache", "queue", "web"].map(|set| reach.contains(&format!("shop/{set} 0/1")));
    assert_eq!(others.iter().filter(|named| **named).count(), 2, "{said}");
    assert_eq!(answer.status.code(), Some(3));
}
