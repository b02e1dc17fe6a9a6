//! Every file read or written: recordings, and what `kubectl get -o yaml|json` prints.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde_json::Value;

use crate::model::gap::{Gap, GapReason};
use crate::model::recording::{KIND, Recording};
use crate::model::resource::Resource;
use crate::model::snapshot::{Scope, Snapshot};

/// Writes a recording, one object a line, compressed when the name ends in `.gz`. `-` is standard output.
pub fn write_recording(path: &Path, recording: &Recording) -> Result<()> {
    let text = render(recording)?;
    if path == Path::new("-") {
        let mut out = std::io::stdout().lock();
        return Ok(out.write_all(&text)?);
    }
    let bytes = if path.extension().is_some_and(|suffix| suffix == "gz") {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&text)?;
        packed.finish()?
    } else {
        text
    };
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

/// JSON with one object a line, so that two recordings can be compared with ordinary tools.
fn render(recording: &Recording) -> Result<Vec<u8>> {
    let mut head = serde_json::to_value(recording)?;
    if let Some(head) = head.as_object_mut() {
        head.remove("lists");
    }
    let mut out = serde_json::to_vec(&head)?;
    out.pop();
    out.extend(b",\"lists\":[");
    for (n, list) in recording.lists.iter().enumerate() {
        let mut list_head = serde_json::to_value(list)?;
        if let Some(list_head) = list_head.as_object_mut() {
            list_head.remove("items");
        }
        out.extend(if n == 0 { b"\n".as_slice() } else { b",\n".as_slice() });
        out.append(&mut serde_json::to_vec(&list_head)?);
        out.pop();
        out.extend(b",\"items\":[");
        for (n, item) in list.items.iter().enumerate() {
            out.extend(if n == 0 { b"\n".as_slice() } else { b",\n".as_slice() });
            serde_json::to_writer(&mut out, item)?;
        }
        out.extend(b"]}");
    }
    out.extend(b"\n]}\n");
    Ok(out)
}

/// Reads a recording, a dump in one file (JSON, a List, YAML with several documents), or a folder of such files.
pub fn read_snapshot(path: &Path) -> Result<Snapshot> {
    let mut documents = Vec::new();
    let origin = path.display().to_string();
    for file in files_of(path)? {
        let parsed = parse(&bytes_of(&file)?).with_context(|| format!("cannot read {}", file.display()))?;
        for document in parsed {
            if document.get("kind").and_then(Value::as_str) == Some(KIND) {
                let recording: Recording = serde_json::from_value(document)
                    .with_context(|| format!("{} is a recording that this version cannot read", file.display()))?;
                return Ok(recording.into_snapshot());
            }
            documents.push(document);
        }
    }
    dump(documents, origin)
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    let about = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    if !about.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let readable = ["json", "yaml", "yml", "gz"];
    let mut files = Vec::new();
    for entry in fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))? {
        let file = entry?.path();
        if file
            .extension()
            .and_then(|suffix| suffix.to_str())
            .is_some_and(|suffix| readable.contains(&suffix))
        {
            files.push(file);
        }
    }
    files.sort();
    if files.is_empty() {
        bail!("{} holds no .json, .yaml or .gz file", path.display());
    }
    Ok(files)
}

fn bytes_of(file: &Path) -> Result<Vec<u8>> {
    let raw = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(raw.as_slice())
        .read_to_end(&mut unpacked)
        .with_context(|| format!("{} is not whole: it does not unpack", file.display()))?;
    Ok(unpacked)
}

fn parse(bytes: &[u8]) -> Result<Vec<Value>> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
        return documents.context("the JSON is not whole");
    }
    let text = std::str::from_utf8(bytes).context("it is no text")?;
    let documents: Vec<Value> = serde_yaml::from_multiple(text).context("it is neither JSON nor YAML")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// A snapshot from what kubectl printed. A kind without a single object cannot be told from one that was not asked for.
fn dump(documents: Vec<Value>, origin: String) -> Result<Snapshot> {
    let mut objects = Vec::new();
    let mut seen = BTreeSet::new();
    for document in documents {
        let text = |field: &str| {
            document
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        let listed = kind
            .strip_suffix("List")
            .filter(|_| document.get("items").is_some())
            .map(str::to_owned);
        match listed {
            Some(item_kind) => {
                seen.extend(Resource::of_kind(&api_version, &item_kind));
                let items = document
                    .get("items")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                // Items of a typed list carry neither kind nor version of their own.
                objects.extend(items.into_iter().map(|item| {
                    let own = Resource::of_kind(text_of(&item, "apiVersion"), text_of(&item, "kind"));
                    (own.or_else(|| Resource::of_kind(&api_version, &item_kind)), item)
                }));
            }
            None => objects.push((Resource::of_kind(&api_version, &kind), document)),
        }
    }
    let known: Vec<(Resource, Value)> = objects
        .into_iter()
        .filter_map(|(resource, object)| Some((resource?, object)))
        .collect();
    if known.is_empty() && seen.is_empty() {
        bail!("{origin} holds no recording and no Kubernetes object that is read here");
    }
    let newest = known.iter().filter_map(|(_, object)| newest_instant(object)).max();
    let taken_at = newest.with_context(|| format!("{origin} holds no instant to count ages from"))?;
    let mut snapshot = Snapshot::new(taken_at, format!("{origin} (as of {taken_at:.0})"), Scope::All);
    for (resource, object) in known {
        seen.insert(resource);
        if let Some(sink) = snapshot.sink(resource, false) {
            sink.object(object);
        }
    }
    for resource in Resource::ALL {
        if let Some(sink) = snapshot.sink(resource, false) {
            match seen.contains(&resource) {
                true => sink.answered(),
                false => sink.gap(Gap::list(resource, None, GapReason::AbsentFromDump)),
            }
        }
    }
    Ok(snapshot)
}

fn text_of<'a>(object: &'a Value, field: &str) -> &'a str {
    object.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The newest instant anywhere in an object: a dump does not say when it was made, but not before that.
fn newest_instant(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) if text.len() >= 20 && text.as_bytes()[4] == b'-' => text.parse().ok(),
        Value::Array(items) => items.iter().filter_map(newest_instant).max(),
        // A deletion timestamp lies in the future by the grace period.
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "deletionTimestamp")
            .filter_map(|(_, v)| newest_instant(v))
            .max(),
        _ => None,
    }
}
