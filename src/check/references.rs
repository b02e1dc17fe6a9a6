//! What a pod template names and needs before its pods can start.
//! Source: `staging/src/k8s.io/api/core/v1/types.go` (PodSpec, EnvVarSource, EnvFromSource, Volume).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::resource::Resource;

/// One object by name, of the pods' namespace where it has one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// ConfigMaps, Secrets, ServiceAccounts, PriorityClasses or PersistentVolumeClaims.
    pub resource: Resource,
    /// Its name.
    pub name: String,
    /// The key that must be in it.
    pub key: Option<String>,
    /// Where it is named, below `spec.template.spec`.
    pub place: String,
    /// What becomes of a pod without it.
    pub without: Without,
}

/// What becomes of a pod whose reference leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Without {
    /// The server refuses to make it.
    NotMade,
    /// It finds no node.
    NotScheduled,
    /// Its containers wait.
    NotStarted,
    /// It goes on; a private image cannot be pulled.
    GoesOn,
}

impl Without {
    /// In words that follow a dash.
    pub fn words(self) -> &'static str {
        match self {
            Self::NotMade => "the server refuses to make its pods",
            Self::NotScheduled => "its pods find no node",
            Self::NotStarted => "its pods do not start",
            Self::GoesOn => "an image that needs it cannot be pulled",
        }
    }
}

/// Everything that a template needs by name; what is `optional: true` is not.
pub fn references(template: &Value) -> Vec<Reference> {
    let Some(spec) = template.get("spec") else {
        return Vec::new();
    };
    let mut found = Found::default();
    let named = |field: &str| spec.get(field).and_then(Value::as_str).unwrap_or_default();
    // Every namespace has its default account, a moment after it was made.
    if !["", "default"].contains(&named("serviceAccountName")) {
        found.add(
            Resource::ServiceAccounts,
            named("serviceAccountName"),
            "serviceAccountName",
            Without::NotMade,
        );
    }
    found.add(
        Resource::PriorityClasses,
        named("priorityClassName"),
        "priorityClassName",
        Without::NotMade,
    );
    for secret in items(spec, "imagePullSecrets") {
        found.add(
            Resource::Secrets,
            text(secret, "name"),
            "imagePullSecrets",
            Without::GoesOn,
        );
    }
    for list in ["initContainers", "containers"] {
        for container in items(spec, list) {
            found.container(container, &format!("{list}[{}]", text(container, "name")));
        }
    }
    for volume in items(spec, "volumes") {
        found.volume(volume, &format!("volumes[{}]", text(volume, "name")));
    }
    found.0.into_iter().collect()
}

#[derive(Default)]
struct Found(BTreeSet<Reference>);

impl Found {
    fn add(&mut self, resource: Resource, name: &str, place: &str, without: Without) {
        self.add_key(resource, name, None, place, without);
    }

    fn add_key(&mut self, resource: Resource, name: &str, key: Option<&str>, place: &str, without: Without) {
        if !name.is_empty() {
            self.0.insert(Reference {
                resource,
                name: name.to_owned(),
                key: key.map(str::to_owned),
                place: place.to_owned(),
                without,
            });
        }
    }

    fn container(&mut self, container: &Value, place: &str) {
        for variable in items(container, "env") {
            let place = format!("{place}.env[{}]", text(variable, "name"));
            for (field, resource) in [
                ("configMapKeyRef", Resource::ConfigMaps),
                ("secretKeyRef", Resource::Secrets),
            ] {
                for source in variable
                    .get("valueFrom")
                    .into_iter()
                    .flat_map(|from| required(from, field))
                {
                    let key = Some(text(source, "key")).filter(|key| !key.is_empty());
                    self.add_key(resource, text(source, "name"), key, &place, Without::NotStarted);
                }
            }
        }
        for source in items(container, "envFrom") {
            for (field, resource) in [("configMapRef", Resource::ConfigMaps), ("secretRef", Resource::Secrets)] {
                for source in required(source, field) {
                    self.add(
                        resource,
                        text(source, "name"),
                        &format!("{place}.envFrom"),
                        Without::NotStarted,
                    );
                }
            }
        }
    }

