//! What krew asks of a plugin: its manifest by the rules of krew's index, and the archive through the real kubectl.
//! The second needs `krew/package` and `tests/testbed/build`, is ignored by default, and fails where they are missing.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "test code: a panic is the report")]

#[path = "support/binary.rs"]
mod binary;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use binary::{PROGRAM, root, run};
use serde_json::Value;

/// An empty folder of one test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("krew").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The manifest over the archives in a folder, as `krew/package --manifest` fills it.
fn manifest(folder: &Path, name: &str) -> Value {
    let mut script = Command::new(root().join("krew/package"));
    let script = script.arg("--manifest").env("OUT", folder).env("NAME", name);
    let ran = script
        .env("REPOSITORY", "https://github.com/owner/kubectl-sts")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let text = fs::read_to_string(folder.join(format!("{name}.yaml"))).unwrap();
    assert!(!text.contains('@'), "{text}");
    serde_yaml::from_str(&text).unwrap()
}

fn version() -> String {
    format!("v{}", env!("CARGO_PKG_VERSION"))
}

fn text<'v>(value: &'v Value, place: &str) -> &'v str {
    value
        .pointer(place)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {place} in {value}"))
}

/// Krew's own rules (`internal/index/validation`), and those that its index asks of new plugins.
fn validate(manifest: &Value) {
    assert_eq!(
        text(manifest, "/apiVersion"),
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(text(manifest, "/kind"), "Plugin");
    let name = text(manifest, "/metadata/name");
    assert!(
        name.chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !name.starts_with("kube")
    );
    assert!(!["con", "prn", "aux", "nul", "com1", "lpt1"].contains(&name));
    assert_eq!(text(manifest, "/spec/version"), version());
    let numbers: Vec<_> = version()[1..]
        .split(['-', '+'])
        .next()
        .unwrap()
        .split('.')
        .map(str::to_owned)
        .collect();
    assert!(
        numbers.len() == 3
            && numbers
                .iter()
                .all(|n| n.parse::<u32>().is_ok_and(|number| number.to_string() == *n))
    );
    let short = text(manifest, "/spec/shortDescription");
    assert!(
        (1..=50).contains(&short.len()) && !short.contains('\n') && !short.ends_with('.'),
        "{short}"
    );
    let description = text(manifest, "/spec/description");
    assert!(
        !description.is_empty() && description.lines().all(|line| line.len() <= 80),
        "{description}"
    );
    assert!(!description.contains("kubectl sts"), "no usage in a description");
    assert!(text(manifest, "/spec/homepage").starts_with("https://"));
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert!(!platforms.is_empty());
    let places: BTreeSet<_> = platforms.iter().map(place).collect();
    assert_eq!(places.len(), platforms.len(), "two entries for one platform");
    platforms.iter().for_each(validate_platform);
}

fn place(platform: &Value) -> (&str, &str) {
    let labels = platform["selector"]["matchLabels"].as_object().unwrap();
    assert!(labels.len() == 2 && labels.contains_key("os") && labels.contains_key("arch"));
    (
        text(platform, "/selector/matchLabels/os"),
        text(platform, "/selector/matchLabels/arch"),
    )
}

fn validate_platform(platform: &Value) {
    let (os, arch) = place(platform);
    assert!(
        ["linux", "darwin", "windows"].contains(&os) && ["amd64", "arm64"].contains(&arch),
        "{os}/{arch}"
    );
    let uri = text(platform, "/uri");
    assert!(
        uri.starts_with("https://") && (uri.ends_with(".tar.gz") || uri.ends_with(".zip")),
        "{uri}"
    );
    assert!(
        uri.contains(&version()) && uri.contains(&format!("{os}-{arch}")),
        "{uri}"
    );
    let sum = text(platform, "/sha256");
    assert!(
        sum.len() == 64 && sum.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)),
        "{sum}"
    );
    let bin = text(platform, "/bin");
    assert_eq!(bin.ends_with(".exe"), os == "windows", "{bin}");
    let files = platform["files"].as_array().unwrap();
    let from: Vec<_> = files.iter().map(|file| text(file, "/from")).collect();
    assert!(from.contains(&bin) && from.contains(&"LICENSE"), "{from:?}");
    assert!(files.iter().all(|file| !text(file, "/to").is_empty()));
}

