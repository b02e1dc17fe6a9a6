//! What a stranger reads cannot lie: pages, and blocks of pages, that the code knows better are made from it here and
//! compared with the committed files. `UPDATE_DOCS=1 cargo test --test docs` writes them anew.

#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/binary.rs"]
mod binary;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use binary::{PROGRAM, root, run};
use clap::CommandFactory as _;
use kubectl_sts::cli::Cli;
use kubectl_sts::cluster::watch::WATCHED;
use kubectl_sts::codes;
use kubectl_sts::exit::Exit;
use kubectl_sts::model::cluster_dns::ClusterDns;
use kubectl_sts::model::resource::Resource;
use kubectl_sts::model::rounds::{
    CHECK, DIAGNOSIS, DNS, DNS_LABELS, HISTORY, INTERFERENCE, MOST_DNS_CONFIGS, MOST_VOLUMES, MOST_WANTS, PROVISIONERS,
    READ_BY_NAME, RECORDED_BESIDES, openshift_dns_labels,
};
use serde_json::Value;

/// How wide the pages show help and answers.
const WIDTH: usize = 100;

/// Tests run side by side and write parts of one file.
static WRITER: Mutex<()> = Mutex::new(());

/// The file must be this text; with `UPDATE_DOCS` it becomes it.
fn page(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&file, text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    let differs = committed.lines().zip(text.lines()).find(|(old, new)| old != new);
    assert!(
        committed == text,
        "{path} is not what the code says (first difference: {differs:?}); UPDATE_DOCS=1 cargo test --test docs"
    );
}

/// The part of a file between `<!-- name -->` and `<!-- end -->` must be this text.
fn block(path: &str, name: &str, text: &str) {
    let _alone = WRITER.lock().unwrap_or_else(PoisonError::into_inner);
    let committed = fs::read_to_string(root().join(path)).unwrap();
    let mark = format!("<!-- {name} -->\n");
    let (before, rest) = committed
        .split_once(&mark)
        .unwrap_or_else(|| panic!("{path}: no {mark}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap();
    page(
        path,
        &format!("{before}{mark}\n{}\n\n<!-- end -->{after}", text.trim_end()),
    );
}

/// A text as Markdown shows a terminal.
fn terminal(text: &str) -> String {
    format!("```text\n{}\n```", text.trim_end())
}

#[test]
fn the_answer_in_the_readme_is_the_tool_s() {
    let command = "diagnose --from examples/provisioner-not-deployed.json";
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.contains(&format!("\n    cargo run -- {command}\n")));
    assert!(readme.contains("\n    cargo test\n"));
    assert!(readme.contains(&format!("Rust toolchain ({} or newer)", env!("CARGO_PKG_RUST_VERSION"))));
    let answer = run(Path::new(PROGRAM), &command.split(' ').collect::<Vec<_>>());
    assert_eq!(answer.status.code(), Some(3));
    block(
        "README.md",
        "answer",
        &terminal(&String::from_utf8(answer.stdout).unwrap()),
    );
}

#[test]
fn the_example_is_the_recording() {
    let read = |path: &str| fs::read(root().join(path)).unwrap();
    let recorded = read("tests/clusters/provisioner-not-deployed/cluster.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(root().join("examples/provisioner-not-deployed.json"), &recorded).unwrap();
    }
    assert!(
        read("examples/provisioner-not-deployed.json") == recorded,
        "UPDATE_DOCS=1 cargo test --test docs"
    );
}

#[test]
fn the_commands_in_the_readme_are_the_tool_s() {
    let mut table = "| command | |\n|---|---|\n".to_owned();
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        let _ = writeln!(table, "| `kubectl sts {name}` | {} |", command.get_about().unwrap());
    }
    block("README.md", "commands", &table);
}

#[test]
fn the_dump_in_the_readme_holds_what_is_read() {
    let read = DIAGNOSIS.into_iter().chain(PROVISIONERS);
    let kinds: BTreeSet<_> = read.map(|resource| resource.info().plural).collect();
    let kinds = kinds.into_iter().collect::<Vec<_>>().join(",");
    let dump = format!("kubectl get -A -o json {kinds} > dump.json\nkubectl sts diagnose -A --from dump.json");
    block("README.md", "dump", &format!("```sh\n{dump}\n```"));
}

