//! What a rule says: a finding about one object, with its evidence and its remedy. No colour, age or layout in here.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::model::objects::{Event, Meta};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Works, and should not stay so.
    Warning,
    /// Something that was asked for does not work, or data is about to be lost.
    Error,
}

/// How sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// Inferred, or something that bears on it was not read.
    Likely,
    /// Read from state.
    Certain,
}

/// What place it has among the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The first cause that someone can act on.
    Root,
    /// Follows from another finding.
    Effect,
    /// Harms nothing yet.
    Risk,
}

/// What a remedy can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Changes nothing.
    ReadOnly,
    /// Can be taken back.
    Reversible,
    /// A pod goes: a failover.
    Disruptive,
    /// Data can be lost.
    Destructive,
}

/// An object by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ObjectRef {
    /// As in a manifest.
    pub kind: String,
    /// Absent for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

impl ObjectRef {
    /// The object of this kind with this metadata.
    pub fn of(kind: &str, meta: &Meta) -> Self {
        Self::named(kind, &meta.namespace, &meta.name)
    }

    /// An object by namespace (empty for none) and name.
    pub fn named(kind: &str, namespace: &str, name: &str) -> Self {
        let namespace = (!namespace.is_empty()).then(|| namespace.to_owned());
        Self {
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
        }
    }

    /// Kind and name as people say them, for instance `pod web-0`.
    pub fn spoken(&self) -> String {
        let kind = match self.kind.as_str() {
            "PersistentVolumeClaim" => "claim".to_owned(),
            "PersistentVolume" => "volume".to_owned(),
            "StorageClass" => "class".to_owned(),
            other => other.to_lowercase(),
        };
        format!("{kind} {}", self.name)
    }
}

/// A fact that a finding rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Where it was found.
    pub object: ObjectRef,
    /// The field, or `event/<reason>`, or `search` for an absence.
    pub path: String,
    /// As found; for a search what was looked at, and how many.
    pub value: Value,
    /// What a manifest makes of it, where it is about a change; null for nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// For an event, how often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<i32>,
    /// For an event, when last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Timestamp>,
    /// Whether newer facts contradict it: shown, and not believed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
}

impl Evidence {
    /// A field as it was found.
    pub fn field(object: ObjectRef, path: &str, value: impl Into<Value>) -> Self {
        Self {
            object,
            path: path.to_owned(),
            value: value.into(),
            to: None,
            count: None,
            last_seen: None,
            stale: false,
        }
    }

    /// A field as it is, and as it would become.
    pub fn change(object: ObjectRef, path: &str, from: Value, to: Value) -> Self {
        Self {
            to: Some(to),
            ..Self::field(object, path, from)
        }
    }

    /// An event.
    pub fn event(event: &Event) -> Self {
        let about = &event.involved_object;
        Self {
            object: ObjectRef::named(&about.kind, &about.namespace, &about.name),
            path: format!("event/{}", event.reason),
            value: event.message.as_str().into(),
            to: None,
            count: Some(event.times()),
            last_seen: event.last_seen(),
            stale: false,
        }
    }

    /// An absence: what was searched, and how many objects that were.
    pub fn search(object: ObjectRef, looked_at: &str) -> Self {
        Self::field(object, "search", looked_at)
    }

    /// The same, marked as contradicted by newer facts.
    pub fn stale(self) -> Self {
        Self { stale: true, ..self }
    }
}

/// What to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// In one line.
    pub text: String,
    /// Commands as argument lists, in order.
    pub commands: Vec<Vec<String>>,
    /// What must not be done, and why.
    pub avoid: Vec<String>,
    /// The worst that the commands can do.
    pub safety: Safety,
}

impl Remedy {
    /// A remedy without commands.
    pub fn new(text: impl Into<String>, safety: Safety) -> Self {
        Self {
            text: text.into(),
            commands: Vec::new(),
            avoid: Vec::new(),
            safety,
        }
    }

    /// Adds a command as an argument list.
    pub fn command(mut self, words: &[&str]) -> Self {
        self.commands.push(words.iter().map(|&word| word.to_owned()).collect());
        self
    }

    /// Adds something that must not be done.
    pub fn avoid(mut self, what: impl Into<String>) -> Self {
        self.avoid.push(what.into());
        self
    }
}

/// What one rule says about one object.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Its place in the report.
    pub id: usize,
    /// The finding that causes this one.
    pub caused_by: Option<usize>,
    /// For instance `STS112`.
    pub code: &'static str,
    /// For instance `provisioner-not-deployed`.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub certainty: Certainty,
    /// Root, effect or risk.
    pub role: Role,
    /// What it is about.
    pub subject: ObjectRef,
    /// The ordinals it concerns.
    pub ordinals: Vec<i64>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// One lower-case line without a period.
    pub summary: String,
    /// Never empty.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub remedy: Option<Remedy>,
    /// The object whose trouble causes this; resolved into `caused_by`.
    #[serde(skip)]
    pub because: Option<ObjectRef>,
}

impl Finding {
    /// A finding that stands for itself; code and name are filled in by the engine, from the rule.
    pub fn new(role: Role, severity: Severity, subject: ObjectRef, summary: impl Into<String>) -> Self {
        Self {
            id: 0,
            caused_by: None,
            code: "",
            name: "",
            severity,
            certainty: Certainty::Certain,
            role,
            subject,
            ordinals: Vec::new(),
            since: None,
            summary: summary.into(),
            evidence: Vec::new(),
            remedy: None,
            because: None,
        }
    }

    /// Marks it as inferred, unless `certain`.
    pub fn certain(mut self, certain: bool) -> Self {
        self.certainty = if certain { Certainty::Certain } else { Certainty::Likely };
        self
    }

    /// The ordinals it concerns.
    pub fn ordinals(mut self, ordinals: impl IntoIterator<Item = i64>) -> Self {
        self.ordinals = ordinals.into_iter().collect();
        self
    }

    /// Since when it holds.
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        self.since = since;
        self
    }

    /// Adds a fact.
    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// What to do.
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// The object whose trouble causes this.
    pub fn because(mut self, object: ObjectRef) -> Self {
        self.because = Some(object);
        self
    }
}
