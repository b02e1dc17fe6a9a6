//! What a recording keeps, and what it must not.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::{
    cluster,
    fake_api::FakeApi,
    items, recordings, run,
    scenario::tool,
    served::{behind, recorded},
    text,
};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("capture-{name}"))
}

/// Records from a server into a file.
fn capture(test: &str, api: &FakeApi, words: &[&str]) -> PathBuf {
    let file = file(test);
    let answer = run(test, api, &[&["capture", "-o", file.to_str().unwrap()], words].concat());
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    assert_eq!(text(&answer.stdout), "");
    file
}

/// Every place of a pod spec that people put secrets into, each with one of its own.
fn plant(spec: &mut Value) {
    let action = |n: &str| {
        json!({"exec": {"command": [format!("hunter2-{n}-exec")]},
        "httpGet": {"path": format!("/x?token=hunter2-{n}-query"), "httpHeaders": [{"name": "Authorization", "value": format!("hunter2-{n}-header")}]}})
    };
    let container = json!({"name": "planted", "image": "app:1",
        "env": [{"name": "PASSWORD", "value": "hunter2-env"}, {"name": "DRIVER_NAME", "value": "a --token=hunter2-line"}],
        "command": ["sh", "-c", "login hunter2-command"],
        "args": ["--password=hunter2-args", "--driver", "--token=hunter2-after-flag", "hunter2-word"],
        "livenessProbe": action("live"), "readinessProbe": action("ready"), "startupProbe": action("start"),
        "lifecycle": {"postStart": action("post"), "preStop": action("pre")}});
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        if spec[list].is_null() {
            spec[list] = json!([]);
        }
        spec[list].as_array_mut().unwrap().push(container.clone());
    }
}

/// A cluster with secrets wherever a pod spec is, and in what kubectl notes.
fn planted() -> Value {
    let mut cluster = cluster("provisioner-down");
    let specs = [
        ("pods", "/spec"),
        ("statefulsets", "/spec/template/spec"),
        ("deployments", "/spec/template/spec"),
        ("controllerrevisions", "/data/spec/template/spec"),
    ];
    for (resource, path) in specs {
        let objects = items(&mut cluster, resource);
        assert!(!objects.is_empty());
        for object in objects {
            plant(object.pointer_mut(path).unwrap());
        }
    }
    for list in cluster["lists"].as_array_mut().unwrap() {
        for object in list["items"].as_array_mut().unwrap() {
            let noted = json!({"kubectl.kubernetes.io/last-applied-configuration": "hunter2-last-applied"});
            let annotations = object["metadata"]
                .as_object_mut()
                .unwrap()
                .entry("annotations")
                .or_insert(json!({}));
            annotations
                .as_object_mut()
                .unwrap()
                .extend(noted.as_object().unwrap().clone());
        }
    }
    cluster
}