#[test]
fn exit_codes_are_documented() {
    let meaning = |exit| match exit {
        Exit::Fine => "fine, also where nothing was found",
        Exit::Failed => "it could not be done: no connection, forbidden, a name that was not found",
        Exit::Usage => "wrong usage",
        Exit::No => {
            "the answer is no: a finding of at least `--fail-on`, a verdict that is unknown, or a wait that ended without its goal"
        }
    };
    let mut codes = [Exit::Fine, Exit::Failed, Exit::Usage, Exit::No];
    codes.sort_by_key(|exit| exit.code());
    let mut table = "| code | meaning |\n|---|---|\n".to_owned();
    for exit in codes {
        let _ = writeln!(table, "| {} | {} |", exit.code(), meaning(exit));
    }
    block("README.md", "exit codes", &table);
}

/// Resources by API group, in the order of the table.
fn by_group(resources: impl IntoIterator<Item = Resource>) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for resource in resources {
        let info = resource.info();
        let plurals = groups.entry(info.group).or_default();
        if !plurals.contains(&info.plural) {
            plurals.push(info.plural);
        }
    }
    groups
}

#[test]
fn the_cluster_role_is_what_is_read() {
    let mut role =
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: kubectl-sts\nrules:\n"
            .to_owned();
    let mut rules = |resources: Vec<Resource>| {
        for (group, plurals) in by_group(resources) {
            let _ = writeln!(
                role,
                "- apiGroups: [{group:?}]\n  resources: [{}]\n  verbs: [get, list]",
                plurals.join(", ")
            );
        }
    };
    rules(DIAGNOSIS.into_iter().chain(PROVISIONERS).collect());
    let by_name = READ_BY_NAME
        .into_iter()
        .filter(|resource| *resource != Resource::Secrets);
    role += "# for check, which reads by name what a manifest's pods need; for its dry run it takes rights that a reader\n\
             # does not have, and without them it predicts: create and update of statefulsets in apps\n";
    for (group, plurals) in by_group(by_name) {
        let plurals = plurals.join(", ");
        let _ = writeln!(
            role,
            "- apiGroups: [{group:?}]\n  resources: [{plurals}]\n  verbs: [get]"
        );
    }
    for (comment, resources, verb) in [
        (
            "for plan (budgets and autoscalers), dns (network policies) and capture only",
            RECORDED_BESIDES.to_vec(),
            "list",
        ),
        ("for wait, which looks every 10s without it", WATCHED.to_vec(), "watch"),
    ] {
        let _ = writeln!(role, "# {comment}");
        for (group, plurals) in by_group(resources) {
            let _ = writeln!(
                role,
                "- apiGroups: [{group:?}]\n  resources: [{}]\n  verbs: [{verb}]",
                plurals.join(", ")
            );
        }
    }
    block("README.md", "cluster role", &format!("```yaml\n{role}```"));
}

/// On a real API server: with exactly these rights nothing is left unchecked, and a capture misses nothing.
#[test]
#[ignore = "needs tests/testbed/build"]
fn the_cluster_role_suffices() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let role = readme.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let binding = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: kubectl-sts}\n\
                   roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: kubectl-sts}\n\
                   subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: reader}]\n";
    let manifests: String = format!("{role}---\n{binding}")
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    // A claim waits in it: the second round is made, too.
    let scenario = fs::read_to_string(root().join("tests/testbed/scenarios/provisioner-not-deployed.yaml")).unwrap();
    let scenario = scenario.replacen(
        "\nsteps:\n",
        &format!("\nuser: reader\nsteps:\n- apply: |\n{manifests}"),
        1,
    );
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reader.yaml");
    fs::write(&file, scenario).unwrap();
    let ask = |words: &str| {
        let line = format!("run {} -- {PROGRAM} {words}", file.display());
        let mut testbed = Command::new(root().join("target/testbed/bin/testbed"));
        let answer = testbed.args(line.split(' ')).current_dir(root()).output().unwrap();
        (
            String::from_utf8(answer.stdout).unwrap(),
            String::from_utf8(answer.stderr).unwrap(),
        )
    };
    let (answer, remarks) = ask("diagnose -A -o json");
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{answer}{remarks}"));
    assert_eq!(
        answer.pointer("/sets/0/notChecked"),
        Some(&Value::Array(Vec::new())),
        "{remarks}"
    );
    assert_eq!(answer.pointer("/sets/0/findings/0/certainty"), Some(&"certain".into()));
    let waited = ask("wait web --timeout 3s");
    assert!(
        waited.0.contains("TIMED OUT") && !waited.1.contains("cannot be watched"),
        "{waited:?}"
    );
    let capture = ask("capture -A -o -");
    assert!(
        capture.1.contains("objects;") && !capture.1.contains("without"),
        "{}",
        capture.1
    );
}

