//! Start-up and diagnosis without a cluster: `cargo bench`. Ratios of medians of nine, taken in turn in one run, so that
//! they hold on any machine; the rows of docs/performance.md. `benches/cluster` measures against an API server.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark: a panic is the report, the table is the answer"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kubectl_sts::cluster::files::read_snapshot;
use kubectl_sts::controller::{Assumption, End, Input, Profiles};
use kubectl_sts::diagnose::diagnose;
use kubectl_sts::model::link::link;
use kubectl_sts::model::objects::StatefulSet;
use kubectl_sts::model::set::SetModel;
use kubectl_sts::operate::change::Change;
use kubectl_sts::render::envelope::{Format, envelope};
use serde_json::Value;

const ROUNDS: usize = 9;
const SETS: usize = 1000;

/// A candidate: what it is called, and one run of it.
type Candidate<'c> = (&'c str, Box<dyn FnMut() + 'c>);

fn main() {
    println!("| what | median | ratio to the last row |\n|---|---|---|");
    let kubectl = root().join("target/testbed/bin/kubectl");
    let kubectl = if kubectl.exists() { kubectl } else { "kubectl".into() };
    if Command::new(&kubectl).arg("--help").output().is_ok() {
        compare(vec![
            ("`kubectl-sts --help`", Box::new(|| quiet(program(), &["--help"]))),
            ("`kubectl --help`", Box::new(|| quiet(&kubectl, &["--help"]))),
        ]);
    }
    let file = many_sets();
    let bytes = std::fs::read(&file).unwrap();
    let snapshot = read_snapshot(&file).unwrap();
    println!(
        "| {SETS} sets, {} pods, {:.1} MB of JSON: | | |",
        snapshot.pods.items.len(),
        bytes.len() as f64 / 1e6
    );
    compare(vec![
        (
            "`diagnose -A -o json --from`, the whole process",
            Box::new(|| {
                quiet(
                    program(),
                    &["diagnose", "-A", "-o", "json", "--from", file.to_str().unwrap()],
                )
            }),
        ),
        (
            "reading the file as a snapshot",
            Box::new(|| drop(read_snapshot(&file).unwrap())),
        ),
        (
            "linking, diagnosing, JSON",
            Box::new(|| {
                let linked = link(&snapshot);
                let reports: Vec<_> = linked.sets().iter().map(|set| diagnose(&linked, set).1).collect();
                assert_eq!(reports.len(), SETS);
                drop(envelope("Diagnosis", &snapshot, reports, Format::Json).unwrap());
            }),
        ),
        (
            "parsing the file as JSON, nothing else",
            Box::new(|| drop(serde_json::from_slice::<Value>(&bytes).unwrap())),
        ),
    ]);
    for times in [1, 2, 4] {
        forecasts(times * SETS);
    }
}

/// Deciding about sets of five pods, forecasting them as they are and a restart of them all, against parsing their JSON.
fn forecasts(sets: usize) {
    let file = sets_of_five(sets);
    let bytes = std::fs::read(&file).unwrap();
    let snapshot = read_snapshot(&file).unwrap();
    let restarted: Vec<StatefulSet> = snapshot
        .stateful_sets
        .items
        .iter()
        .map(|set| Change::Restart.apply(set).unwrap().set)
        .collect();
    let linked = link(&snapshot);
    let profiles = Profiles::plausible(snapshot.server_version.as_deref());
    let input = |set| {
        let model = SetModel::new(&linked, set);
        let pods = model.rows().filter_map(|row| row.pod);
        let claims = model.rows().flat_map(|row| &row.claims).filter_map(|slot| slot.claim);
        let revisions = model.revisions.iter().copied();
        Input::new(set, pods, claims, revisions, snapshot.taken_at, profiles.first)
    };
    println!(
        "| {sets} sets, {} pods, {:.1} MB of JSON of sets, pods, claims and revisions: | | |",
        snapshot.pods.items.len(),
        bytes.len() as f64 / 1e6
    );
    compare(vec![
        (
            "what the controllers do next",
            Box::new(|| {
                for set in linked.sets() {
                    assert!(profiles.decide(&input(set)).decision.calls.is_empty());
                }
            }),
        ),
        (
            "what they do next, and the forecast of each as it is",
            Box::new(|| {
                for set in linked.sets() {
                    let expected = profiles.forecast(&input(set), &Assumption::default());
                    assert_eq!(expected.forecast.end, End::Done);
                }
            }),
        ),
        (
            "what they do next, and the forecast of a restart of each",
            Box::new(|| {
                for restarted in &restarted {
                    let expected = profiles.forecast(&input(restarted), &Assumption::default());
                    assert_eq!(expected.forecast.end, End::Done);
                    assert!(expected.forecast.calls().count() >= 10);
                }
            }),
        ),
        (
            "parsing their JSON, nothing else",
            Box::new(|| drop(serde_json::from_slice::<Value>(&bytes).unwrap())),
        ),
    ]);
}