    fn volume(&mut self, volume: &Value, place: &str) {
        if let Some(claim) = volume.get("persistentVolumeClaim") {
            let resource = Resource::PersistentVolumeClaims;
            self.add(resource, text(claim, "claimName"), place, Without::NotScheduled);
        }
        self.files(volume, "secretName", place);
        for source in volume
            .get("projected")
            .into_iter()
            .flat_map(|projected| items(projected, "sources"))
        {
            self.files(source, "name", place);
        }
        // Drivers' own: cephfs, csi, flexVolume, iscsi, rbd and others.
        for driver in volume.as_object().into_iter().flat_map(serde_json::Map::values) {
            for field in ["secretRef", "nodePublishSecretRef"] {
                for secret in required(driver, field) {
                    self.add(Resource::Secrets, text(secret, "name"), place, Without::NotStarted);
                }
            }
        }
    }

    /// Files from a ConfigMap or a Secret; the latter is named by another field in a volume than in a projected one.
    fn files(&mut self, source: &Value, secret_name: &str, place: &str) {
        for (field, resource, name) in [
            ("configMap", Resource::ConfigMaps, "name"),
            ("secret", Resource::Secrets, secret_name),
        ] {
            for source in required(source, field) {
                let name = text(source, name);
                self.add(resource, name, place, Without::NotStarted);
                for item in items(source, "items") {
                    self.add_key(resource, name, Some(text(item, "key")), place, Without::NotStarted);
                }
            }
        }
    }
}

/// What stands in a field, unless it may be missing.
fn required<'v>(of: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    let source = of.get(field).into_iter();
    source.filter(|source| source.get("optional") != Some(&Value::Bool(true)))
}

fn items<'v>(of: &'v Value, field: &str) -> &'v [Value] {
    of.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'v>(of: &'v Value, field: &str) -> &'v str {
    of.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_place_is_looked_at_and_optional_ones_are_left_out() {
        let template = json!({"spec": {
            "serviceAccountName": "db", "priorityClassName": "high", "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "init"}}, {"secretRef": {"name": "s", "optional": true}}]}],
            "containers": [{"name": "c", "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "a"}}},
                {"name": "B", "valueFrom": {"secretKeyRef": {"name": "pass", "key": "b"}}},
                {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "maybe", "key": "c", "optional": true}}}]}],
            "volumes": [
                {"name": "v", "configMap": {"name": "files", "items": [{"key": "k", "path": "p"}]}},
                {"name": "w", "secret": {"secretName": "tls"}},
                {"name": "x", "projected": {"sources": [{"secret": {"name": "token"}}, {"configMap": {"name": "ca", "optional": true}}]}},
                {"name": "y", "persistentVolumeClaim": {"claimName": "shared"}},
                {"name": "z", "csi": {"nodePublishSecretRef": {"name": "driver"}}}]}});
        let found: Vec<_> = references(&template)
            .into_iter()
            .map(|found| {
                format!(
                    "{} {} {}",
                    found.resource.info().kind,
                    found.name,
                    found.key.unwrap_or_default()
                )
            })
            .collect();
        let wanted = [
            "PersistentVolumeClaim shared ",
            "ConfigMap conf a",
            "ConfigMap files ",
            "ConfigMap files k",
            "ConfigMap init ",
            "ServiceAccount db ",
            "PriorityClass high ",
            "Secret driver ",
            "Secret pass b",
            "Secret pull ",
            "Secret tls ",
            "Secret token ",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_default_account_is_taken_for_granted() {
        assert!(references(&json!({"spec": {"serviceAccountName": "default"}})).is_empty());
        assert!(references(&Value::Null).is_empty());
    }
}
