//! `dns` on real control planes with real DNS servers: every scenario of `tests/testbed/scenarios/dns`. What the tool says
//! that a server serves must be what a client that shares no code with it hears from that server, through a port-forward and
//! directly; the answer must be the expected one; the printed commands must cure what they say they cure.
//! Needs `tests/testbed/build`; ignored by default, and a failure where the testbed is missing.
//! `SCENARIO=name` plays one; `SHOW=1` prints what the tool says.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic is the report, and the counts are read"
)]

#[path = "support/held.rs"]
mod held;
#[path = "support/raw_dns.rs"]
mod raw_dns;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use held::Held;
use raw_dns::Said;
use serde::Deserialize;
use serde_json::Value;

/// Control planes side by side: a scenario mostly waits.
const SIDE_BY_SIDE: usize = 3;
/// How long a cure may take.
const RECOVERY: Duration = Duration::from_secs(60);
/// What a server that hangs is given.
const PATIENCE: &str = "1s";

/// One file of `tests/testbed/scenarios/dns`, without what only the testbed reads.
#[derive(Debug, Deserialize)]
struct Scenario {
    #[serde(skip)]
    name: String,
    namespace: String,
    set: String,
    expect: Expect,
}

/// What `dns SET --query` should answer.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expect {
    /// The exit code.
    exit: i32,
    /// More flags.
    #[serde(default)]
    asked: Vec<String>,
    /// The cluster domain that is found.
    #[serde(default = "usual")]
    domain: String,
    /// `NAME TYPE` of records that should be there and are not, each below the namespace; `all`.
    #[serde(default)]
    lacks: Vec<String>,
    /// `CODE Kind/name`, and ` likely` where it is not certain, in the order in which they are said.
    #[serde(default)]
    findings: Vec<String>,
    /// Beginnings of what could not be looked at.
    #[serde(default)]
    not_checked: Vec<String>,
    /// A part of standard error.
    says: Option<String>,
    /// Whether the user may reach pods through the API server.
    #[serde(default = "may")]
    port_forward: bool,
    /// The exit code once the printed commands were typed.
    after: Option<i32>,
}

fn usual() -> String {
    "cluster.local".to_owned()
}

fn may() -> bool {
    true
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn all() -> Vec<Scenario> {
    let files = std::fs::read_dir(root().join("tests/testbed/scenarios/dns")).unwrap();
    let files: BTreeSet<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let scenario: Scenario =
            serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Scenario {
            name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
            ..scenario
        }
    };
    files.iter().map(read).collect()
}

impl Scenario {
    fn dns(&self, held: &Held, more: &[&str]) -> Output {
        let words = ["dns", &self.set, "-n", &self.namespace];
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"));
        command.args(words).args(more).current_dir(root());
        command.env("KUBECONFIG", &held.kubeconfig).env_remove("NO_COLOR");
        command.output().unwrap()
    }

    /// As the scenario wants it to be asked.
    fn queried(&self, held: &Held, form: &[&str]) -> Output {
        let asked: Vec<&str> = self.expect.asked.iter().map(String::as_str).collect();
        self.dns(held, &[&["--query"], asked.as_slice(), form].concat())
    }

    /// Everything that is wrong with it.
    fn play(&self) -> Vec<String> {
        let held = match Held::start(&format!("dns/{}", self.name)) {
            Ok(held) => held,
            Err(error) => return vec![error],
        };
        if std::env::var_os("SHOW").is_some() {
            let shown = self.queried(&held, &[]);
            let (out, err) = (
                String::from_utf8_lossy(&shown.stdout),
                String::from_utf8_lossy(&shown.stderr),
            );
            println!("--- {}, exit {:?}\n{out}{err}", self.name, shown.status.code());
        }
        let answer = self.queried(&held, &["-o", "json"]);
        let mut wrong = self.differences(&answer);
        wrong.extend(self.heard_alike(&held));
        wrong.extend(self.cure(&held, &answer));
        wrong
    }

    fn differences(&self, answer: &Output) -> Vec<String> {
        let (mut wrong, expect) = (Vec::new(), &self.expect);
        let mut differ = |what: &str, want: &dyn std::fmt::Debug, got: &dyn std::fmt::Debug| {
            let (want, got) = (format!("{want:?}"), format!("{got:?}"));
            if want != got {
                wrong.push(format!("{what}: expected {want}, got {got}"));
            }
        };
        let stderr = String::from_utf8_lossy(&answer.stderr);
        let says = expect.says.as_deref().unwrap_or_default();
        differ("standard error", &true, &(stderr.contains(says)));
        differ("exit", &Some(expect.exit), &answer.status.code());
        if expect.exit == 1 {
            return wrong;
        }
        let set = first_set(answer);
        if !set.is_object() {
            differ("an answer", &"a set", &stderr);
            return wrong;
        }
        differ("domain", &expect.domain, &text(&set["domain"]));
        let suffix = format!(".{}.svc.{}", self.namespace, expect.domain);
        let records = list(&set["records"]);
        let lacking = records.iter().filter(|record| record["lacks"] == true);
        let lacking: BTreeSet<_> = lacking
            .map(|record| {
                format!(
                    "{} {}",
                    text(&record["name"]).replace(&suffix, ""),
                    text(&record["type"])
                )
            })
            .collect();
        if expect.lacks == ["all"] {
            let wanted = records.iter().filter(|record| !list(&record["expected"]).is_empty());
            differ("records that lack", &wanted.count(), &lacking.len());
        } else {
            differ(
                "records that lack",
                &expect.lacks.iter().collect::<BTreeSet<_>>(),
                &lacking,
            );
        }
        let findings = list(&set["findings"]);
        let findings = findings.iter().map(|finding| {
            let subject = &finding["subject"];
            let sure = match text(&finding["certainty"]).as_str() {
                "certain" => "",
                _ => " likely",
            };
            let name = generic(&text(&subject["name"]));
            format!("{} {}/{name}{sure}", text(&finding["code"]), text(&subject["kind"]))
        });
        differ("findings", &expect.findings, &findings.collect::<Vec<_>>());
        let gaps = list(&set["notChecked"]);
        let gaps: Vec<_> = gaps.iter().map(|gap| text(&gap["what"])).collect();
        let named = gaps.len() == expect.not_checked.len()
            && expect
                .not_checked
                .iter()
                .zip(&gaps)
                .all(|(start, gap)| gap.starts_with(start.as_str()));
        if !named {
            differ("not checked", &expect.not_checked, &gaps);
        }
        wrong
    }

