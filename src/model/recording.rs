//! A recording: the raw objects of one collection, masked, with what could not be read. It outlives today's lean structs.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::gap::{Gap, GapReason};
use super::place::Place;
use super::resource::Resource;
use super::snapshot::{Scope, Snapshot};

/// The file's `kind`.
pub const KIND: &str = "Recording";
/// The file's `apiVersion`; it changes when a reader of today could misread the file.
pub const API_VERSION: &str = "kubectl-sts/v1";

/// What `capture` writes and `--from` reads.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// [`API_VERSION`].
    pub api_version: String,
    /// [`KIND`].
    pub kind: String,
    /// When, by the server's clock.
    pub taken_at: Timestamp,
    /// For instance `v1.36.3`.
    pub server_version: Option<String>,
    /// The kubeconfig context.
    pub context: String,
    /// The namespace; absent for all.
    pub namespace: Option<String>,
    /// Whether values that can hold secrets were replaced.
    pub masked: bool,
    /// One entry a list.
    pub lists: Vec<RecordedList>,
    /// Objects that a single read confirmed not to exist.
    pub confirmed_absent: Vec<Absent>,
}

/// One list as it was read. Gaps and objects must be there, if only to say that there are none: a file that lost them
/// would read as a cluster without them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedList {
    /// API group, empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// The namespace; absent for all.
    pub namespace: Option<String>,
    /// What part of the cluster was looked at, where it is not all of the namespace, or of all namespaces: `clusterDns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The version of the list.
    #[serde(default)]
    pub resource_version: String,
    /// What is missing from it.
    pub gaps: Vec<RecordedGap>,
    /// Raw objects.
    pub items: Vec<Value>,
}

/// A gap in words that a file can hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "reason", content = "detail", rename_all = "camelCase")]
pub enum RecordedGap {
    /// The user may not.
    Forbidden,
    /// No answer in time.
    Timeout,
    /// 410 in the middle.
    Expired,
    /// Anything else, as a sentence.
    Failed(String),
}

/// One object that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Absent {
    /// API group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// Its namespace, where it would have one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl RecordedGap {
    fn of(reason: &GapReason) -> Self {
        match reason {
            GapReason::Forbidden => Self::Forbidden,
            GapReason::Timeout => Self::Timeout,
            GapReason::Expired => Self::Expired,
            other => Self::Failed(other.to_string()),
        }
    }

    fn reason(self) -> GapReason {
        match self {
            Self::Forbidden => GapReason::Forbidden,
            Self::Timeout => GapReason::Timeout,
            Self::Expired => GapReason::Expired,
            Self::Failed(sentence) => GapReason::Failed(sentence),
        }
    }
}

impl RecordedList {
    /// An empty list of this resource.
    pub fn new(resource: Resource, namespace: Option<&str>) -> Self {
        let info = resource.info();
        Self {
            group: info.group.to_owned(),
            resource: info.plural.to_owned(),
            namespace: namespace.map(str::to_owned),
            ..Self::default()
        }
    }

    /// The same of a part of the cluster.
    pub fn at(self, place: Place) -> Self {
        let part = place.recorded().map(str::to_owned);
        Self { part, ..self }
    }

    /// What it is a list of, in words.
    pub fn what(&self) -> &str {
        match self.part {
            Some(_) => "cluster DNS",
            None => &self.resource,
        }
    }

    /// Where it was looked; `None` where this version does not know the part.
    fn place(&self, scope: Option<&str>, namespaced: bool) -> Option<Place> {
        match self.part.as_deref() {
            None if namespaced && self.namespace.is_none() && scope.is_some() => Some(Place::Everywhere),
            None => Some(Place::Scope),
            part if part == Place::ClusterDns.recorded() => Some(Place::ClusterDns),
            Some(_) => None,
        }
    }

    /// Notes what is missing.
    pub fn gap(&mut self, reason: &GapReason) {
        self.gaps.push(RecordedGap::of(reason));
    }
}

impl Absent {
    /// The statement that this object does not exist.
    pub fn new(resource: Resource, namespace: Option<&str>, name: &str) -> Self {
        let info = resource.info();
        Self {
            group: info.group.to_owned(),
            resource: info.plural.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }
}

impl Recording {
    /// The snapshot that was recorded. Resources that this version does not know are left out.
    /// Its origin is the recorded context, and when that was.
    pub fn into_snapshot(self) -> Snapshot {
        let origin = format!("{} (recorded {:.0})", self.context, self.taken_at);
        let scope = self.namespace.clone().map_or(Scope::All, Scope::Namespace);
        let mut snapshot = Snapshot::new(self.taken_at, origin, scope);
        snapshot.server_version = self.server_version;
        snapshot.masked = self.masked;
        for list in self.lists {
            let Some(resource) = Resource::of_plural(&list.group, &list.resource) else {
                continue;
            };
            let Some(place) = list.place(self.namespace.as_deref(), resource.info().namespaced) else {
                continue;
            };
            let Some(sink) = snapshot.sink(resource, place) else {
                continue;
            };
            if list.gaps.is_empty() {
                sink.answered();
            }
            list.items.into_iter().for_each(|item| sink.object(item));
            for gap in list.gaps {
                sink.gap(Gap::list(resource, list.namespace.as_deref(), gap.reason()).at(place));
            }
        }
        for absent in self.confirmed_absent {
            if let Some(resource) = Resource::of_plural(&absent.group, &absent.resource) {
                snapshot
                    .confirmed_absent
                    .push((resource, absent.namespace, absent.name));
            }
        }
        snapshot
    }
}
