//! One path removed from a recording at a time: no panic, always an answer in the documented form. Where a fact is
//! removed that every server gives, the verdict stays or becomes unknown; it never gets better for want of a fact.
//!
//! `WIDE=1 cargo test --test removal -- --nocapture` tries every form of path on every recording, and prints where the
//! verdict changed; `EVERY=1` (with `--release`) tries every single path of every recording, without printing that.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic is the report"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::panic::catch_unwind;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kubectl_sts::diagnose::ledger::ledger;
use kubectl_sts::diagnose::{SetReport, Verdict, diagnose};
use kubectl_sts::model::link::link;
use kubectl_sts::model::recording::Recording;
use kubectl_sts::render::Layout;
use kubectl_sts::render::envelope::{Format, StatusSet, envelope};
use serde_json::Value;

/// Paths that every server fills and that a verdict rests on; an object that lacks one is not half-read.
/// `*` is any element. Removing a whole kind is as removing its list.
const REQUIRED: [(&str, &[&str]); 9] = [
    (
        "statefulsets",
        &[
            "",
            "/metadata",
            "/metadata/uid",
            "/metadata/name",
            "/metadata/namespace",
            "/metadata/generation",
            "/spec",
            "/spec/replicas",
            "/spec/selector",
            "/spec/template",
            "/spec/podManagementPolicy",
            "/spec/updateStrategy",
            "/spec/updateStrategy/type",
            "/spec/volumeClaimTemplates/*/metadata",
            "/spec/volumeClaimTemplates/*/metadata/name",
        ],
    ),
    (
        "pods",
        &[
            "/metadata",
            "/metadata/uid",
            "/metadata/name",
            "/metadata/namespace",
            "/metadata/ownerReferences/*/uid",
            "/spec",
            "/spec/containers",
            "/status",
            "/status/phase",
        ],
    ),
    (
        "running pods",
        &[
            "/metadata",
            "/metadata/uid",
            "/metadata/name",
            "/metadata/namespace",
            "/metadata/ownerReferences/*/uid",
            "/spec",
            "/spec/containers",
            "/status",
            "/status/phase",
            "/spec/nodeName",
            "/status/conditions",
            "/status/conditions/*",
            "/status/containerStatuses",
            "/status/containerStatuses/*",
        ],
    ),
    (
        "persistentvolumeclaims",
        &[
            "/metadata",
            "/metadata/uid",
            "/metadata/name",
            "/metadata/namespace",
            "/status",
            "/status/phase",
        ],
    ),
    ("persistentvolumes", &["/metadata", "/metadata/uid"]),
    ("storageclasses", &["/provisioner"]),
    ("services", &["/metadata"]),
    // A whole event may be missing: they expire.
    ("events", &["/metadata", "/metadata/name"]),
    // Without the whole slice its pods are not published, which is another cluster.
    ("endpointslices", &["/metadata"]),
];

/// How many of the other paths are tried, over all recordings; the first of each form always.
const SAMPLE: usize = 1000;

/// How many paths are removed from a file that the program then reads.
const THROUGH_THE_PROGRAM: usize = 400;

thread_local! {
    /// The contract of `-o json`, which every answer must keep.
    static SCHEMA: jsonschema::Validator = {
        let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schema.json")).unwrap();
        jsonschema::validator_for(&serde_json::from_slice(&text).unwrap()).unwrap()
    };
}

type Verdicts = BTreeMap<String, Verdict>;

/// Every recorded cluster, by name.
fn recordings() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clusters");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut read: Vec<_> = files
        .filter_map(|path| {
            let text = std::fs::read(path.join("cluster.json")).ok()?;
            Some((
                path.file_name()?.to_str()?.to_owned(),
                serde_json::from_slice(&text).unwrap(),
            ))
        })
        .collect();
    read.sort_by(|(a, _), (b, _)| a.cmp(b));
    assert!(read.len() >= 20);
    read
}