#[test]
fn the_benchmark_fetches_what_the_tool_reads() {
    let lists = fs::read_to_string(root().join("benches/lists")).unwrap();
    let read: Vec<_> = DIAGNOSIS.iter().map(|resource| resource.path(None, None)).collect();
    assert_eq!(lists.lines().collect::<Vec<_>>(), read);
}

#[test]
fn the_needs_in_the_architecture_are_the_tables() {
    let mut table =
        "| resource | API | scope | status, diagnose | history, diff | plan | check | dns | when a claim waits | capture |\n|---|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
    for resource in Resource::ALL {
        let info = resource.info();
        let api = [info.group, info.version].join("/");
        let scope = if info.namespaced { "namespace" } else { "cluster" };
        let has = |list: &[Resource], text| if list.contains(&resource) { text } else { "" };
        let by_name = resource == Resource::PersistentVolumes;
        let everywhere = if info.namespaced { "all namespaces" } else { "yes" };
        let captured = DIAGNOSIS.contains(&resource) || RECORDED_BESIDES.contains(&resource);
        let of_dns = match resource {
            Resource::ConfigMaps => "cluster DNS, by name",
            _ => has(&ClusterDns::LISTS, "cluster DNS"),
        };
        let dns = [has(DNS.resources, "yes"), of_dns]
            .into_iter()
            .filter(|word| !word.is_empty());
        let dns: Vec<_> = dns.collect();
        let _ = writeln!(
            table,
            "| {} | {} | {scope} | {} | {} | {} | {} | {} | {} | {} |",
            info.plural,
            api.trim_start_matches('/'),
            if by_name { "by name" } else { has(&DIAGNOSIS, "yes") },
            has(&HISTORY, "yes"),
            if by_name {
                "by name"
            } else {
                has(&[&DIAGNOSIS[..], &INTERFERENCE].concat(), "yes")
            },
            match resource {
                Resource::Secrets => "by name, metadata, on request",
                _ if resource.metadata_only() => "by name, metadata",
                _ if READ_BY_NAME.contains(&resource) => "by name",
                _ => has(&CHECK, "yes"),
            },
            dns.join("; "),
            if by_name { "yes" } else { has(&PROVISIONERS, everywhere) },
            match resource {
                _ if captured => "yes",
                Resource::DaemonSets => "cluster DNS; when a claim waits",
                Resource::ConfigMaps => "cluster DNS",
                _ => has(&PROVISIONERS, "when a claim waits"),
            },
        );
    }
    let _ = writeln!(
        table,
        "\nSingle reads that confirm an absence: at most {MOST_WANTS}. Volumes read by name, those of the sets' claims: at most \
         {MOST_VOLUMES}; where there are more, and with `-A`, all are listed.

What the cluster's DNS consists of is listed in all namespaces by label, `{DNS_LABELS}`; where nothing has it by \
         OpenShift's, `{}` and for pods `{}`: two keys are two requests, one selector only narrows the other. Of the ConfigMaps that \
         its pods mount, at most {MOST_DNS_CONFIGS}, only the Corefile and what it imports is kept.",
        openshift_dns_labels(Resource::Services),
        openshift_dns_labels(Resource::Pods),
    );
    block("docs/architecture.md", "needs", &table);
}

