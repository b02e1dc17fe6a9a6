//! JSON and YAML: one envelope for every command.

use anyhow::Result;
use jiff::Timestamp;
use serde::Serialize;

use crate::diagnose::SetReport;
use crate::diagnose::ledger::Ledger;
use crate::model::snapshot::Snapshot;
use crate::render::cell::is_hidden;

/// The version of the contract in docs/json.md.
pub const SCHEMA_VERSION: &str = "1";

/// What every output starts with.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<S> {
    schema_version: &'static str,
    kind: &'static str,
    taken_at: Timestamp,
    server: Server,
    sets: Vec<S>,
}

#[derive(Debug, Serialize)]
struct Server {
    version: Option<String>,
}

/// One set of `kind: "Status"`: its report and its ledger side by side.
#[derive(Debug, Serialize)]
pub struct StatusSet<'a> {
    /// Verdict, findings, gaps.
    #[serde(flatten)]
    pub report: &'a SetReport,
    /// Rows and the next action.
    #[serde(flatten)]
    pub ledger: &'a Ledger,
}

/// Machine formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
    /// JSON on one line.
    Line,
}

/// JSON leaves some characters as they are that a terminal acts on. They stand in strings only, where an escape is the
/// same text.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_hidden(c) {
            text += &format!("\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// Sets in the envelope, as text.
pub fn envelope<S: Serialize>(kind: &'static str, snapshot: &Snapshot, sets: Vec<S>, format: Format) -> Result<String> {
    let server = Server {
        version: snapshot.server_version.clone(),
    };
    let envelope = Envelope {
        schema_version: SCHEMA_VERSION,
        kind,
        taken_at: snapshot.taken_at,
        server,
        sets,
    };
    Ok(match format {
        Format::Json => escaped(&serde_json::to_string_pretty(&envelope)?) + "\n",
        Format::Line => escaped(&serde_json::to_string(&envelope)?) + "\n",
        Format::Yaml => serde_yaml::to_string(&envelope)?,
    })
}