/// What is answered, or the sentence that says why not.
fn verdicts(recording: Value) -> Result<Verdicts, String> {
    let recording: Recording = serde_json::from_value(recording).map_err(|error| error.to_string())?;
    let snapshot = recording.into_snapshot();
    let linked = link(&snapshot);
    let answers: Vec<_> = linked.sets().iter().map(|set| diagnose(&linked, set)).collect();
    let ledgers: Vec<_> = answers.iter().map(|(cx, _)| ledger(cx)).collect();
    let sets = answers.iter().zip(&ledgers);
    let sets = sets.map(|((_, report), ledger)| StatusSet { report, ledger }).collect();
    let json: Value = serde_json::from_str(&envelope("Status", &snapshot, sets, Format::Json).unwrap()).unwrap();
    SCHEMA.with(|schema| {
        let wrong: Vec<_> = schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
    let known = ["healthy", "progressing", "blocked", "degraded", "unknown"];
    for ((_, report), set) in answers.iter().zip(json["sets"].as_array().unwrap()) {
        assert!(known.contains(&set["verdict"].as_str().unwrap()));
        drawn(report, snapshot.taken_at);
    }
    let named = answers
        .into_iter()
        .map(|(_, report)| (format!("{}/{}", report.namespace, report.name), report.verdict));
    Ok(named.collect())
}

fn drawn(report: &SetReport, now: jiff::Timestamp) {
    let text = kubectl_sts::render::diagnosis::diagnosis(report, "", now, &Layout::default());
    assert!(!text.is_empty());
}

/// All paths below a value, as JSON pointers.
fn paths(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let path = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(path.clone());
        paths(value, &path, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, value)| below(&n.to_string(), value)),
        _ => {}
    }
}

fn without(recording: &Value, path: &str) -> Value {
    let mut recording = recording.clone();
    let (parent, key) = path.rsplit_once('/').unwrap();
    match recording.pointer_mut(parent).unwrap() {
        Value::Object(fields) => _ = fields.remove(&key.replace("~1", "/").replace("~0", "~")),
        Value::Array(items) => _ = items.remove(key.parse().unwrap()),
        _ => unreachable!("{path}"),
    }
    recording
}

/// The resource and the path within the object, with `*` for elements; nothing for a path of the file's own.
fn form(recording: &Value, path: &str) -> (String, String) {
    let words: Vec<&str> = path.split('/').collect();
    let starred = |words: &[&str]| {
        let starred = words
            .iter()
            .map(|word| if word.parse::<usize>().is_ok() { "*" } else { word });
        starred.map(|word| format!("/{word}")).collect::<String>()
    };
    match words.as_slice() {
        ["", "lists", n, "items", _, rest @ ..] => {
            let resource = recording["lists"][n.parse::<usize>().unwrap()]["resource"]
                .as_str()
                .unwrap();
            (resource.to_owned(), starred(rest))
        }
        // Each kind is a form of its own.
        ["", "lists", n, rest @ ..] => {
            let resource = recording["lists"][n.parse::<usize>().unwrap()]["resource"]
                .as_str()
                .unwrap();
            (String::new(), format!("/lists/{resource}{}", starred(rest)))
        }
        words => (String::new(), starred(&words[1..])),
    }
}

fn is_required((resource, path): &(String, String)) -> bool {
    if resource.is_empty() {
        let below = path
            .strip_prefix("/lists/")
            .and_then(|path| path.split_once('/').or(Some((path, ""))));
        return below.is_some_and(|(_, below)| ["", "items"].contains(&below));
    }
    REQUIRED
        .iter()
        .any(|(known, paths)| known == resource && paths.contains(&path.as_str()))
}

/// The verdict that a removal changed for the better, or otherwise than to unknown.
fn changed(whole: &Verdicts, part: &Verdicts) -> Option<String> {
    part.iter().find_map(|(set, part)| {
        let whole = whole.get(set)?;
        (part != whole && *part != Verdict::Unknown).then(|| format!("{set} was {whole:?} and is {part:?}"))
    })
}