#[test]
fn the_manifest_passes_krew_s_rules() {
    let folder = folder("manifest");
    for place in [
        "linux-amd64.tar.gz",
        "linux-arm64.tar.gz",
        "darwin-arm64.tar.gz",
        "windows-amd64.zip",
    ] {
        fs::write(folder.join(format!("kubectl-sts-{}-{place}", version())), place).unwrap();
    }
    // An older archive that still lies there is not of this version.
    fs::write(folder.join("kubectl-sts-v0.0.1-linux-amd64.tar.gz"), "old").unwrap();
    let filled = manifest(&folder, "sts");
    validate(&filled);
    let platforms = filled["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 4);
    let sums: BTreeSet<_> = platforms.iter().map(|platform| text(platform, "/sha256")).collect();
    assert_eq!(sums.len(), 4, "each archive has its own sum");
    // printf linux-amd64.tar.gz | sha256sum
    let amd64 = platforms
        .iter()
        .find(|platform| place(platform) == ("linux", "amd64"))
        .unwrap();
    assert_eq!(
        text(amd64, "/sha256"),
        "87cd25eec014a456ef176e6cc246ec258d02e5a7b9a0cd3622d8dcabcbd2b505"
    );
}

#[test]
fn the_plugin_s_name_is_one_variable() {
    let folder = folder("name");
    fs::write(
        folder.join(format!("kubectl-sts-{}-linux-amd64.tar.gz", version())),
        "x",
    )
    .unwrap();
    let filled = manifest(&folder, "statefulset-doctor");
    validate(&filled);
    assert_eq!(text(&filled, "/metadata/name"), "statefulset-doctor");
}

#[test]
fn the_licence_is_whole() {
    let licence = fs::read_to_string(root().join("LICENSE")).unwrap();
    assert!(licence.contains("Apache License") && licence.contains("Version 2.0, January 2004"));
    assert!(licence.contains("END OF TERMS AND CONDITIONS") && licence.contains("9. Accepting Warranty"));
}

#[test]
fn the_binary_answers_to_any_name() {
    let folder = folder("any-name");
    for name in ["kubectl-sts", "kubectl-statefulset_doctor", "sts", "x"] {
        let program = folder.join(name);
        symlink(PROGRAM, &program).unwrap();
        let answer = run(&program, &["status", "--help"]);
        let help = String::from_utf8(answer.stdout).unwrap();
        assert!(help.contains("\nUsage: kubectl sts status "), "{name}: {help}");
    }
}

/// kubectl of the testbed, with the plugin from a folder.
fn kubectl(plugins: &Path, words: &[&str]) -> Output {
    let bin = root().join("target/testbed/bin");
    assert!(bin.join("kubectl").exists(), "tests/testbed/build first");
    let path = std::env::join_paths([plugins, &bin, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let mut command = Command::new(bin.join("kubectl"));
    command
        .args(words)
        .current_dir(root())
        .env("PATH", path)
        .env("KUBECONFIG", "/nonexistent");
    command.output().unwrap()
}

fn shell(program: &str, words: &[&str]) -> String {
    let ran = Command::new(program).args(words).output().unwrap();
    format!(
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    )
}

#[test]
#[ignore = "needs krew/package and tests/testbed/build"]
fn the_archive_runs_through_the_real_kubectl() {
    let packed = root().join("target/krew");
    let filled: Value = serde_yaml::from_str(&fs::read_to_string(packed.join("sts.yaml")).unwrap()).unwrap();
    validate(&filled);
    let os = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let platforms = filled["spec"]["platforms"].as_array().unwrap();
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let ours = platforms.iter().find(|platform| place(platform) == (os, arch)).unwrap();
    let archive = packed.join(text(ours, "/uri").rsplit('/').next().unwrap());
    let archive = archive.to_str().unwrap();
    if os == "linux" {
        assert!(shell("sha256sum", &[archive]).starts_with(text(ours, "/sha256")));
    }

    let (unpacked, plugins) = (folder("unpacked"), folder("plugins"));
    shell("tar", &["-xzf", archive, "-C", unpacked.to_str().unwrap()]);
    for file in ours["files"].as_array().unwrap() {
        assert!(unpacked.join(text(file, "/from")).exists(), "{file}");
    }
    assert_eq!(
        fs::read(unpacked.join("LICENSE")).unwrap(),
        fs::read(root().join("LICENSE")).unwrap()
    );
    let program = unpacked.join(text(ours, "/bin"));
    if os == "linux" {
        let linked = shell("ldd", &[program.to_str().unwrap()]);
        assert!(
            linked.contains("statically linked") || linked.contains("not a dynamic executable"),
            "{linked}"
        );
    }

    // As krew links it.
    symlink(&program, plugins.join("kubectl-sts")).unwrap();
    let question = ["status", "--from", "examples/provisioner-not-deployed.json"];
    let answer = kubectl(&plugins, &[&["sts"], &question[..]].concat());
    assert_eq!(
        String::from_utf8_lossy(&answer.stdout),
        String::from_utf8_lossy(&run(Path::new(PROGRAM), &question).stdout)
    );
    assert!(
        answer.status.success() && !answer.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&answer.stderr)
    );
    let no = kubectl(
        &plugins,
        &["sts", "diagnose", "--from", "examples/provisioner-not-deployed.json"],
    );
    assert_eq!(no.status.code(), Some(3), "exit codes pass through kubectl");
    let before = kubectl(&plugins, &["-n", "shop", "sts", "status"]);
    assert!(String::from_utf8_lossy(&before.stderr).contains("flags cannot be placed before plugin name"));
    let listed = kubectl(&plugins, &["plugin", "list"]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains("kubectl-sts"));
}