#[test]
fn every_code_has_its_page() {
    let mut text =
        "# Codes\n\nWhat `kubectl sts explain CODE` says, for every code. A code keeps its meaning for ever; a \
                    retired one is never used again.\n\n| code | name |\n|---|---|\n"
            .to_owned();
    for rule in codes::all() {
        let anchor = format!("{}-{}", rule.code.to_lowercase(), rule.name);
        let _ = writeln!(text, "| [{}](#{anchor}) | {} |", rule.code, rule.name);
    }
    for rule in codes::all() {
        let _ = write!(
            text,
            "\n## {} {}\n\n{}",
            rule.code,
            rule.name,
            rule.explain.replace("## ", "### ")
        );
    }
    page("docs/codes.md", &text);
}

#[test]
fn every_command_has_its_page() {
    let mut cli = Cli::command().term_width(WIDTH);
    cli.build();
    let mut text = "# Commands\n\nThe tool's own help. As a plugin of kubectl its flags come after `sts`: `kubectl sts -n shop status`,\n\
                    never `kubectl -n shop sts status`, which kubectl refuses.\n"
        .to_owned();
    let _ = write!(text, "\n## kubectl sts\n\n{}\n", help(&mut cli.clone()));
    for command in cli.get_subcommands_mut().filter(|command| command.get_name() != "help") {
        let name = command.get_name().to_owned();
        let _ = write!(text, "\n## kubectl sts {name}\n\n{}\n", help(command));
    }
    page("docs/cli.md", &text);
}

/// The long help, without spaces at the ends of lines.
fn help(command: &mut clap::Command) -> String {
    let text = command.render_long_help().to_string();
    terminal(&text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

fn schema() -> Value {
    serde_json::from_str(&fs::read_to_string(root().join("docs/schema.json")).unwrap()).unwrap()
}

#[test]
fn every_json_answer_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let mut seen = 0;
    let manifests = fs::read_dir(root().join("tests/manifests")).unwrap();
    let mut answers: Vec<PathBuf> = manifests.map(|entry| entry.unwrap().path()).collect();
    let folders = ["tests/clusters", "tests/clusters/dns"].map(|folder| fs::read_dir(root().join(folder)).unwrap());
    for recording in folders.into_iter().flatten() {
        // What a command of a kind answers is called after it; other tests demand that they are there.
        let files = fs::read_dir(recording.unwrap().path()).unwrap();
        answers.extend(files.map(|file| file.unwrap().path()));
    }
    // Beside the answers lie recordings and manifests.
    answers.retain(|path| path.extension().is_some_and(|suffix| suffix == "json") && !path.ends_with("cluster.json"));
    for path in answers {
        let text = fs::read_to_string(&path).unwrap();
        // What could not be answered at all is an error, and no JSON.
        if text.starts_with("error: ") {
            continue;
        }
        // What follows the JSON is what a test noted: standard error, and the exit code.
        let mut values = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
        let answer = values.next().unwrap().unwrap();
        let wrong: Vec<_> = validator
            .iter_errors(&answer)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}:\n{}", path.display(), wrong.join("\n"));
        seen += 1;
    }
    assert!(seen >= 40);
}

#[test]
fn the_schema_is_no_empty_promise() {
    let schema = schema();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = fs::read_to_string(root().join("tests/clusters/provisioner-not-deployed/status.json")).unwrap();
    let good: Value = serde_json::Deserializer::from_str(&text)
        .into_iter()
        .next()
        .unwrap()
        .unwrap();
    assert!(validator.is_valid(&good));
    for (place, wrong) in [
        ("/schemaVersion", "2"),
        ("/sets/0/verdict", "fine"),
        ("/sets/0/ordinals/0/ready", "yes"),
        ("/sets/0/findings/0/role", "cause"),
        ("/sets/0/decision/because/more", "an unknown field"),
        ("/sets/0/more", "an unknown field"),
        ("/sets/0/findings/0/more", "an unknown field"),
    ] {
        let mut bad = good.clone();
        match bad.pointer_mut(place) {
            Some(value) => *value = wrong.into(),
            None => {
                let (parent, field) = place.rsplit_once('/').unwrap();
                match bad.pointer_mut(parent).unwrap() {
                    Value::Object(fields) => drop(fields.insert(field.to_owned(), wrong.into())),
                    other => *other = serde_json::json!({ field: wrong }),
                }
            }
        }
        assert!(!validator.is_valid(&bad), "{place} = {wrong:?} was accepted");
    }
}

