//! Bad input: each is one clear line or a right answer, with the documented exit code; nothing panics, and nothing that
//! a cluster says reaches the terminal raw.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[allow(dead_code, reason = "shared with other tests")]
#[path = "support/scenario.rs"]
mod scenario;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use kubectl_sts::diagnose::diagnose;
use kubectl_sts::diagnose::ledger::ledger;
use kubectl_sts::model::link::link;
use kubectl_sts::model::recording::Recording;
use kubectl_sts::render::Layout;
use kubectl_sts::render::diagnosis::{diagnosis, header, several};
use kubectl_sts::render::ledger::{Detail, ledger as draw};
use kubectl_sts::render::overview::{OverviewRow, overview};
use scenario::{root, tool};
use serde_json::{Value, json};

fn recording(name: &str) -> Value {
    let file = root().join("tests/clusters").join(name).join("cluster.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn items<'c>(cluster: &'c mut Value, resource: &str) -> &'c mut Vec<Value> {
    let mut lists = cluster["lists"].as_array_mut().unwrap().iter_mut();
    lists.find(|list| list["resource"] == resource).unwrap()["items"]
        .as_array_mut()
        .unwrap()
}

/// A file of this content; `name` is the test's.
fn file(name: &str, content: &[u8]) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("input-{name}"));
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs a command on a changed recording.
fn on(name: &str, cluster: &Value, words: &[&str]) -> Output {
    // Tests run side by side.
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{name}-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let file = file(&name, cluster.to_string().as_bytes());
    let answer = tool(&[words, &["--from", &file]].concat(), None);
    std::fs::remove_file(file).unwrap();
    answer
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// No panic, a documented exit code, and not a silent failure.
fn sound(answer: &Output, what: &str) {
    let told = text(&answer.stderr);
    assert!(
        !told.contains("panicked") && !told.contains("RUST_BACKTRACE"),
        "{what}: {told}"
    );
    let code = answer
        .status
        .code()
        .unwrap_or_else(|| panic!("{what}: ended by a signal"));
    assert!([0, 1, 2, 3].contains(&code), "{what}: {code}");
    assert!(code != 1 || !told.is_empty(), "{what}: failed without a word");
}

/// One line on standard error, nothing on standard output, exit code 1.
fn one_line(answer: &Output, says: &str) {
    let told = text(&answer.stderr);
    sound(answer, says);
    assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(1), ""), "{told}");
    assert!(
        told.lines().count() == 1 && told.contains(says),
        "{told:?} does not say {says:?}"
    );
}

#[test]
fn an_unknown_set_is_said_with_the_nearest_name() {
    let cluster = recording("healthy-ordered");
    for command in ["diagnose", "status"] {
        let answer = on("unknown", &cluster, &[command, "wbe", "-n", "shop"]);
        one_line(
            &answer,
            r#"statefulsets "wbe" not found in namespace shop; did you mean "web"?"#,
        );
        one_line(
            &on("unknown", &cluster, &[command, "entirely-different", "-n", "shop"]),
            "not found in namespace shop",
        );
    }
}

#[test]
fn of_several_names_the_known_ones_are_answered() {
    let cluster = recording("healthy-ordered");
    for words in [["diagnose", "web", "nope"], ["status", "nope", "web"]] {
        let answer = on("several", &cluster, &words);
        assert_eq!(answer.status.code(), Some(1));
        assert!(text(&answer.stdout).contains("web-0") || text(&answer.stdout).contains("shop/web"));
        assert!(text(&answer.stderr).contains(r#""nope" not found"#));
    }
}

#[test]
fn an_empty_namespace_is_said_and_is_no_failure() {
    for command in ["diagnose", "status"] {
        let answer = on(
            "empty-namespace",
            &recording("healthy-ordered"),
            &[command, "-n", "nothing-here"],
        );
        assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(0), ""));
        assert_eq!(
            text(&answer.stderr),
            "No StatefulSets found in namespace nothing-here.\n"
        );
    }
}

