//! The shape of the source: who may name what, how long files are, and that the list of rules is the folder of rules.
//! What clippy can see is in `.clippy.toml`; this is the rest.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/binary.rs"]
mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use binary::{PROGRAM, root, run};
use clap::CommandFactory as _;
use kubectl_sts::cli::Cli;
use kubectl_sts::codes::{self, RETIRED};
use kubectl_sts::{check, diagnose};

/// A module, crate or keyword, and the only places in `src` that may name it: folders, or files of the top level.
const WALL: [(&str, &[&str]); 34] = [
    (
        "crate::controller",
        &["controller", "diagnose", "operate", "check", "render", "commands"],
    ),
    (
        "crate::diagnose",
        &["diagnose", "operate", "check", "codes", "render", "commands"],
    ),
    ("crate::operate", &["operate", "render", "commands"]),
    ("crate::check", &["check", "codes", "render", "commands"]),
    ("crate::codes", &["commands"]),
    // Errors of the command line show control characters as everything else does.
    ("crate::render", &["render", "commands", "session", "cli"]),
    ("crate::cluster", &["cluster", "commands", "session", "global"]),
    ("crate::commands", &["commands", "cli"]),
    ("crate::session", &["commands", "cli"]),
    ("crate::cli", &[]),
    ("crate::global", &["session", "commands", "cli"]),
    ("crate::exit", &["commands", "cli"]),
    ("kube", &["cluster"]),
    ("hickory_resolver", &["cluster"]),
    ("k8s_openapi", &["cluster", "model"]),
    ("tokio", &["cluster", "cli"]),
    ("async", &["cluster", "commands", "session"]),
    ("fs", &["cluster"]),
    // Addresses alone are values.
    ("TcpStream", &["cluster"]),
    ("TcpListener", &["cluster"]),
    ("UdpSocket", &["cluster"]),
    ("ToSocketAddrs", &["cluster"]),
    ("crate::dns", &["dns", "diagnose", "render", "commands"]),
    ("process", &["cluster", "exit", "main"]),
    ("env", &["cluster", "main"]),
    ("similar", &["render"]),
    ("tabled", &["render"]),
    ("owo_colors", &["render"]),
    // Whether there is a terminal, how wide it is and whether it takes colour are facts of a session.
    ("anstream", &["session"]),
    ("terminal_size", &["session"]),
    ("clap", &["cli", "commands", "global"]),
    // What fails is read or drawn; a rule that cannot look says so as a gap.
    ("anyhow", &["cluster", "commands", "session", "cli", "render"]),
    // `capture -o -` writes a recording past the session.
    ("stdout", &["session", "cluster"]),
    ("stderr", &["session", "cli"]),
];

/// Code of a file without comments, and without the tests at its end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let own = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = own.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether a line names it: as a part of a path, or alone where names are brought in.
fn names(line: &str, name: &str) -> bool {
    let module = name.strip_prefix("crate::");
    let alone = line.starts_with("use ") || line.trim().strip_suffix(',') == Some(name) || name == "async";
    let mut paths = line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    paths.any(|path| match (module, path.contains("::")) {
        (Some(module), _) => ["crate::", "super::"].iter().any(|root| {
            let inner = path.strip_prefix(root);
            inner.is_some_and(|inner| inner.split("::").next() == Some(module))
        }),
        (None, true) => path.split("::").any(|part| part == name),
        (None, false) => alone && path == name,
    })
}