#[test]
fn the_fields_in_the_json_page_are_the_schema_s() {
    let schema = schema();
    let mut text = String::new();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        let about = definition["description"].as_str().unwrap();
        let _ = write!(text, "### {name}\n\n{about}\n\n");
        let Some(fields) = definition["properties"].as_object() else {
            continue;
        };
        let required: Vec<_> = definition["required"].as_array().into_iter().flatten().collect();
        text += "| field | type | |\n|---|---|---|\n";
        for (field, is) in fields {
            let optional = if required.iter().any(|r| *r == field) {
                ""
            } else {
                ", may be absent"
            };
            let says = is["description"].as_str().unwrap_or_default();
            let _ = writeln!(text, "| `{field}` | {}{optional} | {says} |", kind(is));
        }
        text.push('\n');
    }
    block("docs/json.md", "fields", &text);
}

/// A schema's type in words.
fn kind(schema: &Value) -> String {
    let words = |values: &Value| {
        let values = values.as_array().unwrap().iter();
        values
            .map(|value| value.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    if let Some(target) = schema["$ref"].as_str() {
        let name = target.rsplit('/').next().unwrap();
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(value) = schema.get("const") {
        return format!("`{value}`");
    }
    if let Some(choices) = schema["enum"].as_array() {
        let word = |choice: &Value| format!("`{}`", choice.as_str().unwrap_or("null"));
        return choices.iter().map(word).collect::<Vec<_>>().join(", ");
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(list) if list == "array" && schema.get("items").is_none() => "list".to_owned(),
        Value::String(list) if list == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(_) => words(&schema["type"]).join(" or "),
        _ => "any".to_owned(),
    }
}

/// Every Markdown file that is the project's own.
fn pages() -> Vec<PathBuf> {
    let top = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "tests/testbed/README.md",
    ]
    .map(|path| root().join(path));
    let docs = fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    top.into_iter()
        .chain(docs.filter(|path| path.extension().is_some_and(|suffix| suffix == "md")))
        .collect()
}

#[test]
fn the_records_in_the_dns_page_are_the_tool_s() {
    let command = "dns web -n shop -o json --from tests/clusters/dns/dual-stack/cluster.json";
    let answer = run(Path::new(PROGRAM), &command.split(' ').collect::<Vec<_>>());
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let mut table = "| name | type | answers |\n|---|---|---|\n".to_owned();
    for record in answer["sets"][0]["records"].as_array().unwrap() {
        assert_eq!(record["expected"], record["published"], "{record}");
        let answers = record["published"].as_array().unwrap().iter();
        let answers: Vec<_> = answers
            .map(|answer| format!("`{}`", answer.as_str().unwrap()))
            .collect();
        let (name, kind) = (record["name"].as_str().unwrap(), record["type"].as_str().unwrap());
        let _ = writeln!(table, "| `{name}` | {kind} | {} |", answers.join(" "));
    }
    block("docs/dns.md", "records", &table);
}

#[test]
fn links_lead_somewhere() {
    let codes: BTreeSet<_> = codes::all()
        .iter()
        .map(|rule| format!("{}-{}", rule.code.to_lowercase(), rule.name))
        .collect();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.starts_with('#') || target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = page.parent().unwrap().join(path);
            assert!(file.exists(), "{}: {target}", page.display());
            let of_code = anchor.is_empty() || path != "codes.md" || codes.contains(anchor);
            assert!(of_code, "{}: {target}", page.display());
        }
    }
}

#[test]
fn files_and_tests_that_pages_name_exist() {
    let exists = |path: &str| Path::new(root()).join(path).exists();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || "`(),;".contains(c)) {
            let path = word.trim_end_matches(['.', ':', '/']);
            let placeholder =
                path.contains(['*', '<', '{']) || path.contains("NNN") || path.chars().any(|c| c.is_ascii_uppercase());
            if (path.starts_with("src/") || path.starts_with("tests/")) && !placeholder {
                assert!(exists(path), "{}: {path}", page.display());
            }
        }
    }
}
