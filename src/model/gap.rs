//! What could not be read. A gap is a value: it travels with the listing it is missing from, and it is printed.

use std::fmt;

use super::place::Place;
use super::resource::Resource;

/// A read that did not give its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What was to be read.
    pub resource: Resource,
    /// Where it was looked for.
    pub place: Place,
    /// `None`: all namespaces, or a cluster-scoped resource.
    pub namespace: Option<String>,
    /// One object, when only that one is missing; otherwise the whole list.
    pub name: Option<String>,
    /// Why.
    pub reason: GapReason,
}

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GapReason {
    /// The user may not.
    Forbidden,
    /// No answer in time.
    Timeout,
    /// The command did not ask for it.
    NotRequested,
    /// The recording or dump does not hold this kind.
    AbsentFromDump,
    /// The list changed under the reading and could not be finished (410).
    Expired,
    /// The server or the connection failed; its sentence.
    Failed(String),
    /// The object lacks this field, or does not have the API's shape.
    Unparseable(String),
}

impl Gap {
    /// A gap of a whole list.
    pub fn list(resource: Resource, namespace: Option<&str>, reason: GapReason) -> Self {
        Self {
            resource,
            place: Place::Scope,
            namespace: namespace.map(str::to_owned),
            name: None,
            reason,
        }
    }

    /// A gap of one object.
    pub fn one(resource: Resource, namespace: Option<&str>, name: &str, reason: GapReason) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..Self::list(resource, namespace, reason)
        }
    }

    /// The same of another place.
    pub fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    /// What is missing, for instance `persistentvolumes` or `pods in shop`.
    pub fn what(&self) -> String {
        let plural = self.resource.info().plural;
        let what = match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => format!("{plural} {namespace}/{name}"),
            (None, Some(name)) => format!("{plural} {name}"),
            (Some(namespace), None) => format!("{plural} in {namespace}"),
            (None, None) => plural.to_owned(),
        };
        match self.place {
            Place::Scope | Place::Everywhere => what,
            Place::ClusterDns => format!("cluster DNS: {what}"),
        }
    }

    /// Why, as a fragment, for instance `forbidden`.
    pub fn why(&self) -> String {
        match (&self.reason, &self.name) {
            (GapReason::Forbidden, Some(_)) => "cannot get: forbidden".to_owned(),
            (reason, _) => reason.to_string(),
        }
    }
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden => f.write_str("forbidden"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::NotRequested => f.write_str("not asked for"),
            Self::AbsentFromDump => f.write_str("not in the file"),
            Self::Expired => f.write_str("the list changed while it was read"),
            Self::Failed(sentence) => f.write_str(sentence),
            Self::Unparseable(field) => write!(f, "no usable {field}"),
        }
    }
}
