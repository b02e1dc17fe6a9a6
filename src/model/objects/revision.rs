//! `ControllerRevision` (apps/v1).

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Meta, Object};
use crate::model::changes::sorted;

/// A stored pod template of a set.
/// Source: `staging/src/k8s.io/api/apps/v1/types.go` (ControllerRevision).
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Revision {
    /// Metadata; the name is the value of the pods' revision label.
    pub metadata: Meta,
    /// Order: the highest is the newest. A rollback raises the number of an old one.
    pub revision: i64,
    /// `{"spec":{"template":{…,"$patch":"replace"}}}`, immutable.
    pub data: Value,
    /// When its number was written last, by its managedFields: at its creation, or when a rollback raised it.
    #[serde(skip)]
    pub numbered_at: Option<Timestamp>,
}

impl Object for Revision {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        let written = std::mem::take(&mut self.metadata.managed_fields);
        let numbers = written.iter().filter(|entry| entry.fields.contains_key("f:revision"));
        self.numbered_at = numbers.filter_map(|entry| entry.time).max();
    }

    fn incomplete(&self) -> Option<&'static str> {
        self.metadata.uid.is_empty().then_some("metadata.uid")
    }
}

impl Revision {
    /// The pod template it stores.
    pub fn template(&self) -> Option<&Value> {
        self.data.pointer("/spec/template")
    }

    /// The pod template as a set would hold it, with its keys in order.
    pub fn pod_template(&self) -> Option<Value> {
        let mut template = sorted(self.template()?);
        template.as_object_mut()?.remove("$patch");
        Some(template)
    }

    /// Name and image of each container of its template.
    pub fn images(&self) -> Vec<(&str, &str)> {
        super::template::images(self.template())
    }
}
