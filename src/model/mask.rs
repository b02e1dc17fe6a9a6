//! What a recording may hold: raw objects without what is large and unread, and, unless asked otherwise, without the
//! values that people put secrets into. Secrets themselves are never read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::objects::Corefiles;
use super::recording::RecordedList;
use super::resource::Resource;

/// Stands where a value was.
pub const MASKED: &str = "(masked)";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Environment variables whose value names a provisioner: a wrong name is a cause, so they stay readable.
pub const PROVISIONER_ENV: [&str; 3] = ["PROVISIONER_NAME", "DRIVER_NAME", "CSI_DRIVER_NAME"];
/// Flags whose value names a provisioner, for the same reason.
pub const PROVISIONER_FLAGS: [&str; 5] = ["provisioner", "provisioner-name", "drivername", "driver-name", "driver"];

/// Replaces, in all lists alike, what can hold secrets: environment values, arguments, commands, probe headers.
/// Where such a text names a set's governing Service, that name stays: whether pods need it decides how bad its absence is.
pub fn hide(lists: &mut [RecordedList]) {
    let services: BTreeSet<String> = lists
        .iter()
        .flat_map(|list| &list.items)
        .filter_map(|object| object.pointer("/spec/serviceName")?.as_str())
        .filter(|name| !name.is_empty())
        .map(|name| format!(".{name}"))
        .collect();
    for list in lists {
        let Some(resource) = Resource::of_plural(&list.group, &list.resource) else {
            continue;
        };
        for object in &mut list.items {
            hide_in(resource, object, &services);
        }
    }
}

fn hide_in(resource: Resource, object: &mut Value, services: &BTreeSet<String>) {
    if resource == Resource::ConfigMaps {
        let texts = object.get_mut("data").and_then(Value::as_object_mut);
        for text in texts.into_iter().flat_map(|texts| texts.values_mut()) {
            *text = mask_corefile(text.as_str().unwrap_or_default()).into();
        }
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
                mask_container(container, services);
            }
        }
    }
}

/// What stands in the place of a value.
fn masked(value: &Value, services: &BTreeSet<String>) -> Value {
    let text = value.as_str().unwrap_or_default();
    let named = services.iter().filter(|service| text.contains(service.as_str()));
    let words: Vec<&str> = std::iter::once(MASKED).chain(named.map(String::as_str)).collect();
    words.join(" ").into()
}

/// Whether a text can be the name of a provisioner, and not a line with more in it.
fn is_plain_name(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

/// Drops what is large and unread: last-applied, and of managedFields all but the manager, its time and the two topmost
/// levels of fields.
pub fn slim(object: &mut Value) {
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

/// Drops of a ConfigMap whatever is not configuration of a DNS server.
pub fn only_corefiles(config: &mut Value) {
    let Some(config) = config.as_object_mut() else { return };
    config.remove("binaryData");
    if let Some(data) = config.get_mut("data").and_then(Value::as_object_mut) {
        data.retain(|key, _| Corefiles::holds(key));
    }
}

/// Directives of a Corefile's plugins that take credentials: `etcd`, `route53`, `azure`, `tsig`, `nomad`.
/// Source: the plugins' pages below <https://coredns.io/plugins/>.
const CREDENTIALS: [&str; 6] = [
    "aws_access_key",
    "client_secret",
    "credentials",
    "password",
    "secret",
    "token",
];

/// A Corefile without what follows such a directive; all else in it decides what is served.
fn mask_corefile(text: &str) -> String {
    let line = |line: &str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        match CREDENTIALS.contains(&first.trim_matches('"')) {
            true => format!("{}{first} {MASKED}", &line[..line.len() - line.trim_start().len()]),
            false => line.to_owned(),
        }
    };
    let lines: Vec<String> = text.split('\n').map(line).collect();
    lines.join("\n")
}

fn mask_container(container: &mut Value, services: &BTreeSet<String>) {
    for variable in container
        .get_mut("env")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let text = |field: &str| variable.get(field).and_then(Value::as_str).unwrap_or_default();
        let named = PROVISIONER_ENV.contains(&text("name")) && is_plain_name(text("value"));
        if let (false, Some(value)) = (named, variable.get_mut("value")) {
            *value = masked(value, services);
        }
    }
    for field in ["args", "command"] {
        if let Some(words) = container.get_mut(field).and_then(Value::as_array_mut) {
            mask_words(words, services);
        }
    }
    for action in [
        "/livenessProbe",
        "/readinessProbe",
        "/startupProbe",
        "/lifecycle/postStart",
        "/lifecycle/preStop",
    ] {
        if let Some(action) = container.pointer_mut(action) {
            mask_action(action, services);
        }
    }
}

