//! `dns` on recorded clusters: whole answers as they are committed beside the recordings. `SNAPSHOTS=overwrite cargo test
//! --test dns` writes them anew, to be read before they are committed. What servers say is in `tests/dns_live.rs`.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/binary.rs"]
mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use binary::{PROGRAM, root, run};
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

/// Recordings that other tests own, and that have something to say of names.
const OTHERS: [&str; 9] = [
    "controllers-stopped",
    "healthy-empty-service-name",
    "healthy-ordered",
    "readiness-fails",
    "service-missing",
    "service-not-headless",
    "service-selects-some-pods",
    "sets-only-user",
    "user-without-cluster-objects",
];

/// The folders of recordings, from that of all: those made for this command, and some of the others.
fn recordings() -> Vec<String> {
    let made = fs::read_dir(root().join("tests/clusters/dns")).unwrap();
    let made = made.map(|entry| format!("dns/{}", entry.unwrap().file_name().to_str().unwrap()));
    made.chain(OTHERS.map(str::to_owned))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn ask(recording: &str, words: &[&str]) -> Output {
    let from = format!("tests/clusters/{recording}/cluster.json");
    run(Path::new(PROGRAM), &[words, &["-n", "shop", "--from", &from]].concat())
}

fn committed(recording: &str, file: &str, answer: &Output) {
    let text = format!(
        "{}{}[exit {}]\n",
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&answer.stderr),
        answer.status.code().unwrap()
    );
    let golden = root().join("tests/clusters").join(recording).join(file);
    assert_data_eq!(text, Data::read_from(&golden, None).raw());
}

#[test]
fn answers_are_the_committed_ones() {
    let recordings = recordings();
    for recording in &recordings {
        committed(recording, "dns.txt", &ask(recording, &["dns", "web"]));
        committed(recording, "dns.json", &ask(recording, &["dns", "web", "-o", "json"]));
    }
    assert!(recordings.len() >= 20);
}

/// What is free to know is in every diagnosis.
#[test]
fn diagnoses_are_the_committed_ones() {
    for recording in recordings().iter().filter(|recording| recording.starts_with("dns/")) {
        committed(recording, "diagnose.txt", &ask(recording, &["diagnose", "web"]));
        committed(
            recording,
            "diagnose.json",
            &ask(recording, &["diagnose", "web", "-o", "json"]),
        );
        committed(recording, "status.txt", &ask(recording, &["status", "web"]));
    }
}

/// What the exit code says is what the records say.
#[test]
fn the_answer_is_no_where_a_record_is_lacking_nobody_knows_or_something_is_broken() {
    for recording in recordings() {
        let answer = ask(&recording, &["dns", "web", "-o", "json"]);
        let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
        let set = &json["sets"][0];
        let lacks = set["records"]
            .as_array()
            .unwrap()
            .iter()
            .any(|record| record["lacks"] == true);
        let mut findings = set["findings"].as_array().unwrap().iter();
        let no = lacks || set["agrees"].is_null() || findings.any(|finding| finding["severity"] == "error");
        assert_eq!(answer.status.code(), Some(if no { 3 } else { 0 }), "{recording}");
    }
}

#[test]
fn every_record_in_a_line_of_its_own() {
    let lines = |words: &[&str]| {
        let answer = ask("dns/dual-stack", words);
        String::from_utf8(answer.stdout).unwrap().lines().count()
    };
    // Four lines around the table; three ordinals with A, AAAA and two PTR each; three of the Service.
    assert_eq!(lines(&["dns", "web", "--rows"]), 4 + 3 * 4 + 3);
    assert_eq!(lines(&["dns", "web"]), 4 + 3 + 3);
}

#[test]
fn the_domain_is_part_of_every_name() {
    let answer = ask(
        "healthy-ordered",
        &["dns", "web", "--cluster-domain", "k8s.example", "-o", "json"],
    );
    let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
    assert_eq!(json["sets"][0]["domain"], "k8s.example");
    for record in json["sets"][0]["records"].as_array().unwrap() {
        let text = record.to_string();
        assert!(
            text.contains(".svc.k8s.example") && !text.contains("cluster.local"),
            "{text}"
        );
    }
}
