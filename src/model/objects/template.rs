//! A pod template, kept whole as JSON because it is compared and hashed, read through accessors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::PodSpec;

/// `spec.template` of a workload: the tree as the API served it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Template(pub Value);

impl Template {
    /// The pod spec in lean form; `None` when it does not have the API's shape.
    pub fn spec(&self) -> Option<PodSpec> {
        PodSpec::deserialize(self.0.get("spec")?).ok()
    }

    /// The labels that its pods get, besides the controller's own.
    pub fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.0.pointer("/metadata/labels").cloned();
        labels
            .and_then(|labels| serde_json::from_value(labels).ok())
            .unwrap_or_default()
    }

    /// Name and image of each container, in order.
    pub fn images(&self) -> Vec<(&str, &str)> {
        images(Some(&self.0))
    }
}

/// Name and image of each container of a template tree, in order.
pub(super) fn images(template: Option<&Value>) -> Vec<(&str, &str)> {
    let containers = template
        .and_then(|t| t.pointer("/spec/containers"))
        .and_then(Value::as_array);
    containers
        .into_iter()
        .flatten()
        .filter_map(|c| Some((c.get("name")?.as_str()?, c.get("image")?.as_str()?)))
        .collect()
}