#[test]
fn nothing_that_can_be_a_secret_is_recorded_unless_asked_for() {
    let api = behind(Vec::new(), recorded(planted()));
    let masked = std::fs::read_to_string(capture("planted", &api, &["-A"])).unwrap();
    let left: Vec<_> = masked
        .match_indices("hunter2")
        .map(|(at, _)| &masked[at..at + 24])
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(masked.contains(r#""masked":true"#) && masked.contains("(masked)") && masked.contains("planted"));

    let unmasked = std::fs::read_to_string(capture("planted-unmasked", &api, &["-A", "--unmasked"])).unwrap();
    assert!(unmasked.contains(r#""masked":false"#) && !unmasked.contains("last-applied"));
    let places = [
        "env",
        "line",
        "command",
        "args",
        "after-flag",
        "word",
        "live-exec",
        "pre-header",
        "post-query",
    ];
    for place in places {
        // Three lists of containers in pods (two), a set, a deployment and a revision.
        assert!(unmasked.matches(&format!("hunter2-{place}\"")).count() >= 15, "{place}");
    }
}

#[test]
fn a_recording_is_written_as_its_name_says() {
    let api = behind(Vec::new(), recorded(cluster("healthy-ordered")));
    let plain = std::fs::read(capture("plain.json", &api, &["-A"])).unwrap();
    let packed = capture("packed.json.gz", &api, &["-A"]);
    assert!(std::fs::read(&packed).unwrap().starts_with(&[0x1f, 0x8b]));
    let answer = run("stdout", &api, &["capture", "-A", "-o", "-"]);
    assert_eq!(answer.stdout, plain);
    assert!(
        text(&answer.stderr).contains("values that can hold secrets are masked"),
        "{}",
        text(&answer.stderr)
    );
    let plain = replay(&file("plain.json"), &["diagnose", "-o", "json"]);
    assert_eq!(replay(&packed, &["diagnose", "-o", "json"]), plain);
    // One object a line, so that two recordings can be compared.
    let objects = text(&answer.stdout)
        .lines()
        .filter(|line| line.contains("\"metadata\""));
    assert!(objects.count() > 40);

    let refused = run("nowhere", &api, &["capture", "-o", "/nonexistent/file"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("cannot write /nonexistent/file"),
        "{}",
        text(&refused.stderr)
    );
}

/// Standard output and exit code.
fn replay(file: &std::path::Path, words: &[&str]) -> (String, Option<i32>) {
    let answer = tool(&[words, &["--from", file.to_str().unwrap()]].concat(), None);
    (String::from_utf8(answer.stdout).unwrap(), answer.status.code())
}

fn live(test: &str, api: &FakeApi, words: &[&str]) -> (String, Option<i32>) {
    let answer = run(test, api, words);
    (String::from_utf8(answer.stdout).unwrap(), answer.status.code())
}

/// What of an answer must not depend on masked values.
fn judgement((answer, exit): &(String, Option<i32>)) -> Value {
    let answer: Value = serde_json::from_str(answer).unwrap();
    let sets = answer["sets"].as_array().unwrap().iter().map(|set| {
        let codes = set["findings"].as_array().unwrap().iter();
        let codes: Vec<_> = codes
            .map(|finding| {
                json!([
                    finding["code"],
                    finding["severity"],
                    finding["certainty"],
                    finding["subject"]
                ])
            })
            .collect();
        json!([
            set["name"],
            set["verdict"],
            set["summary"],
            set["heldBack"],
            set["notChecked"],
            codes
        ])
    });
    json!([sets.collect::<Vec<_>>(), exit])
}

fn compare(recording: &str, scope: &[&str], wrong: &mut Vec<String>) {
    let name = format!("{recording}{}", scope.concat());
    let api = behind(Vec::new(), recorded(cluster(recording)));
    let masked = capture(&format!("{name}-masked"), &api, scope);
    let unmasked = capture(&format!("{name}-unmasked"), &api, &[scope, &["--unmasked"]].concat());
    for command in ["diagnose", "status"] {
        let words = [&[command, "-o", "json"], scope].concat();
        let from_server = live(&name, &api, &words);
        if replay(&unmasked, &words) != from_server {
            wrong.push(format!("{name}: {command} of the recording differs"));
        }
        let hidden = judgement(&replay(&masked, &words));
        if hidden != judgement(&from_server) {
            wrong.push(format!("{name}: {command} of the masked recording differs: {hidden}"));
        }
    }
}

#[test]
fn a_recording_is_answered_as_the_cluster_and_a_masked_one_with_the_same_codes() {
    let mut wrong = Vec::new();
    for recording in recordings() {
        let namespace = items(&mut cluster(&recording), "statefulsets")[0]["metadata"]["namespace"].take();
        compare(&recording, &["-A"], &mut wrong);
        compare(&recording, &["-n", namespace.as_str().unwrap()], &mut wrong);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_was_refused_is_refused_in_the_recording() {
    let api = behind(Vec::new(), recorded(cluster("sets-only-user")));
    let answer = run(
        "refused-capture",
        &api,
        &["capture", "-A", "-o", file("refused").to_str().unwrap()],
    );
    assert_eq!(answer.status.code(), Some(0));
    assert!(
        text(&answer.stderr).contains("1 objects, without events, nodes"),
        "{}",
        text(&answer.stderr)
    );
    let (answer, exit) = replay(&file("refused"), &["diagnose", "-A"]);
    assert_eq!(exit, Some(3));
    assert!(answer.contains("forbidden"), "{answer}");
}