/// Runs each in turn, and prints medians with their ratio to the last one's.
fn compare(mut candidates: Vec<Candidate<'_>>) {
    let mut times = vec![Vec::new(); candidates.len()];
    for _ in 0..ROUNDS {
        for (times, (_, run)) in times.iter_mut().zip(&mut candidates) {
            let started = Instant::now();
            run();
            times.push(started.elapsed());
        }
    }
    let medians: Vec<Duration> = times
        .iter_mut()
        .map(|times| {
            times.sort();
            times[ROUNDS / 2]
        })
        .collect();
    for ((name, _), median) in candidates.iter().zip(&medians) {
        let ratio = median.as_secs_f64() / medians.last().unwrap().as_secs_f64();
        println!("| {name} | {:.1} ms | {ratio:.2} |", median.as_secs_f64() * 1e3);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_kubectl-sts"))
}

fn quiet(program: &Path, words: &[&str]) {
    let mut command = Command::new(program);
    command.args(words).env("KUBECONFIG", "/nonexistent");
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
}

/// A recording of one healthy set with three pods and three claims, many times over: each in a namespace of its own, with
/// uids and volumes of its own.
fn many_sets() -> PathBuf {
    write("many-sets.json", &copied(recorded(), SETS))
}

/// The same with five pods a set, and with nothing but sets, pods, claims and revisions.
fn sets_of_five(sets: usize) -> PathBuf {
    let mut recording = recorded();
    let lists = recording["lists"].as_array_mut().unwrap();
    let kinds = ["statefulsets", "pods", "persistentvolumeclaims", "controllerrevisions"];
    lists.retain(|list| kinds.iter().any(|kind| list["resource"] == *kind));
    for list in lists.iter_mut() {
        let kind = list["resource"].as_str().unwrap().to_owned();
        let items = list["items"].as_array_mut().unwrap();
        items.retain(|item| item["metadata"]["namespace"] == "shop");
        if kind == "statefulsets" {
            items[0]["spec"]["replicas"] = 5.into();
        }
        let last = items
            .iter()
            .find(|item| item["metadata"]["name"].as_str().unwrap().ends_with("web-2"));
        let Some(last) = last.map(Value::to_string) else {
            continue;
        };
        for n in ["3", "4"] {
            let mut item: Value = serde_json::from_str(&last.replace("web-2\"", &format!("web-{n}\""))).unwrap();
            item["metadata"]["uid"] = format!("{kind}-{n}").into();
            items.push(item);
        }
    }
    write(&format!("sets-of-five-{sets}.json"), &copied(recording, sets))
}

fn recorded() -> Value {
    let text = std::fs::read_to_string(root().join("tests/clusters/healthy-ordered/cluster.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// What lies in the namespace of the recording, many times over.
fn copied(mut recording: Value, sets: usize) -> Value {
    for list in recording["lists"].as_array_mut().unwrap() {
        let namespaced = list["items"].pointer("/0/metadata/namespace").is_some();
        if !namespaced && list["resource"] != "persistentvolumes" {
            continue;
        }
        let items = std::mem::take(list["items"].as_array_mut().unwrap());
        let own: Vec<String> = items
            .iter()
            .map(Value::to_string)
            .filter(|item| item.contains("\"shop\""))
            .collect();
        let copy = |n: usize, item: &String| {
            let item = item
                .replace("\"shop\"", &format!("\"shop-{n}\""))
                .replace("\"uid\":\"", &format!("\"uid\":\"{n}-"));
            serde_json::from_str::<Value>(&item.replace("\"pvc-", &format!("\"pvc-{n}-"))).unwrap()
        };
        let copies = (0..sets).flat_map(|n| own.iter().map(move |item| copy(n, item)));
        list["items"] = copies.collect();
    }
    recording
}

fn write(name: &str, recording: &Value) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&file, recording.to_string()).unwrap();
    file
}
