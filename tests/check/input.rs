//! Bad input, standard input, folders, and a pipe that is closed: one clear sentence, or the answer.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::scenario::{root, tool};
use crate::{shown, text};

/// A folder of the test's own with these files.
fn folder(test: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join("check-input")
        .join(test);
    let _ = std::fs::remove_dir_all(&folder);
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    folder
}

fn local(path: &std::path::Path) -> Output {
    tool(&["check", "--local", "-n", "shop", "-f", path.to_str().unwrap()], None)
}

fn refused(test: &str, content: &str, says: &str) {
    let answer = local(&folder(test, &[("web.yaml", content)]).join("web.yaml"));
    let said = text(&answer.stderr);
    assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(1), ""), "{said}");
    assert!(
        said.lines().count() == 1 && said.contains(says),
        "{said:?} does not say {says:?}"
    );
}

const SET: &str = "{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: web}, spec: {selector: {matchLabels: {a: b}}, \
                   template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: d}]}}}}\n";

#[test]
fn bad_input_is_one_clear_sentence() {
    refused("empty", "", "there is no object in the files");
    refused("text", "hello", "it holds no Kubernetes object");
    refused("broken", "a: [b", "it is neither JSON nor YAML");
    refused("template", "a: {{ .Values.b }}\nc: [", "render the template first");
    refused("json", "{\"a\": ", "the JSON is not whole");
    refused("kindless", "apiVersion: apps/v1\n", "an object in it has no kind");
    refused(
        "other",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
        "there is no StatefulSet in the files, only ConfigMap",
    );
    refused("nameless", &SET.replace("name: web", ""), "a StatefulSet in");
    refused(
        "twice",
        &format!("{SET}---\n{SET}"),
        "two manifests describe StatefulSet web",
    );
    let other = SET.replace("name: web", "name: web, namespace: other");
    refused(
        "namespace",
        &other,
        "is of namespace \"other\", and --namespace says \"shop\"",
    );
    let missing = tool(&["check", "--local", "-f", "/nonexistent.yaml"], None);
    assert!(
        text(&missing.stderr).contains("cannot read /nonexistent.yaml"),
        "{}",
        shown(&missing)
    );
}

#[test]
fn wrong_usage_is_told_as_such() {
    for words in [
        ["check"].as_slice(),
        &["check", "-f", "a", "--local", "--from", "b"],
        &["check", "-f", "a", "-o", "wide"],
    ] {
        assert_eq!(tool(words, None).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn every_readable_file_of_a_folder_counts_and_hidden_ones_do_not() {
    let service = "{apiVersion: v1, kind: Service, metadata: {name: web}}";
    let folder = folder(
        "folder",
        &[
            ("deep/er/web.yml", SET),
            (
                "a.json",
                &serde_json::json!({"apiVersion": "v1", "kind": "ServiceList", "items": [{"metadata": {"name": "x"}}]})
                    .to_string(),
            ),
            ("service.yaml", service),
            (".hidden.yaml", "a: ["),
            (".git/config.yaml", "a: ["),
            ("notes.txt", "a: ["),
        ],
    );
    let answer = local(&folder);
    assert_eq!(answer.status.code(), Some(0), "{}", shown(&answer));
    assert!(text(&answer.stdout).contains("deep/er/web.yml"));
    let none = local(&self::folder("nothing", &[("notes.txt", "")]));
    assert!(
        text(&none.stderr).contains("holds no .yaml, .yml or .json file"),
        "{}",
        shown(&none)
    );
}

#[test]
fn two_sets_are_both_answered_also_of_two_namespaces() {
    let other = SET
        .replace("name: web", "name: db, namespace: other")
        .replace("a: b", "a: c");
    let path = folder("two", &[("web.yaml", &format!("{SET}---\n{other}"))]);
    let answer = tool(&["check", "--local", "-f", path.to_str().unwrap(), "-o", "json"], None);
    let json: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
    let names: Vec<_> = json["sets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|set| (&set["namespace"], &set["name"]))
        .collect();
    assert_eq!(
        names,
        [(&"default".into(), &"web".into()), (&"other".into(), &"db".into())]
    );
}

fn piped(words: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"))
        .args(words)
        .current_dir(root())
        .env("KUBECONFIG", "/nonexistent")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn standard_input_is_read_and_a_closed_pipe_is_no_error() {
    let answer = piped(&["check", "-f", "-", "--local"], SET.as_bytes());
    assert_eq!(answer.status.code(), Some(0), "{}", shown(&answer));
    assert!(text(&answer.stdout).contains("standard input"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"))
        .args(["check", "--local", "-f", "tests/manifests/invalid.yaml"])
        .current_dir(root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), ""));
}

#[test]
fn nothing_of_a_manifest_reaches_the_terminal_raw() {
    let hostile = SET
        .replace("name: web", r#"name: "w\e]0;x\ab\u202e""#)
        .replace("image: d", r#"image: "\e[2J""#);
    let hostile = hostile.replace("selector:", r#""sel\e[1m": 1, selector:"#);
    let path = folder("hostile", &[("web.yaml", &hostile)]);
    let answer = local(&path.join("web.yaml"));
    let said = shown(&answer);
    assert!(!said.contains(['\u{1b}', '\u{7}', '\u{202e}']), "{said:?}");
    assert_eq!(answer.status.code(), Some(3), "{said}");
}

#[test]
fn the_exit_code_follows_fail_on() {
    let from = [
        "--from",
        "tests/clusters/healthy-ordered/cluster.json",
        "-n",
        "shop",
        "-f",
    ];
    let code = |file: &str, fail_on: &str| {
        let file = format!("tests/manifests/{file}.yaml");
        tool(
            &[&["check"], from.as_slice(), &[&file, "--fail-on", fail_on]].concat(),
            None,
        )
        .status
        .code()
    };
    assert_eq!(code("new-set", "error"), Some(3));
    assert_eq!(code("new-set", "never"), Some(0));
    assert_eq!(code("good", "warning"), Some(0));
    // A refusal is a no, whatever is asked of findings.
    assert_eq!(code("fixed-fields", "never"), Some(3));
}
