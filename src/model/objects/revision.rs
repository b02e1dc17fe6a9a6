//! `ControllerRevision` (apps/v1).

use serde::Deserialize;
use serde_json::Value;

use super::{Meta, Object};

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
}

impl Object for Revision {
    fn meta(&self) -> &Meta {
        &self.metadata
    }

    fn slim(&mut self) {
        self.metadata.managed_fields = Vec::new();
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

    /// Name and image of each container of its template.
    pub fn images(&self) -> Vec<(&str, &str)> {
        super::template::images(self.template())
    }
}
