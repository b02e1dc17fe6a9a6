//! `Event` (v1): what a component said about an object. Events expire and are dropped under load, so they confirm and
//! never refute.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Meta, Object};

/// An event, in the core shape; the scheduler fills the newer fields through it.
/// Source: `staging/src/k8s.io/api/core/v1/types.go` (Event).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Event {
    /// Metadata.
    pub metadata: Meta,
    /// What it is about; the uid tells a re-created object from its predecessor.
    pub involved_object: ObjectReference,
    /// A word for programs.
    pub reason: String,
    /// A sentence, cut at 1 KiB by the sender; untrusted text.
    pub message: String,
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How often, in the old shape.
    pub count: Option<i32>,
    /// First seen, in the old shape.
    pub first_timestamp: Option<Timestamp>,
    /// Last seen, in the old shape.
    pub last_timestamp: Option<Timestamp>,
    /// When, in the new shape.
    pub event_time: Option<Timestamp>,
    /// Repetitions, in the new shape.
    pub series: Option<EventSeries>,
    /// Who said it, in the old shape.
    pub source: EventSource,
    /// Who said it, in the new shape.
    pub reporting_component: String,
}

/// What nodes and the scheduler say of every pod that starts or stops: most of a cluster's events, and no rule's.
const UNREAD: [&str; 6] = ["Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing"];

impl Object for Event {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
    }

    fn wanted(&self) -> bool {
        self.kind != "Normal" || self.involved_object.kind != "Pod" || !UNREAD.contains(&self.reason.as_str())
    }
}

/// `involvedObject`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectReference {
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
}

/// `series`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventSeries {
    /// How often.
    pub count: i32,
    /// Last seen.
    pub last_observed_time: Option<Timestamp>,
}

/// `source`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct EventSource {
    /// The component; a provisioner writes `<provisioner>_<host name>_<uuid>`.
    pub component: String,
}

impl Event {
    /// When it was last seen: the newest of all the places that components write it to.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let series = self.series.as_ref().and_then(|series| series.last_observed_time);
        [
            series,
            self.last_timestamp,
            self.event_time,
            self.first_timestamp,
            self.metadata.creation_timestamp,
        ]
        .into_iter()
        .flatten()
        .max()
    }

    /// When it was first seen.
    pub fn first_seen(&self) -> Option<Timestamp> {
        self.first_timestamp
            .or(self.event_time)
            .or(self.metadata.creation_timestamp)
    }

    /// How often it was seen, at least once.
    pub fn times(&self) -> i32 {
        let series = self.series.as_ref().map_or(0, |series| series.count);
        self.count.unwrap_or(0).max(series).max(1)
    }

    /// The component that said it.
    pub fn component(&self) -> &str {
        if self.source.component.is_empty() {
            &self.reporting_component
        } else {
            &self.source.component
        }
    }
}
