//! What a recording may hold: raw objects without what is large and unread, and, unless asked otherwise, without the
//! values that people put secrets into. Secrets themselves are never read.

use serde_json::{Map, Value};

use super::resource::Resource;

/// Stands where a value was.
pub const MASKED: &str = "(masked)";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Environment variables whose value names a provisioner: a wrong name is a cause, so they stay readable.
pub const PROVISIONER_ENV: [&str; 3] = ["PROVISIONER_NAME", "DRIVER_NAME", "CSI_DRIVER_NAME"];
/// Flags whose value names a provisioner, for the same reason.
pub const PROVISIONER_FLAGS: [&str; 5] = ["provisioner", "provisioner-name", "drivername", "driver-name", "driver"];

/// Prepares one object for a recording. `mask` replaces environment values, arguments, commands and probe headers.
pub fn prepare(resource: Resource, object: &mut Value, mask: bool) {
    slim(object);
    if !mask {
        return;
    }
    let spec = match resource {
        Resource::Pods => object.pointer_mut("/spec"),
        Resource::StatefulSets | Resource::Deployments | Resource::DaemonSets => {
            object.pointer_mut("/spec/template/spec")
        }
        Resource::ControllerRevisions => object.pointer_mut("/data/spec/template/spec"),
        _ => None,
    };
    if let Some(spec) = spec {
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                mask_container(container);
            }
        }
    }
}

/// Drops last-applied and all of managedFields but the manager, its time and the two topmost levels of fields.
fn slim(object: &mut Value) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(LAST_APPLIED);
    }
    for entry in metadata
        .get_mut("managedFields")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let fields = entry.get_mut("fieldsV1").and_then(Value::as_object_mut);
        for below in fields.into_iter().flat_map(|fields| fields.values_mut()) {
            for deep in below.as_object_mut().into_iter().flat_map(|below| below.values_mut()) {
                *deep = Value::Object(Map::new());
            }
        }
    }
}

fn mask_container(container: &mut Value) {
    for variable in container
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let named = variable
            .get("name")
            .and_then(Value::as_str)
            .is_some_and(|name| PROVISIONER_ENV.contains(&name));
        if let (false, Some(value)) = (named, variable.get_mut("value")) {
            *value = MASKED.into();
        }
    }
    for field in ["args", "command"] {
        if let Some(words) = container.get_mut(field).and_then(Value::as_array_mut) {
            mask_words(words);
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if let Some(probe) = container.get_mut(probe) {
            mask_action(probe);
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(hook) = container.pointer_mut(&format!("/lifecycle/{hook}")) {
            mask_action(hook);
        }
    }
}

fn mask_action(action: &mut Value) {
    for header in action
        .pointer_mut("/httpGet/httpHeaders")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(value) = header.get_mut("value") {
            *value = MASKED.into();
        }
    }
    if let Some(words) = action.pointer_mut("/exec/command").and_then(Value::as_array_mut) {
        mask_words(words);
    }
}

/// The name of a flag: `--driver=x` and `-driver x` are both `driver`.
pub fn flag_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    Some(name.split_once('=').map_or(name, |(name, _)| name))
}

fn mask_words(words: &mut [Value]) {
    let mut value_follows = false;
    for word in words {
        let text = word.as_str().unwrap_or_default();
        let flag = flag_name(text);
        let names_provisioner = flag.is_some_and(|flag| PROVISIONER_FLAGS.contains(&flag));
        let keep = value_follows || names_provisioner;
        value_follows = names_provisioner && !text.contains('=');
        if !keep {
            *word = MASKED.into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_go_and_provisioner_names_stay() {
        let mut pod = json!({"metadata": {"annotations": {LAST_APPLIED: "{}", "a": "b"},
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:containers": {"k:{}": {".": {}}}}}}]},
            "spec": {"containers": [{"name": "c", "image": "i",
                "env": [{"name": "PASSWORD", "value": "hunter2"}, {"name": "PROVISIONER_NAME", "value": "example.com/nfs"},
                        {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "command": ["sh", "-c", "echo hunter2"], "args": ["--provisioner=p", "--token=hunter2", "--drivername", "d", "x"],
                "readinessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "hunter2"}]}},
                "lifecycle": {"preStop": {"exec": {"command": ["curl", "hunter2"]}}}}]}});
        prepare(Resource::Pods, &mut pod, true);
        assert!(!pod.to_string().contains("hunter2"));
        assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
        assert_eq!(
            pod["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:containers": {}}})
        );
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["env"][1]["value"], "example.com/nfs");
        assert_eq!(
            container["args"],
            json!(["--provisioner=p", MASKED, "--drivername", "d", MASKED])
        );
        assert_eq!(container["command"], json!([MASKED, MASKED, MASKED]));
    }

    #[test]
    fn templates_and_revisions_are_masked_alike() {
        let template = json!({"spec": {"containers": [{"name": "c", "env": [{"name": "P", "value": "v"}]}]}});
        let mut set = json!({"spec": {"template": template}});
        let mut revision = json!({"data": {"spec": {"template": template}}});
        prepare(Resource::StatefulSets, &mut set, true);
        prepare(Resource::ControllerRevisions, &mut revision, true);
        assert_eq!(set["spec"]["template"], revision["data"]["spec"]["template"]);
        assert!(!set.to_string().contains("\"v\""));
    }
}