fn mask_action(action: &mut Value, services: &BTreeSet<String>) {
    for header in action
        .pointer_mut("/httpGet/httpHeaders")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(value) = header.get_mut("value") {
            *value = masked(value, services);
        }
    }
    // The path tells which endpoint is asked; what follows it can be a token.
    if let Some(path) = action.pointer_mut("/httpGet/path")
        && let Some((plain, _)) = path.as_str().and_then(|text| text.split_once('?'))
    {
        *path = format!("{plain}?{MASKED}").into();
    }
    if let Some(words) = action.pointer_mut("/exec/command").and_then(Value::as_array_mut) {
        mask_words(words, services);
    }
}

/// The name of a flag: `--driver=x` and `-driver x` are both `driver`.
pub fn flag_name(word: &str) -> Option<&str> {
    let name = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    Some(name.split_once('=').map_or(name, |(name, _)| name))
}

fn mask_words(words: &mut [Value], services: &BTreeSet<String>) {
    let mut value_follows = false;
    for word in words {
        let text = word.as_str().unwrap_or_default();
        let name = flag_name(text).filter(|name| PROVISIONER_FLAGS.contains(name));
        let value = text.split_once('=').map_or("", |(_, value)| value);
        let keep = match name {
            Some(_) => is_plain_name(value),
            // The value of such a flag, unless that took none and another flag follows.
            None => value_follows && flag_name(text).is_none() && is_plain_name(text),
        };
        value_follows = name.is_some() && !text.contains('=');
        if !keep {
            *word = masked(word, services);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// One list of one object, masked.
    fn hidden(resource: Resource, object: Value) -> Value {
        let mut lists = [RecordedList::new(resource, None)];
        lists[0].items.push(object);
        hide(&mut lists);
        lists[0].items.remove(0)
    }

    #[test]
    fn what_is_large_and_unread_goes() {
        let mut pod = json!({"metadata": {"annotations": {LAST_APPLIED: "{}", "a": "b"},
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {"f:containers": {"k:{}": {".": {}}}}}}]}});
        slim(&mut pod);
        assert_eq!(pod["metadata"]["annotations"], json!({"a": "b"}));
        assert_eq!(
            pod["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:spec": {"f:containers": {}}})
        );
    }

    #[test]
    fn values_go_and_provisioner_names_stay() {
        let pod = json!({"spec": {"containers": [{"name": "c", "image": "i",
                "env": [{"name": "PASSWORD", "value": "hunter2"}, {"name": "PROVISIONER_NAME", "value": "example.com/nfs"},
                        {"name": "REF", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "command": ["sh", "-c", "echo hunter2"], "args": ["--provisioner=p", "--token=hunter2", "--drivername", "d", "x"],
                "readinessProbe": {"httpGet": {"path": "/ready?token=hunter2",
                    "httpHeaders": [{"name": "Authorization", "value": "hunter2"}]}},
                "lifecycle": {"preStop": {"exec": {"command": ["curl", "hunter2"]}}}}]}});
        let pod = hidden(Resource::Pods, pod);
        assert!(!pod.to_string().contains("hunter2"));
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["env"][1]["value"], "example.com/nfs");
        assert_eq!(
            container["args"],
            json!(["--provisioner=p", MASKED, "--drivername", "d", MASKED])
        );
        assert_eq!(container["command"], json!([MASKED, MASKED, MASKED]));
    }

    #[test]
    fn a_line_that_only_begins_as_a_provisioner_s_name_is_masked() {
        let pod = json!({"spec": {"containers": [{
            "env": [{"name": "DRIVER_NAME", "value": "d --token hunter2"}],
            "args": ["--driver", "--token=hunter2", "--provisioner=p --token=hunter2", "--driver", "d hunter2"]}]}});
        assert!(!hidden(Resource::Pods, pod).to_string().contains("hunter2"));
    }

    #[test]
    fn that_a_value_names_the_set_s_service_is_kept() {
        let set = json!({"spec": {"serviceName": "db", "template": {"spec": {"containers": [
            {"env": [{"name": "PEERS", "value": "a:hunter2@web-0.db.shop.svc"}, {"name": "OTHER", "value": "db"}]}]}}}});
        let set = hidden(Resource::StatefulSets, set);
        let env = &set["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(env[0]["value"], "(masked) .db");
        assert_eq!(env[1]["value"], MASKED);
    }

    #[test]
    fn templates_and_revisions_are_masked_alike() {
        let template = json!({"spec": {"containers": [{"name": "c", "env": [{"name": "P", "value": "v"}]}]}});
        let set = hidden(Resource::StatefulSets, json!({"spec": {"template": template}}));
        let revision = hidden(
            Resource::ControllerRevisions,
            json!({"data": {"spec": {"template": template}}}),
        );
        assert_eq!(set["spec"]["template"], revision["data"]["spec"]["template"]);
        assert!(!set.to_string().contains("\"v\""));
    }
}
