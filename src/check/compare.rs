//! What a manifest changes of a set that exists and that cannot be changed in place. Both sides are compared as they are
//! after defaulting: what a manifest leaves to the server is no change.
//!
//! Source: `pkg/apis/apps/validation/validation.go` (ValidateStatefulSetUpdate), whose comparison takes absent and empty
//! for the same, and sizes by their value (`apimachinery/pkg/api/equality`).

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::model::quantity::quantity;

/// One field, as it is and as it would become; null where it is not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// For instance `spec.volumeClaimTemplates[data].spec.resources.requests.storage`.
    pub path: String,
    /// On the cluster.
    pub from: Value,
    /// In the manifest.
    pub to: Value,
}

/// Up to this minor version `revisionHistoryLimit` cannot be changed either.
const HISTORY_LIMIT_FIXED: u32 = 32;
/// Pointers: empty is another thing than absent.
const POINTERS: [&str; 6] = [
    "selector",
    "dataSource",
    "dataSourceRef",
    "storageClassName",
    "volumeAttributesClassName",
    "apiGroup",
];
/// Maps with keys of the user's own, whose values may be empty.
const MAPS: [&str; 5] = ["matchLabels", "labels", "annotations", "requests", "limits"];

/// Every fixed field in which the manifest differs, each as deep as the difference goes. `minor` is the server's.
pub fn fixed(current: &Value, manifest: &Value, minor: u32) -> Vec<Change> {
    let mut fields = vec!["serviceName", "podManagementPolicy", "selector", "volumeClaimTemplates"];
    if minor <= HISTORY_LIMIT_FIXED {
        fields.push("revisionHistoryLimit");
    }
    let of = |object: &Value, field: &str| {
        let value = object.get("spec").and_then(|spec| spec.get(field));
        defaulted(field, value.cloned().unwrap_or_default())
    };
    let mut changes = Vec::new();
    for field in fields {
        let (from, to) = (of(current, field), of(manifest, field));
        let path = format!("spec.{field}");
        match field {
            "volumeClaimTemplates" => templates(&path, &from, &to, &mut changes),
            _ => differ(&path, field, &from, &to, &mut changes),
        }
    }
    changes
}

/// With what the server fills in. Sources: `pkg/apis/apps/v1/defaults.go`, `pkg/apis/core/v1/defaults.go`
/// (SetDefaults_PersistentVolumeClaim).
fn defaulted(field: &str, mut value: Value) -> Value {
    let absent = nothing(&value);
    match field {
        "podManagementPolicy" if absent => "OrderedReady".into(),
        "revisionHistoryLimit" if absent => 10.into(),
        _ if absent => Value::Null,
        "volumeClaimTemplates" => {
            for template in value.as_array_mut().into_iter().flatten() {
                claim(template);
            }
            pruned(value, field)
        }
        _ => pruned(value, field),
    }
}

fn claim(template: &mut Value) {
    let Some(fields) = template.as_object_mut() else { return };
    // Which kind it is goes without saying, and nothing reads it.
    fields.retain(|field, _| !["apiVersion", "kind"].contains(&field.as_str()));
    if let Some(spec) = fields.get_mut("spec").and_then(Value::as_object_mut)
        && spec.get("volumeMode").is_none_or(Value::is_null)
    {
        spec.insert("volumeMode".to_owned(), "Filesystem".into());
    }
    if let Some(status) = fields.get_mut("status").and_then(Value::as_object_mut)
        && status.get("phase").is_some_and(|phase| phase == "Pending")
    {
        status.remove("phase");
    }
}

/// Without what counts as absent.
fn pruned(value: Value, field: &str) -> Value {
    let inside_map = MAPS.contains(&field);
    match value {
        Value::Object(fields) => {
            let kept: Map<_, _> = fields
                .into_iter()
                .map(|(key, value)| {
                    let value = pruned(value, &key);
                    (key, value)
                })
                .filter(|(key, value)| {
                    let counts = inside_map || POINTERS.contains(&key.as_str());
                    !nothing(value) || (counts && !value.is_null())
                })
                .collect();
            Value::Object(kept)
        }
        Value::Array(items) => items.into_iter().map(|item| pruned(item, "")).collect(),
        other => other,
    }
}

