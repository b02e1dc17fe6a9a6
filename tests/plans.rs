//! `plan` on recorded clusters: every kind of change, text and JSON as committed beside the recording, and what must not
//! be promised. `SNAPSHOTS=overwrite cargo test --test plans` writes the outputs anew, to be read before they are committed.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/binary.rs"]
mod binary;

use std::path::{Path, PathBuf};

use binary::{PROGRAM, root, run};
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

/// A recording, what the answer is called, and the change.
const PLANS: [(&str, &str, &[&str]); 27] = [
    ("controllers-stopped", "scale-up", &["--replicas", "5"]),
    ("healthy-ordered", "nothing", &["--replicas", "3"]),
    ("healthy-ordered", "scale-up", &["--replicas", "5"]),
    ("healthy-ordered", "scale-up-by-many", &["--replicas", "40"]),
    ("healthy-ordered", "scale-down", &["--replicas", "1"]),
    ("healthy-ordered", "image", &["--image", "app=app:2.0"]),
    ("healthy-ordered", "restart", &["--restart"]),
    ("healthy-ordered", "partition", &["--partition", "2"]),
    ("healthy-ordered", "file", &["-f", "tests/plans/web.yaml"]),
    (
        "healthy-ordered",
        "file-refused",
        &["-f", "tests/plans/web-immutable.yaml"],
    ),
    ("healthy-ordered", "file-silent", &["-f", "tests/plans/web-silent.yaml"]),
    ("healthy-claims-left", "scale-up", &["--replicas", "5"]),
    ("healthy-claims-left", "scale-down", &["--replicas", "1"]),
    ("healthy-claims-left", "restart", &["--restart"]),
    ("healthy-claims-go-when-scaled", "scale-down", &["--replicas", "1"]),
    ("healthy-partition-held", "partition", &["--partition", "0"]),
    ("healthy-partition-held", "image", &["--image", "app=app:3.0"]),
    ("healthy-on-delete-waits", "restart", &["--restart"]),
    ("healthy-parallel-start-5", "scale-up", &["--replicas", "6"]),
    ("healthy-parallel-start-5", "scale-down", &["--replicas", "1"]),
    ("healthy-parallel-start-5", "image", &["--image", "app=app:2.0"]),
    ("healthy-three-revisions", "restart", &["--restart"]),
    ("progressing-min-ready", "scale-up", &["--replicas", "5"]),
    ("reverted-image", "image", &["--image", "app=app:2.0"]),
    ("lower-ordinal-blocks-update", "scale-up", &["--replicas", "5"]),
    ("quota-refuses-pod", "scale-up", &["--replicas", "5"]),
    ("owned-by-custom-resource", "scale-up", &["--replicas", "4"]),
];

fn recording(name: &str) -> PathBuf {
    root().join("tests/clusters").join(name)
}

fn plan(from: &Path, words: &[&str]) -> (String, Option<i32>) {
    let place = ["plan", "web", "-n", "shop", "--from", from.to_str().unwrap()];
    let answer = run(Path::new(PROGRAM), &[place.as_slice(), words].concat());
    let said = String::from_utf8(answer.stdout).unwrap() + &String::from_utf8(answer.stderr).unwrap();
    (said, answer.status.code())
}

fn json(from: &Path, words: &[&str]) -> Value {
    let (said, _) = plan(from, &[words, &["-o", "json"]].concat());
    let answer: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"));
    answer["sets"][0].clone()
}

#[test]
fn outputs_are_the_committed_ones() {
    for (scenario, name, words) in PLANS {
        for (suffix, form) in [("txt", &[][..]), ("json", &["-o", "json"])] {
            let (said, exit) = plan(&recording(scenario).join("cluster.json"), &[words, form].concat());
            let text = format!("{said}[exit {}]\n", exit.unwrap());
            let golden = recording(scenario).join(format!("plan-{name}.{suffix}"));
            assert_data_eq!(text, Data::read_from(&golden, None).raw());
        }
    }
}

#[test]
fn a_mistyped_number_is_not_followed_to_its_end() {
    let healthy = recording("healthy-ordered").join("cluster.json");
    let plan = json(&healthy, &["--replicas", "2000000000"]);
    assert_eq!(plan["outcome"]["more"], true);
    assert!(plan["steps"].as_array().unwrap().len() < 2_000);
    assert_eq!(plan["time"], Value::Null);
}