#[test]
fn no_path_that_is_removed_makes_a_panic_and_no_required_one_a_better_verdict() {
    let wide = std::env::var_os("WIDE").is_some();
    let every = std::env::var_os("EVERY").is_some();
    let recordings = recordings();
    let mut tries = Vec::new();
    let mut seen = BTreeSet::new();
    let mut others = Vec::new();
    for (n, (_, recording)) in recordings.iter().enumerate() {
        let mut all = Vec::new();
        paths(recording, "", &mut all);
        let mut here = BTreeSet::new();
        for path in all {
            let form = form(recording, &path);
            let required = is_required(&form);
            // Of each form one a recording, where it is required; else one at all, and a sample.
            let first = match required || wide {
                _ if every => true,
                true => here.insert(form),
                false => seen.insert(form),
            };
            match first {
                true => tries.push((n, path, required)),
                false => others.push((n, path, required)),
            }
        }
    }
    let mut random = fastrand::Rng::with_seed(4);
    random.shuffle(&mut others);
    others.truncate(SAMPLE);
    tries.extend(others);

    let whole: Vec<Verdicts> = recordings
        .iter()
        .map(|(_, recording)| verdicts(recording.clone()).unwrap())
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some((n, path, required)) = tries.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (name, recording) = &recordings[*n];
            let less = without(recording, path);
            let answer = catch_unwind(|| verdicts(less));
            let change = match &answer {
                Err(_) => Some("a panic".to_owned()),
                // A file that is not whole is refused.
                Ok(Err(_)) => None,
                Ok(Ok(part)) => changed(&whole[*n], part).filter(|_| *required || wide),
            };
            if let Some(change) = change {
                let line = format!("{name} without {path} {:?}: {change}", form(recording, path));
                wrong.lock().unwrap().push((*required || answer.is_err(), line));
            }
        }
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|_| _ = scope.spawn(work));
    });
    let required = tries.iter().filter(|(.., required)| *required).count();
    println!(
        "{} paths of {} recordings removed, {required} of them required",
        tries.len(),
        recordings.len()
    );
    let mut lines = wrong.into_inner().unwrap();
    lines.sort();
    for (_, line) in lines.iter().filter(|(wrong, _)| !wrong) {
        println!("{line}");
    }
    let wrong: Vec<_> = lines
        .into_iter()
        .filter(|(wrong, _)| *wrong)
        .map(|(_, line)| line)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(required > 500);
}

/// Through the program, for the exit code: what is answered follows the schema, what is not is one sentence.
#[test]
fn the_program_ends_in_a_documented_way_whatever_is_missing() {
    let recordings = recordings();
    let mut random = fastrand::Rng::with_seed(5);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut exits = BTreeSet::new();
    for n in 0..THROUGH_THE_PROGRAM {
        let (name, recording) = &recordings[n % recordings.len()];
        let mut all = Vec::new();
        paths(recording, "", &mut all);
        let path = &all[random.usize(..all.len())];
        let file = folder.join("less.json");
        std::fs::write(&file, without(recording, path).to_string()).unwrap();
        let command = ["diagnose", "status"][n % 2];
        let answer = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"))
            .args([command, "-A", "-o", "json", "--from"])
            .arg(&file)
            .output()
            .unwrap();
        let (code, said) = (answer.status.code(), String::from_utf8(answer.stderr).unwrap());
        match code {
            Some(0 | 3) => {
                let json: Value = serde_json::from_slice(&answer.stdout).unwrap();
                SCHEMA.with(|schema| assert!(schema.is_valid(&json), "{name} without {path}"));
            }
            Some(1) => assert!(
                said.starts_with("error: ") && said.lines().count() <= 2,
                "{name} without {path}: {said}"
            ),
            code => panic!("{name} without {path}: {code:?} {said}"),
        }
        exits.insert(code);
    }
    assert!(exits.contains(&Some(0)) && exits.contains(&Some(3)), "{exits:?}");
}
