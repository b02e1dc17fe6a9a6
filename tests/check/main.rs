//! `check`: whole answers for manifests against recorded clusters, what is asked of a server and how its answers are
//! taken, and bad input.
//! `SNAPSHOTS=overwrite cargo test --test check` writes the answers anew, to be read before they are committed.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    missing_docs,
    reason = "test code: a panic is the report, and the counts are read"
)]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/fake_api.rs"]
mod fake_api;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/held.rs"]
mod held;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/scenario.rs"]
mod scenario;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/scene.rs"]
mod scene;
#[allow(dead_code, reason = "shared with other tests")]
#[path = "../support/served.rs"]
mod served;

mod input;
mod live;
mod server;

use std::process::Output;

use scenario::{root, tool};
use snapbox::{Data, assert_data_eq};

/// A recorded cluster, and a manifest of `tests/manifests` that is checked against it.
const CASES: [(&str, &str); 9] = [
    ("good", "healthy-ordered"),
    ("fixed-fields", "healthy-ordered"),
    ("one-field", "healthy-ordered"),
    ("invalid", "healthy-ordered"),
    ("misshapen", "healthy-ordered"),
    ("old-version", "healthy-ordered"),
    ("new-set", "healthy-ordered"),
    ("owned", "owned-by-custom-resource"),
    ("sets-only", "sets-only-user"),
];

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What a terminal would show, and the exit code.
fn shown(answer: &Output) -> String {
    let code = answer.status.code().unwrap();
    format!("{}{}[exit {code}]\n", text(&answer.stdout), text(&answer.stderr))
}

fn compare(name: &str, text: String) {
    let golden = root().join("tests/manifests").join(name);
    assert_data_eq!(text, Data::read_from(&golden, None).raw());
}

#[test]
fn answers_are_the_committed_ones() {
    for (case, recording) in CASES {
        let (file, from) = (
            format!("tests/manifests/{case}.yaml"),
            format!("tests/clusters/{recording}/cluster.json"),
        );
        let words = ["check", "-f", &file, "--from", &from, "-n", "shop"];
        compare(&format!("{case}.txt"), shown(&tool(&words, None)));
        compare(
            &format!("{case}.json"),
            shown(&tool(&[&words, ["-o", "json"].as_slice()].concat(), None)),
        );
    }
}

#[test]
fn every_manifest_has_its_case() {
    let files = std::fs::read_dir(root().join("tests/manifests")).unwrap();
    let names = files.map(|entry| entry.unwrap().path());
    let names = names.filter(|path| path.extension().is_some_and(|suffix| suffix == "yaml"));
    let names: std::collections::BTreeSet<_> = names
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let cases = CASES.into_iter().map(|(case, _)| case).chain(server::CASES);
    assert_eq!(names, cases.map(str::to_owned).collect());
}