#[test]
fn kubeconfigs_that_do_not_serve_are_one_line() {
    let missing = tool(&["status", "--kubeconfig", "/nonexistent/config"], None);
    one_line(&missing, "/nonexistent/config");
    let wrong = file("kubeconfig", b"current-context: [unclosed");
    one_line(&tool(&["status", "--kubeconfig", &wrong], None), "input-kubeconfig");
    let other = file("kubeconfig-image", b"\x89PNG\r\n\x1a\n\0\0");
    one_line(
        &tool(&["status", "--kubeconfig", &other], None),
        "input-kubeconfig-image",
    );
    let empty = file("kubeconfig-empty", b"");
    sound(&tool(&["status", "--kubeconfig", &empty], None), "an empty kubeconfig");
    let context = tool(&["status", "--kubeconfig", &empty, "--context", "nope"], None);
    one_line(&context, "nope");
}

#[test]
fn files_that_are_no_dump_are_one_line() {
    let whole = recording("healthy-ordered").to_string();
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(whole.as_bytes()).unwrap();
    let zip = zip.finish().unwrap();
    let cases: [(&str, &[u8], &str); 13] = [
        ("empty.json", b"", "is empty"),
        ("blank.yaml", b"\n\n---\n", "is empty"),
        (
            "half.json",
            &whole.as_bytes()[..whole.len() / 2],
            "the JSON is not whole",
        ),
        (
            "half.json.gz",
            &zip[..zip.len() / 2],
            "is not whole: it does not unpack",
        ),
        ("head.gz", &zip[..3], "is not whole: it does not unpack"),
        ("image.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "it is no text"),
        (
            "page.html",
            b"<!DOCTYPE html><html><body>log in</body></html>",
            "holds no recording and no Kubernetes object",
        ),
        (
            "random.yaml",
            b"a: 1\nb: [x, y]\n",
            "holds no recording and no Kubernetes object",
        ),
        ("broken.yaml", b"a: [1\nb: {", "it is neither JSON nor YAML"),
        ("number", b"7", "holds no recording and no Kubernetes object"),
        (
            "manifest.yaml",
            b"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: web}\nspec: {replicas: 3}\n",
            "holds manifests",
        ),
        (
            "nothing.json",
            br#"{"apiVersion": "v1", "kind": "List", "items": []}"#,
            "holds an empty list",
        ),
        (
            "newer.json",
            br#"{"apiVersion": "kubectl-sts/v9", "kind": "Recording"}"#,
            r#"is a recording of version "kubectl-sts/v9""#,
        ),
    ];
    for (name, content, says) in cases {
        for command in ["diagnose", "status"] {
            one_line(&tool(&[command, "--from", &file(name, content)], None), says);
        }
    }
    one_line(
        &tool(&["status", "--from", "/nonexistent/dump.json"], None),
        "cannot read /nonexistent/dump.json: No such file",
    );
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("input-folder");
    std::fs::create_dir_all(&folder).unwrap();
    one_line(
        &tool(&["status", "--from", folder.to_str().unwrap()], None),
        "holds no .json, .yaml or .gz file",
    );
    for name in ["a.json", "b.json"] {
        std::fs::write(folder.join(name), whole.as_bytes()).unwrap();
    }
    one_line(
        &tool(&["status", "--from", folder.to_str().unwrap()], None),
        "holds 2 recordings; name one of them",
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_recording_is_found_among_other_files() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("input-among");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("a.json"), b"{} [exit 0]").unwrap();
    std::fs::write(folder.join("b.json"), recording("healthy-ordered").to_string()).unwrap();
    let answer = tool(&["diagnose", "--from", folder.to_str().unwrap()], None);
    assert_eq!((answer.status.code(), text(&answer.stderr)), (Some(0), ""));
}

#[test]
fn a_recording_without_one_of_its_own_fields_is_refused_or_answered() {
    let whole = recording("healthy-ordered");
    for field in whole.as_object().unwrap().keys() {
        let mut less = whole.clone();
        less.as_object_mut().unwrap().remove(field);
        let answer = on("field", &less, &["diagnose"]);
        sound(&answer, field);
        let may_go = ["serverVersion", "namespace"].contains(&field.as_str());
        assert_eq!(answer.status.code() == Some(0), may_go, "{field}: {answer:?}");
    }
}

/// What a terminal would act on, and what reorders or hides what stands beside it.
const NASTY: &str = "x\u{1b}[2J\u{7}\r\u{9b}31m\u{202e}gnp\u{2066}\u{200b}\u{feff}\u{7f}\ny";

fn is_raw(c: char) -> bool {
    is_control(c)
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\n'
}

/// Puts the nasty text behind every string of the cluster, but where a program reads it.
fn poison(value: &mut Value, key: &str) {
    let programs = [
        "kind",
        "apiVersion",
        "phase",
        "type",
        "status",
        "uid",
        "resource",
        "group",
        "takenAt",
        "operator",
    ];
    match value {
        Value::String(text) if !programs.contains(&key) && text.parse::<jiff::Timestamp>().is_err() => {
            text.push_str(NASTY)
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| poison(value, key)),
        _ => {}
    }
}

#[test]
fn no_string_of_a_cluster_reaches_the_terminal_raw() {
    let mut said = 0;
    for entry in std::fs::read_dir(root().join("tests/clusters")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !root().join("tests/clusters").join(&name).join("cluster.json").exists() {
            continue;
        }
        let mut everywhere = recording(&name);
        let context = everywhere["context"].as_str().unwrap().to_owned() + NASTY;
        everywhere["context"] = context.into();
        for list in everywhere["lists"].as_array_mut().unwrap() {
            list["items"]
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|item| poison(item, ""));
        }
        // Names that hold, with messages and reasons that do not: rules find what they look for.
        let mut messages = recording(&name);
        for list in messages["lists"].as_array_mut().unwrap() {
            for item in list["items"].as_array_mut().unwrap() {
                poison_messages(item, "");
            }
        }
        for cluster in [everywhere, messages] {
            let set = items(&mut cluster.clone(), "statefulsets")[0]["metadata"]["name"]
                .as_str()
                .unwrap()
                .to_owned();
            let asked = [
                vec!["diagnose", "-A"],
                vec!["diagnose", set.as_str()],
                vec!["status", "-A", "-o", "wide"],
                vec!["status", set.as_str(), "-o", "wide"],
                vec!["status", "-o", "name"],
                vec!["status", "nobody"],
                vec!["status", "-o", "yaml"],
                vec!["status", "-o", "json"],
            ];
            for words in asked {
                let answer = on("nasty", &cluster, &words);
                sound(&answer, &format!("{name} {words:?}"));
                for stream in [&answer.stdout, &answer.stderr] {
                    // YAML keeps what only reorders: it is data, and has no escapes outside quotes.
                    let acts = |c| {
                        if words.contains(&"yaml") {
                            is_control(c)
                        } else {
                            is_raw(c)
                        }
                    };
                    let raw: Vec<_> = text(stream).lines().filter(|line| line.contains(acts)).collect();
                    assert!(raw.is_empty(), "{name} {words:?}: {raw:?}");
                    said += usize::from(text(stream).contains("u{1b}") || text(stream).contains("\\u001b"));
                }
            }
        }
    }
    assert!(said > 50, "{said}");
}

