//! The scenarios of the testbed as the tests of the tool see them: what each expects, and whether an answer is that.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

/// One file of `tests/testbed/scenarios`, without what only the testbed reads.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scenario {
    #[serde(skip)]
    pub name: String,
    pub namespace: String,
    pub set: String,
    pub expect: Expect,
}

/// What `diagnose` should answer. The verdict `absent`: there is no such set, and standard error says what `says` says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expect {
    pub verdict: String,
    /// The one root of severity error, or of severity warning when the verdict rests on that.
    pub root: Option<Found>,
    /// A risk instead of a root.
    pub risk: Option<Found>,
    /// Codes that the chain to the root must pass through.
    #[serde(default)]
    pub via: Vec<String>,
    #[serde(default)]
    pub held_back: Vec<String>,
    pub summary: Option<String>,
    /// Resources that must be named as not checked.
    #[serde(default)]
    pub not_checked: Vec<String>,
    /// The commands of the remedy, word for word; `*` stands for what a controller made up.
    #[serde(default, rename = "do")]
    pub commands: Vec<String>,
    /// Codes of findings of severity info that must be there.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The set's controller as Kind/name.
    pub owner: Option<String>,
    /// A part of standard error.
    pub says: Option<String>,
    /// What holds on a live cluster once these commands were typed: a verdict, or the code of what still holds it.
    #[allow(dead_code, reason = "only the live lane reads it")]
    pub after: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    pub code: String,
    pub subject: String,
    #[serde(default = "certain")]
    pub certainty: String,
}

fn certain() -> String {
    "certain".to_owned()
}

/// Where this file's repository lies.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All scenarios, by name.
pub fn all() -> Vec<Scenario> {
    let folder = root().join("tests/testbed/scenarios");
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<PathBuf> = files
        .filter(|path| path.extension().is_some_and(|suffix| suffix == "yaml"))
        .collect();
    files.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Scenario {
    let text = std::fs::read_to_string(path).unwrap();
    let scenario: Scenario = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Scenario {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        ..scenario
    }
}

/// Runs the tool with the words of a line.
pub fn tool(words: &[&str], kubeconfig: Option<&str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-sts"));
    command.args(words).current_dir(root()).env_remove("NO_COLOR");
    // Never the user's own cluster.
    command.env("KUBECONFIG", kubeconfig.unwrap_or("/nonexistent"));
    command.output().unwrap()
}

impl Scenario {
    /// Everything in which an answer of `diagnose -o json` is not the expected one; empty when it is.
    pub fn differences(&self, answer: &Output) -> Vec<String> {
        let mut wrong = Vec::new();
        let stdout = String::from_utf8_lossy(&answer.stdout);
        let stderr = String::from_utf8_lossy(&answer.stderr);
        let Ok(json) = serde_json::from_str::<Value>(&stdout) else {
            return vec![format!("no JSON: {stdout}{stderr}")];
        };
        if let Some(says) = self.expect.says.as_deref().filter(|says| !stderr.contains(says)) {
            wrong.push(format!("standard error: expected {says:?}, got {stderr:?}"));
        }
        if self.expect.verdict == "absent" {
            let sets = &json["sets"];
            if *sets != Value::Array(Vec::new()) || answer.status.code() != Some(1) {
                wrong.push(format!(
                    "expected no set and exit 1, got {:?} and {sets}",
                    answer.status.code()
                ));
            }
            return wrong;
        }
        let set = &json["sets"][0];
        let findings: Vec<&Value> = set["findings"].as_array().into_iter().flatten().collect();
        let expect = &self.expect;
        let mut differ = |what: &str, want: &dyn Debug, got: &dyn Debug| {
            let (want, got) = (format!("{want:?}"), format!("{got:?}"));
            if want != got {
                wrong.push(format!("{what}: expected {want}, got {got}"));
            }
        };
        differ("name", &self.set, &text(&set["name"]));
        differ("verdict", &expect.verdict, &text(&set["verdict"]));
        let held: Vec<_> = set["heldBack"].as_array().into_iter().flatten().map(text).collect();
        differ("heldBack", &expect.held_back, &held);
        if let Some(summary) = &expect.summary {
            differ("summary", summary, &text(&set["summary"]));
        }
        let owner = Some(&set["owner"]).filter(|owner| owner.is_object());
        let owner = owner.map(|owner| format!("{}/{}", text(&owner["kind"]), text(&owner["name"])));
        differ("owner", &expect.owner, &owner);
        for code in &expect.notes {
            let noted = findings
                .iter()
                .any(|f| f["severity"] == "info" && f["code"] == code.as_str());
            differ(&format!("note {code}"), &true, &noted);
        }
        let loud = |role: &str| {
            let loud = findings.iter().filter(|f| f["severity"] != "info" && f["role"] == role);
            loud.copied().collect::<Vec<_>>()
        };
        for (role, expected) in [("root", &expect.root), ("risk", &expect.risk)] {
            let found = loud(role);
            differ(
                &format!("number of {role}s"),
                &usize::from(expected.is_some()),
                &found.len(),
            );
            if let (Some(expected), Some(finding)) = (expected, found.first()) {
                self.compare(expected, finding, &mut differ);
            }
        }
        let passed: Vec<_> = set["chains"][0]
            .as_array()
            .into_iter()
            .flatten()
            .map(|link| text(&findings[usize::try_from(link["finding"].as_u64().unwrap()).unwrap()]["code"]))
            .collect();
        for code in &expect.via {
            differ(&format!("chain through {code}"), &true, &passed.contains(code));
        }
        let gaps: Vec<_> = set["notChecked"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|gap| text(&gap["what"]))
            .collect();
        for resource in &expect.not_checked {
            differ(
                &format!("{resource} not checked"),
                &true,
                &gaps.iter().any(|gap| gap.starts_with(resource.as_str())),
            );
        }
        if expect.not_checked.is_empty() {
            differ("not checked", &Vec::<String>::new(), &gaps);
        }
        let error = findings.iter().any(|finding| finding["severity"] == "error");
        let exit = if error || expect.verdict == "unknown" { 3 } else { 0 };
        differ("exit code", &Some(exit), &answer.status.code());
        wrong
    }

    /// One finding against what is expected of it.
    fn compare(&self, expected: &Found, finding: &Value, differ: &mut dyn FnMut(&str, &dyn Debug, &dyn Debug)) {
        let patterns = &self.expect.commands;
        differ("code", &expected.code, &text(&finding["code"]));
        differ("certainty", &expected.certainty, &text(&finding["certainty"]));
        let subject = format!(
            "{}/{}",
            text(&finding["subject"]["kind"]),
            text(&finding["subject"]["name"])
        );
        if !matches(&expected.subject, &subject) {
            differ("subject", &expected.subject, &subject);
        }
        let commands: Vec<_> = finding["remedy"]["commands"]
            .as_array()
            .into_iter()
            .flatten()
            .map(command)
            .collect();
        let same = commands.len() == patterns.len()
            && patterns
                .iter()
                .zip(&commands)
                .all(|(pattern, command)| matches(pattern, command));
        if !same {
            differ("commands", patterns, &commands);
        }
        differ(
            "evidence is given",
            &true,
            &!finding["evidence"].as_array().unwrap().is_empty(),
        );
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn command(words: &Value) -> String {
    let quoted = |word: &Value| match word.as_str().unwrap_or_default() {
        word if word.contains(['{', ' ']) => format!("'{word}'"),
        word => word.to_owned(),
    };
    words
        .as_array()
        .into_iter()
        .flatten()
        .map(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .any(|at| matches(rest, &text[at..]))
        }),
    }
}
