//! Every file read or written: recordings, and what `kubectl get -o yaml|json` prints.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::model::dump;
use crate::model::recording::{API_VERSION, KIND, Recording};
use crate::model::resource::Resource;
use crate::model::snapshot::Snapshot;

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
    read(path)?.snapshot()
}

/// The same, with the objects of one resource as they stand in the file.
pub fn read_snapshot_with(path: &Path, resource: Resource) -> Result<(Snapshot, Vec<Value>)> {
    let read = read(path)?;
    let whole = read.objects(resource);
    Ok((read.snapshot()?, whole))
}

/// What stands for a cluster.
enum Recorded {
    Recording(Recording),
    /// Documents, and where they come from.
    Dump(Vec<Value>, String),
}

impl Recorded {
    fn snapshot(self) -> Result<Snapshot> {
        match self {
            Self::Recording(recording) => Ok(recording.into_snapshot()),
            Self::Dump(documents, origin) => {
                dump::snapshot(documents, &origin).map_err(|error| anyhow!("{origin} {error}"))
            }
        }
    }

    fn objects(&self, resource: Resource) -> Vec<Value> {
        let info = resource.info();
        match self {
            Self::Recording(recording) => {
                let lists = recording.lists.iter();
                let of = lists.filter(|list| list.group == info.group && list.resource == info.plural);
                of.flat_map(|list| &list.items).cloned().collect()
            }
            Self::Dump(documents, _) => {
                let text = |object: &Value, field: &str| {
                    object.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
                };
                let is = |object: &Value| {
                    Resource::of_kind(&text(object, "apiVersion"), &text(object, "kind")) == Some(resource)
                };
                flattened(documents.clone()).filter(is).collect()
            }
        }
    }
}

fn read(path: &Path) -> Result<Recorded> {
    let (mut documents, mut recordings, mut unread) = (Vec::new(), Vec::new(), None);
    for file in files_of(path)? {
        let parsed = bytes_of(&file).and_then(|bytes| parse(&bytes));
        let parsed = parsed.with_context(|| format!("cannot read {}", file.display()));
        let parsed = parsed.unwrap_or_else(|error| {
            unread.get_or_insert(error);
            Vec::new()
        });
        for document in parsed {
            match document.get("kind").and_then(Value::as_str) {
                Some(KIND) => recordings.push((file.clone(), document)),
                _ => documents.push(document),
            }
        }
    }
    match recordings.len() {
        // A recording is whole in itself; of a dump, each file counts.
        0 => {
            if let Some(error) = unread {
                return Err(error);
            }
            let origin = path.display().to_string();
            Ok(Recorded::Dump(documents, origin))
        }
        1 => recording(recordings.remove(0)).map(Recorded::Recording),
        many => bail!("{} holds {many} recordings; name one of them", path.display()),
    }
}

fn recording((file, document): (PathBuf, Value)) -> Result<Recording> {
    let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    if version != API_VERSION {
        let file = file.display();
        bail!("{file} is a recording of version {version:?}, and this program reads {API_VERSION:?}");
    }
    serde_json::from_value(document).with_context(|| format!("{} is a recording that is not whole", file.display()))
}

/// Objects, and those of lists one by one; an object of a typed list carries neither kind nor version of its own.
/// Source: `staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/unstructured/unstructured.go` (decodeToList).
pub(super) fn flattened(documents: Vec<Value>) -> impl Iterator<Item = Value> {
    documents.into_iter().flat_map(|mut document| {
        let kind = document.get("kind").and_then(Value::as_str).unwrap_or_default();
        let Some(kind) = kind.strip_suffix("List").map(str::to_owned) else {
            return vec![document];
        };
        let version = document.get("apiVersion").cloned();
        let mut items = match document.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => return vec![document],
        };
        for item in items
            .iter_mut()
            .filter_map(Value::as_object_mut)
            .filter(|_| !kind.is_empty())
        {
            item.entry("kind").or_insert_with(|| kind.as_str().into());
            if let Some(version) = &version {
                item.entry("apiVersion").or_insert_with(|| version.clone());
            }
        }
        items
    })
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
    let raw = fs::read(file)?;
    if !raw.starts_with(&[0x1f, 0x8b]) {
        return Ok(raw);
    }
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(raw.as_slice())
        .read_to_end(&mut unpacked)
        .context("it is not whole: it does not unpack")?;
    Ok(unpacked)
}

pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Value>> {
    // Some editors and shells begin a text with this mark.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(bytes).into_iter().collect();
        return documents.context("the JSON is not whole");
    }
    yaml(bytes)
}

/// The same of what is known to be no JSON.
pub(super) fn yaml(bytes: &[u8]) -> Result<Vec<Value>> {
    let text = std::str::from_utf8(bytes).context("it is no text")?;
    // Below its first line the parser's text is the file itself.
    let first_line = |error: serde_yaml::Error| anyhow!("{}", error.to_string().lines().next().unwrap_or_default());
    let documents: Result<Vec<Value>, _> = serde_yaml::from_multiple(text);
    let documents = documents.map_err(first_line).context("it is neither JSON nor YAML")?;
    Ok(documents.into_iter().filter(|document| !document.is_null()).collect())
}
