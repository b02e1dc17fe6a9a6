//! Manifests as `kubectl apply -f` takes them: files, folders with what lies below, standard input; several documents in
//! one file, lists, YAML and JSON.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use serde_json::Value;

use super::files::{flattened, parse, yaml};
use crate::model::manifest::Manifest;
use crate::model::snapshot::{Scope, Snapshot};

/// What files of a folder end in, to be read.
const READABLE: [&str; 3] = ["json", "yaml", "yml"];

/// Reads everything that these paths name, in the order of the names.
///
/// # Errors
/// One sentence with the file's name: what cannot be read, and what is no object.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Manifest>> {
    let mut found = Vec::new();
    for path in paths {
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .context("cannot read standard input")?;
            found.extend(manifests("-", &bytes).context("cannot read standard input")?);
            continue;
        }
        for file in files(path)? {
            let named = || format!("cannot read {}", file.display());
            let bytes = fs::read(&file).with_context(named)?;
            found.extend(manifests(&file.display().to_string(), &bytes).with_context(named)?);
        }
    }
    Ok(found)
}

/// The file itself, or all readable ones below a folder, sorted; hidden ones are left alone.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut folders, mut files) = (vec![path.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            let (path, kind) = (entry.path(), entry.file_type()?);
            let suffix = path.extension().and_then(|suffix| suffix.to_str());
            // A link to a folder is not followed: it could lead round in a circle.
            if hidden {
            } else if kind.is_dir() {
                folders.push(path);
            } else if suffix.is_some_and(|suffix| READABLE.contains(&suffix)) {
                files.push(path);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{} holds no .yaml, .yml or .json file", path.display());
    }
    Ok(files)
}

fn manifests(file: &str, bytes: &[u8]) -> Result<Vec<Manifest>> {
    // People write YAML that begins with a brace, too; servers do not.
    let documents = parse(bytes).or_else(|error| yaml(bytes).map_err(|_| error));
    let documents = documents.map_err(|error| match String::from_utf8_lossy(bytes).contains("{{") {
        true => error.context("it holds {{ }}: render the template first"),
        false => error,
    })?;
    flattened(documents).map(|object| manifest(file, object)).collect()
}

fn manifest(file: &str, mut object: Value) -> Result<Manifest> {
    let Some(fields) = object.as_object_mut() else {
        bail!("it holds no Kubernetes object");
    };
    // What a Secret holds goes no further than this.
    if fields.get("kind").and_then(Value::as_str) == Some("Secret") {
        fields.retain(|field, _| ["apiVersion", "kind", "metadata"].contains(&field.as_str()));
    }
    for field in ["apiVersion", "kind"] {
        if !fields.get(field).is_some_and(Value::is_string) {
            bail!("an object in it has no {field}");
        }
    }
    Ok(Manifest {
        file: file.to_owned(),
        object,
    })
}

/// What is known where nothing is asked: nothing.
pub fn unasked(namespace: &str) -> Snapshot {
    let scope = Scope::Namespace(namespace.to_owned());
    Snapshot::new(Timestamp::now(), "no cluster asked".to_owned(), scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_secret_holds_is_dropped_where_it_is_read() {
        let yaml = b"apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}, \
                     stringData: {b: hunter2}, data: {c: aHVudGVyMg==}}\n";
        let read = manifests("f", yaml).unwrap();
        assert_eq!(read[0].name(), "a");
        assert_eq!(
            read[0].object.as_object().unwrap().keys().collect::<Vec<_>>(),
            ["apiVersion", "kind", "metadata"]
        );
    }

    #[test]
    fn items_of_a_typed_list_are_of_its_kind() {
        let read = manifests(
            "f",
            b"{apiVersion: apps/v1, kind: StatefulSetList, items: [{metadata: {name: a}}]}",
        )
        .unwrap();
        assert!(read[0].is_set() && read[0].text("/apiVersion") == "apps/v1");
    }
}