/// Claim templates, told apart by their names; their order counts.
fn templates(path: &str, from: &Value, to: &Value, changes: &mut Vec<Change>) {
    let (old, new) = (list(from), list(to));
    let (old_names, new_names) = (names(old), names(new));
    let unique = |names: &[&str]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    if !unique(&old_names) || !unique(&new_names) {
        return differ(path, "volumeClaimTemplates", from, to, changes);
    }
    let at = |list: &[Value], names: &[&str], name: &str| {
        let place = names.iter().position(|known| *known == name);
        place.and_then(|place| list.get(place)).cloned().unwrap_or_default()
    };
    let added = new_names.iter().filter(|name| !old_names.contains(name));
    for name in old_names.iter().chain(added) {
        let path = format!("{path}[{name}]");
        differ(
            &path,
            "",
            &at(old, &old_names, name),
            &at(new, &new_names, name),
            changes,
        );
    }
    let common = |names: &[&str], others: &[&str]| -> Vec<String> {
        let both = names.iter().filter(|name| others.contains(name));
        both.map(|name| (*name).to_owned()).collect()
    };
    let (before, after) = (common(&old_names, &new_names), common(&new_names, &old_names));
    if before != after {
        changes.push(Change {
            path: format!("{path}[].metadata.name"),
            from: before.into(),
            to: after.into(),
        });
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names(templates: &[Value]) -> Vec<&str> {
    let name = |template| Value::pointer(template, "/metadata/name").and_then(Value::as_str);
    templates
        .iter()
        .map(|template| name(template).unwrap_or_default())
        .collect()
}

/// The differences of two values, as deep as both are objects.
fn differ(path: &str, field: &str, from: &Value, to: &Value, changes: &mut Vec<Change>) {
    if let (Value::Object(old), Value::Object(new)) = (from, to) {
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let below = match MAPS.contains(&field) && key.contains(['.', '/']) {
                true => format!("{path}[{key}]"),
                false => format!("{path}.{key}"),
            };
            let at = |side: &Map<String, Value>| side.get(key).cloned().unwrap_or_default();
            if ["requests", "limits"].contains(&field) && same_size(&at(old), &at(new)) {
                continue;
            }
            differ(&below, key, &at(old), &at(new), changes);
        }
    } else if from != to {
        changes.push(Change {
            path: path.to_owned(),
            from: from.clone(),
            to: to.clone(),
        });
    }
}

fn nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// Sizes are compared by what they mean; a number in YAML is one, too.
fn same_size(from: &Value, to: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let size = |value| text(value).and_then(|text| quantity(&text));
    matches!((size(from), size(to)), (Some(a), Some(b)) if (a - b).abs() < f64::EPSILON * a.abs().max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn live() -> Value {
        json!({"spec": {"serviceName": "web", "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app": "web"}},
            "volumeClaimTemplates": [
                {"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                 "metadata": {"creationTimestamp": null, "name": "data"},
                 "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                    "storageClassName": "fast", "volumeMode": "Filesystem"},
                 "status": {"phase": "Pending"}},
                {"metadata": {"name": "log"}, "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}}]}})
    }

    fn paths(change: impl Fn(&mut Value)) -> Vec<String> {
        let mut manifest = live();
        change(&mut manifest["spec"]);
        fixed(&live(), &manifest, 36)
            .into_iter()
            .map(|change| change.path)
            .collect()
    }

    #[test]
    fn what_is_left_to_the_server_is_no_change() {
        let left_out = paths(|spec| {
            for field in ["podManagementPolicy", "revisionHistoryLimit"] {
                spec.as_object_mut().unwrap().remove(field);
            }
            spec["volumeClaimTemplates"][0] = json!({"metadata": {"name": "data", "labels": {}},
                "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeName": "",
                    "resources": {"requests": {"storage": "1024Mi"}, "limits": null}}});
            spec["selector"]["matchExpressions"] = json!([]);
        });
        assert_eq!(left_out, Vec::<String>::new());
    }

    #[test]
    fn each_change_is_named_as_deep_as_it_goes() {
        let found = paths(|spec| {
            spec["serviceName"] = json!("db");
            spec["selector"]["matchLabels"]["app.kubernetes.io/name"] = json!("web");
            spec["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"] = json!("2Gi");
            spec["volumeClaimTemplates"][1]["metadata"]["name"] = json!("logs");
        });
        let wanted = [
            "spec.serviceName",
            "spec.selector.matchLabels[app.kubernetes.io/name]",
            "spec.volumeClaimTemplates[data].spec.resources.requests.storage",
            "spec.volumeClaimTemplates[log]",
            "spec.volumeClaimTemplates[logs]",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_order_of_claim_templates_counts() {
        let found = paths(|spec| spec["volumeClaimTemplates"].as_array_mut().unwrap().swap(0, 1));
        assert_eq!(found, ["spec.volumeClaimTemplates[].metadata.name"]);
    }

    #[test]
    fn no_class_and_the_empty_class_differ() {
        let found = paths(|spec| spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!(""));
        assert_eq!(found, ["spec.volumeClaimTemplates[data].spec.storageClassName"]);
        let found = paths(|spec| spec["volumeClaimTemplates"][1]["spec"]["storageClassName"] = json!(""));
        assert_eq!(found, ["spec.volumeClaimTemplates[log].spec.storageClassName"]);
    }

    #[test]
    fn the_history_limit_is_fixed_up_to_1_32() {
        let mut manifest = live();
        manifest["spec"]["revisionHistoryLimit"] = json!(3);
        assert_eq!(fixed(&live(), &manifest, 33), []);
        assert_eq!(fixed(&live(), &manifest, 32)[0].path, "spec.revisionHistoryLimit");
    }
}