    /// Each server, asked by the tool through a port-forward and directly, against what it says to somebody else.
    fn heard_alike(&self, held: &Held) -> Vec<String> {
        let mut wrong = Vec::new();
        for (pod, address) in &held.dns {
            let pod = format!("kube-system/{pod}");
            let ways = [["--through", pod.as_str()], ["--dns-server", address.as_str()]];
            for way in ways.iter().skip(usize::from(!self.expect.port_forward)) {
                let answer = self.dns(held, &[&way[..], &["-o", "json", "--timeout", PATIENCE]].concat());
                let set = first_set(&answer);
                let records = list(&set["records"]);
                if records.is_empty() {
                    let stderr = String::from_utf8_lossy(&answer.stderr);
                    wrong.push(format!("{way:?}: nothing was asked: {stderr}"));
                }
                for record in &records {
                    let (name, kind) = (text(&record["name"]), text(&record["type"]));
                    let served = &record["served"][0];
                    let records = list(&served["records"]).iter().map(text).collect();
                    let outcome = text(&served["outcome"]);
                    let tool = Said { outcome, records };
                    let other = raw_dns::ask(address, &name, &kind, Duration::from_millis(500));
                    if tool != other {
                        wrong.push(format!(
                            "{way:?} {name} {kind}: the tool heard {tool:?}, another {other:?}"
                        ));
                    }
                }
            }
        }
        wrong
    }

    /// Types the remedies as printed, unless they can lose data.
    fn cure(&self, held: &Held, answer: &Output) -> Vec<String> {
        let (mut wrong, mut changes) = (Vec::new(), false);
        for finding in list(&first_set(answer)["findings"]) {
            let remedy = &finding["remedy"];
            if remedy["safety"] == "destructive" || finding["severity"] == "info" {
                continue;
            }
            changes |= remedy.is_object() && remedy["safety"] != "read-only";
            for words in list(&remedy["commands"]) {
                let words: Vec<String> = list(&words).iter().map(text).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                if words[..2] == ["kubectl", "sts"] {
                    continue;
                }
                let output = held::kubectl(&held.admin, &words[1..]);
                if !output.status.success() {
                    let said = String::from_utf8_lossy(&output.stderr);
                    wrong.push(format!("the printed command {words:?} failed: {said}"));
                }
            }
        }
        match self.expect.after {
            None if changes => wrong.push("its remedy changes something: say in `after` what comes then".to_owned()),
            None => {}
            Some(after) => wrong.extend(self.reached(held, after)),
        }
        wrong
    }

    fn reached(&self, held: &Held, after: i32) -> Option<String> {
        let started = Instant::now();
        loop {
            let answer = self.queried(held, &[]);
            if answer.status.code() == Some(after) {
                return None;
            }
            if started.elapsed() > RECOVERY {
                let said = String::from_utf8_lossy(&answer.stdout);
                return Some(format!("after its remedy: {:?}\n{said}", answer.status.code()));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

fn first_set(answer: &Output) -> Value {
    let json: Value = serde_json::from_slice(&answer.stdout).unwrap_or_default();
    json["sets"][0].clone()
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A name without what the cluster made up.
fn generic(name: &str) -> String {
    // Suffixes of five characters: pods of a Deployment, slices.
    match name.rsplit_once('-') {
        Some((front, made)) if made.len() == 5 => format!("{}-*", front.split('-').next().unwrap()),
        _ => name.to_owned(),
    }
}

#[test]
#[ignore = "needs the testbed"]
fn what_is_said_to_be_served_is_served() {
    let only = std::env::var("SCENARIO").ok();
    let scenarios: Vec<_> = all()
        .into_iter()
        .filter(|scenario| {
            only.as_ref()
                .is_none_or(|only| only.split(',').any(|name| name == scenario.name))
        })
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let found = scenario.play();
                    let word = if found.is_empty() { "ok" } else { "WRONG" };
                    let seconds = started.elapsed().as_secs_f32();
                    println!("dns {}: {word}, {seconds:.0} s", scenario.name);
                    let found = found.into_iter().map(|what| format!("{}: {what}", scenario.name));
                    wrong.lock().unwrap().extend(found);
                }
            });
        }
    });
    println!("dns scenarios: {} ran", scenarios.len());
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!scenarios.is_empty());
}