#[test]
fn what_makes_no_sense_is_refused_in_one_sentence() {
    let healthy = recording("healthy-ordered").join("cluster.json");
    let other = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other.yaml");
    std::fs::write(
        &other,
        "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: db}}\n",
    )
    .unwrap();
    for (words, sentence) in [
        (
            &["--image", "db=db:2"][..],
            "statefulset \"web\" has no container \"db\"; it has app",
        ),
        (&["-f", other.to_str().unwrap()], "holds no StatefulSet \"web\""),
    ] {
        let (said, exit) = plan(&healthy, words);
        assert_eq!(exit, Some(1));
        assert!(
            said.starts_with("error: ") && said.contains(sentence) && said.lines().count() == 1,
            "{said}"
        );
    }
    let on_delete = recording("healthy-on-delete-waits").join("cluster.json");
    let (said, exit) = plan(&on_delete, &["--partition", "1"]);
    assert_eq!(
        said,
        "error: statefulset \"web\" has no partition: its update strategy is OnDelete\n"
    );
    assert_eq!(exit, Some(1));
    for words in [
        &[][..],
        &["--restart", "--replicas", "3"],
        &["--image", "app"],
        &["--replicas", "many"],
    ] {
        assert_eq!(plan(&healthy, words).1, Some(2), "{words:?}");
    }
}

/// The recording with one thing changed in it.
fn changed(name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = std::fs::read_to_string(recording("healthy-ordered").join("cluster.json")).unwrap();
    let mut cluster: Value = serde_json::from_str(&text).unwrap();
    change(&mut cluster);
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("plan-{name}.json"));
    std::fs::write(&file, cluster.to_string()).unwrap();
    file
}

fn list<'c>(cluster: &'c mut Value, resource: &str) -> &'c mut Value {
    let lists = cluster["lists"].as_array_mut().unwrap();
    lists.iter_mut().find(|list| list["resource"] == resource).unwrap()
}

#[test]
fn the_name_of_a_new_revision_is_told_only_where_its_bytes_are_known() {
    let revision = |from: &Path| json(from, &["--image", "app=app:2.0"])["steps"][1]["revision"].clone();
    let as_it_is = changed("as-it-is", |_| ());
    assert!(revision(&as_it_is).as_str().unwrap().starts_with("web-"));
    // A value that is not what it was: today's template no longer gives the name of today's revision.
    let masked = changed("masked", |cluster| {
        cluster["masked"] = true.into();
        let env = serde_json::json!([{"name": "PASSWORD", "value": "(masked)"}]);
        list(cluster, "statefulsets")["items"][0]["spec"]["template"]["spec"]["containers"][0]["env"] = env.clone();
        let revisions = list(cluster, "controllerrevisions")["items"].as_array_mut().unwrap();
        for revision in revisions
            .iter_mut()
            .filter(|revision| revision["metadata"]["namespace"] == "shop")
        {
            revision["data"]["spec"]["template"]["spec"]["containers"][0]["env"] = env.clone();
        }
    });
    assert_eq!(revision(&masked), Value::Null);
    assert_eq!(
        json(&masked, &["--replicas", "4"])["steps"][1]["revision"],
        "web-8fdc4f555"
    );
}

#[test]
fn what_was_not_read_is_named_and_not_taken_for_absent() {
    let forbid = |resource: &'static str| {
        changed(resource, |cluster| {
            let list = list(cluster, resource);
            list["items"] = Value::Array(Vec::new());
            list["gaps"] = serde_json::json!([{"reason": "forbidden"}]);
        })
    };
    for (resource, words) in [
        ("horizontalpodautoscalers", ["--replicas", "5"]),
        ("poddisruptionbudgets", ["--replicas", "1"]),
        ("persistentvolumeclaims", ["--replicas", "5"]),
    ] {
        let plan = json(&forbid(resource), &words);
        let named = plan["notChecked"]
            .as_array()
            .unwrap()
            .iter()
            .any(|gap| gap["what"] == resource);
        assert!(named, "{resource}: {}", plan["notChecked"]);
        let claims = plan["effects"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|effect| effect["effect"] == "claimMade");
        assert_eq!(
            claims.count(),
            if resource == "horizontalpodautoscalers" { 2 } else { 0 },
            "{resource}"
        );
    }
    let (said, exit) = plan(&forbid("pods"), &["--replicas", "5"]);
    assert_eq!(
        (said.as_str(), exit),
        ("error: pods could not be read: forbidden\n", Some(1))
    );
}

#[test]
fn a_digest_is_the_plan_s_meaning() {
    let digest = |from: &Path, words: &[&str]| json(from, words)["digest"].clone();
    let healthy = recording("healthy-ordered").join("cluster.json");
    let down = digest(&healthy, &["--replicas", "1"]);
    assert_eq!(down, digest(&healthy, &["--replicas", "1"]));
    assert_ne!(down, digest(&healthy, &["--replicas", "2"]));
    // Time alone changes nothing; another pod in the place of one that would go does.
    let later = changed("later", |cluster| cluster["takenAt"] = "2026-11-21T10:10:47Z".into());
    assert_eq!(down, digest(&later, &["--replicas", "1"]));
    let other = changed("other", |cluster| {
        let pods = list(cluster, "pods")["items"].as_array_mut().unwrap();
        let pod = pods.iter_mut().find(|pod| pod["metadata"]["name"] == "web-2").unwrap();
        pod["metadata"]["uid"] = "another".into();
    });
    assert_ne!(down, digest(&other, &["--replicas", "1"]));
}