fn poison_messages(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if ["message", "reason", "image", "nodeName", "volumeName"].contains(&key) => {
            text.push_str(NASTY)
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison_messages(item, key)),
        Value::Object(fields) => fields.iter_mut().for_each(|(key, value)| poison_messages(value, key)),
        _ => {}
    }
}

#[test]
fn errors_that_quote_a_cluster_are_not_raw_either() {
    let mut cluster = recording("sets-only-user");
    cluster["lists"]
        .as_array_mut()
        .unwrap()
        .retain(|list| list["resource"] != "statefulsets");
    let mut failed = recording("healthy-ordered");
    for list in failed["lists"].as_array_mut().unwrap() {
        list["gaps"] = json!([{"reason": "failed", "detail": format!("the server said {NASTY}")}]);
        list["items"] = json!([]);
    }
    let newer = json!({"apiVersion": format!("v{NASTY}"), "kind": "Recording"});
    for (name, cluster) in [
        ("nasty-none", cluster),
        ("nasty-failed", failed),
        ("nasty-newer", newer),
    ] {
        let answer = on(name, &cluster, &["status"]);
        one_line(&answer, "error: ");
        assert!(!text(&answer.stderr).trim_end().contains(is_raw), "{answer:?}");
    }
}

#[test]
fn long_names_are_answered() {
    let long = "n".repeat(253);
    let words = recording("healthy-ordered")
        .to_string()
        .replace(r#""web"#, &format!(r#""{long}"#));
    let cluster: Value = serde_json::from_str(&words).unwrap();
    for words in [["diagnose", "-A"], ["status", "-A"], ["status", &long]] {
        let answer = on("long", &cluster, &words);
        sound(&answer, "long names");
        assert!(text(&answer.stdout).contains(&long), "{answer:?}");
    }
    let nearest = "m".repeat(100_000);
    sound(&on("long", &cluster, &["status", &nearest]), "a long argument");
}

/// Changes the first set, and gives every command's answer.
fn numbers(change: impl Fn(&mut Value)) -> Vec<Output> {
    let mut cluster = recording("healthy-ordered");
    change(&mut cluster);
    let commands: [&[&str]; 2] = [&["diagnose"], &["status", "web", "-o", "json"]];
    commands.iter().map(|words| on("numbers", &cluster, words)).collect()
}

#[test]
fn numbers_at_their_ends_are_answered() {
    let ends = [
        i64::from(i32::MAX),
        i64::from(i32::MIN),
        -1,
        0,
        i64::from(i32::MAX) + 1,
        i64::MAX,
        i64::MIN,
    ];
    let paths = [
        ("statefulsets", "/spec/replicas"),
        ("statefulsets", "/spec/minReadySeconds"),
        ("statefulsets", "/spec/revisionHistoryLimit"),
        ("statefulsets", "/spec/updateStrategy/rollingUpdate"),
        ("statefulsets", "/spec/ordinals"),
        ("statefulsets", "/status/replicas"),
        ("statefulsets", "/status/collisionCount"),
        ("statefulsets", "/metadata/generation"),
        ("pods", "/metadata/deletionGracePeriodSeconds"),
        ("pods", "/status/containerStatuses/0/restartCount"),
        ("events", "/count"),
        ("controllerrevisions", "/revision"),
    ];
    for (resource, path) in paths {
        for end in ends {
            let value = match path {
                "/spec/updateStrategy/rollingUpdate" => json!({"partition": end, "maxUnavailable": end}),
                "/spec/ordinals" => json!({"start": end}),
                _ => json!(end),
            };
            let answers = numbers(|cluster| {
                for item in items(cluster, resource) {
                    let (parent, key) = path.rsplit_once('/').unwrap();
                    item.pointer_mut(parent).unwrap()[key] = value.clone();
                    if path.ends_with("GracePeriodSeconds") {
                        item["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
                    }
                }
            });
            for answer in &answers {
                sound(answer, &format!("{resource}{path} = {end}"));
            }
        }
    }
    // What cannot be read is named, not "not found".
    for answer in numbers(|cluster| items(cluster, "statefulsets")[0]["spec"]["replicas"] = json!(i64::MAX)) {
        one_line(&answer, "statefulsets could not be read");
    }
    let huge = numbers(|cluster| items(cluster, "statefulsets")[0]["spec"]["replicas"] = json!(i32::MAX));
    let huge: Value = serde_json::from_slice(&huge[1].stdout).unwrap();
    assert_eq!(huge["sets"][0]["serving"], json!({"ready": 3, "wanted": i32::MAX}));
}

#[test]
fn ordinals_beyond_the_api_are_no_pods_of_a_set() {
    for ordinal in ["99999999999", "2147483648", "-1", "007", "18446744073709551616"] {
        let answers = numbers(|cluster| {
            let pods = items(cluster, "pods");
            let mut pod = pods
                .iter()
                .find(|pod| pod["metadata"]["name"] == "web-0")
                .unwrap()
                .clone();
            pod["metadata"]["name"] = json!(format!("web-{ordinal}"));
            pod["metadata"]["uid"] = json!("another");
            pods.push(pod);
        });
        for answer in answers {
            sound(&answer, ordinal);
            assert_eq!(text(&answer.stderr), "", "{ordinal}");
        }
    }
    let cluster = recording("healthy-ordered");
    one_line(
        &on("ordinal", &cluster, &["status", "pod/web-99999999999"]),
        "not found",
    );
    sound(
        &on("ordinal", &cluster, &["status", "pvc/data-web-18446744073709551616"]),
        "a claim's ordinal",
    );
}

#[test]
fn two_objects_of_one_name_are_answered() {
    for resource in [
        "statefulsets",
        "pods",
        "persistentvolumeclaims",
        "controllerrevisions",
        "nodes",
    ] {
        let answers = numbers(|cluster| {
            let all = items(cluster, resource);
            all.extend(all.clone());
        });
        answers.iter().for_each(|answer| sound(answer, resource));
    }
}

#[test]
fn a_closed_pipe_is_no_error() {
    let from = root().join("tests/clusters/healthy-ordered/cluster.json");
    for words in [
        ["status", "-o", "json"],
        ["diagnose", "-o", "yaml"],
        ["explain", "--color", "never"],
        ["--help", "-n", "x"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"));
        command
            .args(words)
            .env("KUBECONFIG", "/nonexistent")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if words[0] != "explain" && words[0] != "--help" {
            command.arg("--from").arg(&from);
        }
        let mut child = command.spawn().unwrap();
        // The reader goes before the first word.
        drop(child.stdout.take());
        let answer = child.wait_with_output().unwrap();
        assert_eq!((answer.status.code(), text(&answer.stderr)), (Some(0), ""), "{words:?}");
    }
}

#[test]
fn a_narrow_terminal_is_drawn_on() {
    let layout = Layout {
        width: Some(20),
        ..Layout::default()
    };
    let mut drawn = 0;
    for entry in std::fs::read_dir(root().join("tests/clusters")).unwrap() {
        let Ok(content) = std::fs::read(entry.unwrap().path().join("cluster.json")) else {
            continue;
        };
        let snapshot = serde_json::from_slice::<Recording>(&content).unwrap().into_snapshot();
        let now = snapshot.taken_at;
        let linked = link(&snapshot);
        for set in linked.sets() {
            let (cx, report) = diagnose(&linked, set);
            let rows = ledger(&cx);
            let detail = Detail { wide: true, rows: true };
            let row = OverviewRow {
                report: &report,
                ledger: &rows,
                images: vec!["image".repeat(30)],
            };
            let texts = [
                header(&snapshot.origin, &report, "", now, &layout) + &diagnosis(&report, "", now, &layout),
                draw(&snapshot.origin, &report, &rows, now, detail, &layout),
                overview(&[row], now, true, true, &layout),
                several(&[(report.clone(), String::new())], &snapshot.origin, now, &layout),
            ];
            // Broken into lines, each within what can be laid out at all, but for what must stay whole to be pasted.
            for text in &texts {
                assert!(text.ends_with('\n') && text.lines().count() > 1 || text.lines().count() == 1);
            }
            drawn += texts.len();
        }
    }
    assert!(drawn > 80);
}