#[test]
fn nobody_reaches_over_the_wall() {
    let mut wrong = Vec::new();
    for path in files("src", "rs") {
        let place = path.strip_prefix(root().join("src")).unwrap();
        let area = place.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        // Files that exist for tests only, and the crate's list of modules.
        if ["testing.rs", "tests.rs"].iter().any(|name| place.ends_with(name)) || area == "lib" {
            continue;
        }
        let code = code(&path);
        let forbidden = WALL.iter().filter(|(_, allowed)| !allowed.contains(&area));
        let over = forbidden.filter(|(name, _)| code.lines().any(|line| names(line, name)));
        wrong.extend(over.map(|(name, _)| format!("src/{} names {name}", place.display())));
        // These would go round the words above.
        if code.contains("super::super::super") || code.contains("crate::{") {
            wrong.push(format!("src/{} hides what it names", place.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All files below a folder with this suffix.
fn files(folder: &str, suffix: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == suffix) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{folder} holds no .{suffix}");
    found
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    let rust = ["src", "tests", "benches", "examples"]
        .map(|folder| files(folder, "rs"))
        .concat();
    for path in rust.iter().chain(&files("tests/testbed", "go")) {
        let text = fs::read_to_string(path).unwrap();
        let most = if path.ends_with("src/main.rs") { 40 } else { 600 };
        if text.lines().count() > most {
            wrong.push(format!("{} is longer than {most} lines", path.display()));
        }
        if path.extension().is_some_and(|suffix| suffix == "rs") && !text.starts_with("//! ") {
            wrong.push(format!("{} does not say what it is for", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_list_of_rules_is_the_folder_of_rules() {
    let names = |rules: Vec<(&str, &str)>| -> BTreeSet<_> {
        let file = |(code, name): (&str, &str)| format!("{}_{}.rs", code.to_lowercase(), name.replace('-', "_"));
        rules.into_iter().map(file).collect()
    };
    let of_sets = names(diagnose::rules::ALL.map(|rule| (rule.code, rule.name)).to_vec());
    let of_manifests = names(check::rules::ALL.map(|rule| (rule.code, rule.name)).to_vec());
    for (folder, listed) in [("src/diagnose/rules", of_sets), ("src/check/rules", of_manifests)] {
        let files = files(folder, "rs");
        let files: BTreeSet<_> = files
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .filter(|name| name != "mod.rs")
            .collect();
        assert_eq!(listed, files);
    }
}

#[test]
fn codes_are_sorted_unique_and_never_used_again() {
    let all = codes::all();
    let codes: Vec<_> = all.iter().map(|code| code.code).collect();
    for listed in [
        diagnose::rules::ALL.map(|rule| rule.code).as_slice(),
        &check::rules::ALL.map(|rule| rule.code),
    ] {
        assert!(listed.is_sorted_by(|a, b| a < b), "{listed:?}");
    }
    assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
    let names: BTreeSet<_> = all.iter().map(|code| code.name).collect();
    assert_eq!(names.len(), codes.len(), "two rules have one name");
    for code in codes {
        let number: u32 = code.strip_prefix("STS").and_then(|number| number.parse().ok()).unwrap();
        assert!((100..1000).contains(&number) && !RETIRED.contains(&code), "{code}");
    }
}

#[test]
fn explanations_have_their_five_headings() {
    let wanted = [
        "What it means",
        "How it is detected",
        "What to do",
        "When it is fine",
        "Source",
    ];
    for rule in codes::all() {
        let headings: Vec<_> = rule
            .explain
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(headings, wanted, "{}", rule.code);
        let empty = rule
            .explain
            .split("## ")
            .skip(1)
            .find(|part| part.lines().nth(1).is_none_or(str::is_empty));
        assert_eq!(empty, None, "{}", rule.code);
        assert!(
            rule.explain.ends_with('\n') && !rule.explain.ends_with("\n\n"),
            "{}",
            rule.code
        );
    }
}

/// Rules that no recording shows, and why that is so.
const NOT_RECORDED: [(&str, &str); 4] = [
    ("STS423", ANSWERS),
    ("STS424", ANSWERS),
    ("STS426", ANSWERS),
    ("STS427", ANSWERS),
];
const ANSWERS: &str = "a recording holds no answers of servers; tests/dns_live.rs shows it";

#[test]
fn every_rule_fires_on_a_recorded_cluster() {
    let answers = files("tests/clusters", "json")
        .into_iter()
        .filter(|path| path.ends_with("diagnose.json") || path.ends_with("dns.json"));
    let answers = answers.chain(files("tests/manifests", "json"));
    let answers: String = answers.map(|path| fs::read_to_string(path).unwrap()).collect();
    let recorded = |code: &str| answers.contains(&format!("\"code\": \"{code}\""));
    let codes: BTreeSet<_> = codes::all().iter().map(|code| code.code).collect();
    let silent: BTreeSet<_> = codes.into_iter().filter(|code| !recorded(code)).collect();
    let excused: BTreeSet<_> = NOT_RECORDED.iter().map(|(code, _)| *code).collect();
    assert_eq!(
        silent, excused,
        "left: no recording shows it; right: listed in NOT_RECORDED"
    );
}

#[test]
fn usage_is_kubectl_s() {
    let cli = Cli::command();
    let commands = cli.get_subcommands().map(|command| vec![command.get_name(), "--help"]);
    for words in commands.chain([vec!["--help"]]) {
        let answer = run(Path::new(PROGRAM), &words);
        let text = String::from_utf8(answer.stdout).unwrap();
        assert!(
            text.lines().any(|line| line.starts_with("Usage: kubectl sts")),
            "{words:?}: {text}"
        );
        assert_eq!(answer.status.code(), Some(0));
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let sections = manifest
        .split("\n[")
        .filter(|section| section.contains("dependencies]\n"));
    let lines: Vec<_> = sections.flat_map(|section| section.lines().skip(1)).collect();
    let mut reasoned = false;
    for line in lines {
        if line.starts_with('#') || line.is_empty() {
            reasoned = line.starts_with('#');
        } else {
            // One reason may serve the lines that follow it without a blank one between.
            assert!(reasoned, "no reason above: {line}");
        }
    }
}

#[test]
fn every_dependency_is_used() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let section = |name: &str| {
        let text = manifest
            .split(&format!("\n[{name}]\n"))
            .nth(1)
            .unwrap()
            .split("\n[")
            .next()
            .unwrap();
        let names = text.lines().filter_map(|line| line.split_once(" = "));
        names
            .map(|(name, _)| name.replace('-', "_"))
            .filter(|name| !name.starts_with('#'))
            .collect::<Vec<_>>()
    };
    let text = |folders: &[&str]| -> String {
        let files = folders.iter().flat_map(|folder| files(folder, "rs"));
        files.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let (own, tests) = (text(&["src"]), text(&["tests"]));
    for name in section("dependencies") {
        let used = own.contains(&format!("{name}::"));
        assert!(used, "{name}");
    }
    for name in section("dev-dependencies") {
        assert!(tests.contains(&format!("{name}::")), "{name} is not used by a test");
    }
}
