//! `--from` on what `kubectl get … -o yaml|json` printed: dumps of the testbed, with the answers that they allow. What a
//! file lacks is named, and no verdict is better than the facts.
//! `SNAPSHOTS=overwrite cargo test --test files` writes the answers anew, to be read before they are committed.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/scenario.rs"]
mod scenario;

use std::io::Write as _;
use std::path::PathBuf;

use scenario::{root, tool};
use serde_json::Value;
use snapbox::{Data, assert_data_eq};

/// A dump, its verdict, its root with how certain that is, and its exit code.
type Expected = (&'static str, &'static str, Option<(&'static str, &'static str)>, i32);

const DUMPS: [Expected; 8] = [
    // Sets alone: nothing can be said.
    ("sets-only.yaml", "unknown", None, 3),
    // Pods are Ready; the governing Service was not asked for.
    ("sets-and-pods.yaml", "unknown", None, 3),
    ("healthy-ordered.json", "healthy", None, 0),
    // The set counts three pods, the file holds one.
    ("one-pod-of-three.yaml", "unknown", None, 3),
    ("reverted-image.yaml", "blocked", Some(("STS204", "certain")), 3),
    // A folder, a file a kind. Its root rests on an absence, which nothing confirmed.
    ("provisioner-not-deployed", "blocked", Some(("STS112", "likely")), 3),
    // Services of another namespace say nothing of this one's.
    ("service-missing", "unknown", None, 3),
    // Another Service of the namespace is there.
    ("service-renamed.yaml", "degraded", Some(("STS401", "likely")), 3),
];

fn dump(name: &str) -> String {
    root().join("tests/dumps").join(name).to_str().unwrap().to_owned()
}

fn json(words: &[&str]) -> (Value, Option<i32>) {
    let answer = tool(words, None);
    let text = String::from_utf8_lossy(&answer.stdout);
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{answer:?}"));
    (json, answer.status.code())
}

#[test]
fn dumps_are_answered_as_far_as_they_allow() {
    for (name, verdict, root, exit) in DUMPS {
        let (answer, code) = json(&["diagnose", "web", "-o", "json", "--from", &dump(name)]);
        let set = &answer["sets"][0];
        assert_eq!(
            (set["verdict"].as_str().unwrap(), code),
            (verdict, Some(exit)),
            "{name}: {}",
            set["summary"]
        );
        let findings = set["findings"].as_array().unwrap().iter();
        let found = findings.filter(|finding| finding["role"] == "root" && finding["severity"] != "info");
        let found: Vec<_> = found
            .map(|f| (f["code"].as_str().unwrap(), f["certainty"].as_str().unwrap()))
            .collect();
        assert_eq!(found, root.into_iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn what_a_dump_lacks_is_said() {
    for (name, ..) in DUMPS {
        // From the root, so that the path in the answer is the same everywhere.
        let from = format!("tests/dumps/{name}");
        let answer = tool(&["diagnose", "web", "--from", &from], None);
        let golden = root().join("tests/dumps/expected").join(format!("{name}.txt"));
        assert!(answer.stderr.is_empty(), "{answer:?}");
        let text = String::from_utf8(answer.stdout).unwrap();
        assert!(text.contains("(not in the file)"), "{text}");
        assert_data_eq!(text, Data::read_from(&golden, None).raw());
    }
}

#[test]
fn the_form_of_a_file_does_not_change_its_answer() {
    let text = std::fs::read(dump("healthy-ordered.json")).unwrap();
    let list: Value = serde_json::from_slice(&text).unwrap();
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("forms");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("objects")).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    };
    let items = list["items"].as_array().unwrap();
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(&text).unwrap();
    let documents: Vec<_> = items.iter().map(|item| serde_yaml::to_string(item).unwrap()).collect();
    let lines: Vec<_> = items.iter().map(Value::to_string).collect();
    for (n, item) in items.iter().enumerate() {
        write(&format!("objects/{n}.json"), item.to_string().as_bytes());
    }
    let forms = [
        write("list.yaml", serde_yaml::to_string(&list).unwrap().as_bytes()),
        write("documents.yaml", documents.join("---\n").as_bytes()),
        write("lines.json", lines.join("\n").as_bytes()),
        write("dump.json.gz", &zip.finish().unwrap()),
        // The name says nothing: the content does.
        write(
            "packed-without-suffix",
            &std::fs::read(folder.join("dump.json.gz")).unwrap(),
        ),
        write(
            "windows.yaml",
            [
                b"\xef\xbb\xbf".as_slice(),
                documents.join("---\n").replace('\n', "\r\n").as_bytes(),
            ]
            .concat()
            .as_slice(),
        ),
        folder.join("objects"),
    ];
    let (expected, _) = json(&["status", "-o", "json", "--from", &dump("healthy-ordered.json")]);
    assert_eq!(expected["sets"][0]["verdict"], "healthy");
    for form in forms {
        let (answer, _) = json(&["status", "-o", "json", "--from", form.to_str().unwrap()]);
        assert_eq!(answer, expected, "{}", form.display());
    }
}

#[test]
fn a_recording_of_one_namespace_does_not_speak_for_others() {
    let text = std::fs::read_to_string(root().join("tests/clusters/healthy-ordered/cluster.json")).unwrap();
    let mut recording: Value = serde_json::from_str(&text).unwrap();
    recording["namespace"] = "shop".into();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("one-namespace.json");
    std::fs::write(&file, recording.to_string()).unwrap();
    for scope in [["-n", "other"].as_slice(), &["-A"]] {
        let answer = tool(&[&["status", "--from", file.to_str().unwrap()], scope].concat(), None);
        assert_eq!(answer.status.code(), Some(1));
        let told = String::from_utf8(answer.stderr).unwrap();
        assert_eq!(told, "error: the recording holds namespace shop only\n");
    }
}
