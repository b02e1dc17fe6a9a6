//! Objects as files describe them, before any server has seen them.

use serde_json::Value;

use super::objects::StatefulSet;
use super::resource::Resource;

/// One object of a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file it stands in, `-` for standard input.
    pub file: String,
    /// As it is written. A Secret is here without what it holds.
    pub object: Value,
}

/// A server's answer to a manifest that it was asked to judge and not to store.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// It takes it: the object as it would be stored, defaults and admission included.
    Accepted(Value),
    /// It refuses it, in its own words.
    Refused(String),
    /// It did not say, and why.
    NotAsked(String),
}

impl Manifest {
    /// A text at a JSON pointer; empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        self.object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `metadata.namespace`; empty where the manifest leaves it to the command line.
    pub fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }

    /// What it is, where that is read here.
    pub fn resource(&self) -> Option<Resource> {
        Resource::of_kind(self.text("/apiVersion"), self.text("/kind"))
    }

    /// Whether it is a StatefulSet of any API version, also of one that is no longer served.
    pub fn is_set(&self) -> bool {
        let group = self.text("/apiVersion").split('/').next().unwrap_or_default();
        self.text("/kind") == "StatefulSet" && ["apps", "extensions", ""].contains(&group)
    }

    /// The same in this namespace, where it names none and has one.
    pub fn within(mut self, namespace: &str) -> Self {
        let cluster_wide = self.resource().is_some_and(|resource| !resource.info().namespaced);
        if let (true, false, Some(metadata)) = (
            self.namespace().is_empty(),
            cluster_wide,
            self.object.get_mut("metadata").and_then(Value::as_object_mut),
        ) {
            metadata.insert("namespace".to_owned(), namespace.into());
        }
        self
    }

    /// The set in lean form, with what the server fills in where the manifest says nothing.
    /// Source: `pkg/apis/apps/v1/defaults.go` (SetDefaults_StatefulSet).
    ///
    /// # Errors
    /// The field that does not have the API's shape, and why.
    pub fn set(&self) -> Result<StatefulSet, String> {
        let mut set: StatefulSet =
            serde_json::from_value(self.object.clone()).map_err(|error| misshapen(&self.object, &error))?;
        set.spec.replicas.get_or_insert(1);
        set.spec.revision_history_limit.get_or_insert(10);
        for (field, default) in [
            (&mut set.spec.pod_management_policy, "OrderedReady"),
            (&mut set.spec.update_strategy.kind, "RollingUpdate"),
        ] {
            if field.is_empty() {
                default.clone_into(field);
            }
        }
        Ok(set)
    }
}

/// The parser's error does not say where; each field alone does.
fn misshapen(object: &Value, whole: &serde_json::Error) -> String {
    for part in ["spec", "metadata"] {
        for (field, value) in object.get(part).and_then(Value::as_object).into_iter().flatten() {
            let alone = serde_json::json!({ part: { field: value } });
            if let Err(error) = serde_json::from_value::<StatefulSet>(alone) {
                return format!("{part}.{field}: {error}");
            }
        }
    }
    whole.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn manifest(object: Value) -> Manifest {
        Manifest {
            file: "web.yaml".to_owned(),
            object,
        }
    }

    #[test]
    fn what_the_server_fills_in_is_filled_in() {
        let set = manifest(json!({"spec": {"serviceName": "web"}})).set().unwrap();
        assert_eq!((set.replicas(), set.ordered(), set.on_delete()), (1, true, false));
    }

    #[test]
    fn a_size_may_be_a_number() {
        let claim = json!({"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": 1073741824}}}});
        let set = manifest(json!({"spec": {"volumeClaimTemplates": [claim]}}))
            .set()
            .unwrap();
        assert_eq!(set.spec.volume_claim_templates[0].request(), Some("1073741824"));
    }

    #[test]
    fn a_field_of_another_shape_is_named() {
        let wrong = manifest(json!({"spec": {"replicas": "three"}})).set().unwrap_err();
        assert!(wrong.starts_with("spec.replicas: invalid type: string"), "{wrong}");
    }

    #[test]
    fn the_namespace_of_the_command_line_is_for_those_that_name_none() {
        let at = |object: Value| manifest(object).within("shop").namespace().to_owned();
        assert_eq!(
            at(json!({"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a"}})),
            "shop"
        );
        assert_eq!(
            at(json!({"kind": "Service", "apiVersion": "v1", "metadata": {"namespace": "b"}})),
            "b"
        );
        let class = json!({"kind": "StorageClass", "apiVersion": "storage.k8s.io/v1", "metadata": {"name": "a"}});
        assert_eq!(at(class), "");
    }
}
