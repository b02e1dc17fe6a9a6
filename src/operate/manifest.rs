//! A manifest laid over a set, as `kubectl apply` would: what it names is set; of what it does not name nothing is known
//! here, for what was applied before is not in a recording. Lists whose entries have names are taken to be whole.

use serde_json::{Map, Value};

use super::change::{Changed, Senseless};
use crate::model::mask::MASKED;
use crate::model::objects::{Claim, Object as _, StatefulSet, StatefulSetSpec};
use crate::model::quantity::quantity;

/// Fields of `spec` that can be changed.
/// Source: `pkg/apis/apps/validation/validation.go` (ValidateStatefulSetUpdate).
const MUTABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];

/// Lists whose entries are told apart by a field.
/// Source: the `patchMergeKey` tags in `staging/src/k8s.io/api/core/v1/types.go`.
const KEYED: [(&str, &str); 7] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("volumes", "name"),
    ("env", "name"),
    ("ports", "containerPort"),
    ("volumeMounts", "mountPath"),
    ("imagePullSecrets", "name"),
];

/// What the API server fills in where a manifest is silent, with the values that it fills in.
/// Source: `pkg/apis/core/v1/defaults.go`, `pkg/apis/apps/v1/defaults.go`.
const FILLED: [&str; 22] = [
    "creationTimestamp",
    "restartPolicy=\"Always\"",
    "dnsPolicy=\"ClusterFirst\"",
    "schedulerName=\"default-scheduler\"",
    "terminationGracePeriodSeconds=30",
    "securityContext={}",
    "imagePullPolicy=\"Always\"",
    "imagePullPolicy=\"IfNotPresent\"",
    "resources={}",
    "terminationMessagePath=\"/dev/termination-log\"",
    "terminationMessagePolicy=\"File\"",
    "protocol=\"TCP\"",
    "apiVersion=\"v1\"",
    "timeoutSeconds=1",
    "periodSeconds=10",
    "successThreshold=1",
    "failureThreshold=3",
    "path=\"/\"",
    "scheme=\"HTTP\"",
    "defaultMode=420",
    // What restarts and injectors write into a template is not in a manifest, and stays.
    "annotations",
    "serviceAccount",
];

pub(super) fn apply(document: &Value, changed: &mut Changed) -> Result<(), Senseless> {
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let meta = changed.set.meta();
    let (kind, name, namespace) = (text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
    if kind != "StatefulSet" || name != meta.name || !(namespace.is_empty() || namespace == meta.namespace) {
        return Err(Senseless(format!(
            "the file holds {kind} {name:?}, and not statefulset {:?} of namespace {}",
            meta.name, meta.namespace
        )));
    }
    let Some(spec) = document.get("spec").and_then(Value::as_object) else {
        return Err(Senseless("the manifest has no spec".to_owned()));
    };
    let read = |whole: Value| -> Result<StatefulSet, Senseless> {
        serde_json::from_value(whole).map_err(|error| Senseless(format!("the manifest is no StatefulSet's: {error}")))
    };
    changed.refused = refused(&changed.set.spec, &read(document.clone())?.spec, spec);
    let live = live(&changed.set);
    let mut over = Overlay::default();
    let mut merged = live.clone();
    for (field, wanted) in spec.iter().filter(|(field, _)| MUTABLE.contains(&field.as_str())) {
        let is = live.get(field).unwrap_or(&Value::Null);
        let to = over.lay(&format!("spec.{field}"), field, is, wanted);
        if !to.is_null() {
            merged.insert(field.clone(), to);
        }
    }
    let wanted = read(serde_json::json!({"spec": merged}))?.spec;
    let own = &mut changed.set.spec;
    own.replicas = wanted.replicas;
    own.ordinals = wanted.ordinals;
    own.template = wanted.template;
    own.update_strategy = wanted.update_strategy;
    own.revision_history_limit = wanted.revision_history_limit;
    own.persistent_volume_claim_retention_policy = wanted.persistent_volume_claim_retention_policy;
    own.min_ready_seconds = wanted.min_ready_seconds;
    changed.open = over.open;
    changed.masked = over.masked;
    Ok(())
}

/// Fields that the manifest names with another value and that cannot change.
fn refused(is: &StatefulSetSpec, asked: &StatefulSetSpec, named: &Map<String, Value>) -> Vec<String> {
    let claims = |spec: &StatefulSetSpec| -> Vec<_> {
        let of = |claim: &Claim| {
            let size = claim.request().and_then(quantity);
            (
                claim.metadata.name.clone(),
                claim.class().map(str::to_owned),
                size,
                claim.spec.access_modes.clone(),
            )
        };
        spec.volume_claim_templates.iter().map(of).collect()
    };
    let differs = [
        ("serviceName", is.service_name != asked.service_name),
        (
            "podManagementPolicy",
            is.pod_management_policy != asked.pod_management_policy,
        ),
        ("selector", is.selector != asked.selector),
        ("volumeClaimTemplates", claims(is) != claims(asked)),
    ];
    let differs = differs
        .into_iter()
        .filter(|(field, differs)| *differs && named.contains_key(*field));
    differs.map(|(field, _)| format!("spec.{field}")).collect()
}

/// What can change of `spec`, in the API's own shape.
pub(super) fn live(set: &StatefulSet) -> Map<String, Value> {
    let spec = &set.spec;
    let strategy = &spec.update_strategy;
    let mut rolling = Map::new();
    if let Some(of) = &strategy.rolling_update {
        rolling.extend(of.partition.map(|partition| ("partition".to_owned(), partition.into())));
        rolling.extend(of.max_unavailable.clone().map(|max| ("maxUnavailable".to_owned(), max)));
    }
    let mut update = Map::from_iter([("type".to_owned(), strategy.kind.as_str().into())]);
    if strategy.rolling_update.is_some() {
        update.insert("rollingUpdate".to_owned(), rolling.into());
    }
    let policy = spec.persistent_volume_claim_retention_policy.as_ref();
    let fields = [
        ("replicas", spec.replicas.into()),
        ("template", spec.template.0.clone()),
        ("updateStrategy", update.into()),
        ("revisionHistoryLimit", spec.revision_history_limit.into()),
        ("minReadySeconds", spec.min_ready_seconds.into()),
    ];
    let ordinals = spec
        .ordinals
        .as_ref()
        .map(|ordinals| ("ordinals", serde_json::json!({"start": ordinals.start})));
    let policy = policy.map(|policy| {
        let words = serde_json::json!({"whenDeleted": policy.when_deleted, "whenScaled": policy.when_scaled});
        ("persistentVolumeClaimRetentionPolicy", words)
    });
    let all = fields.into_iter().chain(ordinals).chain(policy);
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Lays one tree over another, and notes where the upper one is silent and where the lower one is masked.
#[derive(Default)]
struct Overlay {
    open: Vec<String>,
    masked: Vec<String>,
}

impl Overlay {
    /// The value of a field afterwards. `field` is its name, which tells how its entries are told apart.
    fn lay(&mut self, path: &str, field: &str, is: &Value, wanted: &Value) -> Value {
        match (is, wanted) {
            (Value::Object(is), Value::Object(wanted)) => self.object(path, is, wanted).into(),
            (Value::Array(is), Value::Array(wanted)) => match KEYED.iter().find(|(list, _)| *list == field) {
                Some((_, key)) => self.list(path, key, is, wanted).into(),
                None => self.leaf(path, &is.clone().into(), &wanted.clone().into()),
            },
            _ => self.leaf(path, is, wanted),
        }
    }

    /// A manifest may write a number where the server keeps a text, and nothing where the server keeps nothing.
    fn leaf(&mut self, path: &str, is: &Value, wanted: &Value) -> Value {
        let empty = |value: &Value| {
            value.is_null()
                || value.as_object().is_some_and(Map::is_empty)
                || value.as_array().is_some_and(Vec::is_empty)
        };
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let same = (empty(is) && empty(wanted)) || (!is.is_null() && text(is) == text(wanted));
        // What a recording hides cannot be compared.
        let hidden = !same && text(is).contains(MASKED);
        if hidden {
            self.masked.push(path.to_owned());
        }
        if same || hidden { is.clone() } else { wanted.clone() }
    }

    fn object(&mut self, path: &str, is: &Map<String, Value>, wanted: &Map<String, Value>) -> Map<String, Value> {
        let mut merged = is.clone();
        for (field, to) in wanted {
            let below = format!("{path}.{field}");
            let value = self.lay(&below, field, is.get(field).unwrap_or(&Value::Null), to);
            if !value.is_null() {
                merged.insert(field.clone(), value);
            }
        }
        let silent = is.iter().filter(|(field, _)| !wanted.contains_key(*field));
        for (field, value) in silent.filter(|(field, value)| !filled(field, value)) {
            self.open.push(format!("{path}.{field}"));
            merged.insert(field.clone(), value.clone());
        }
        merged
    }

    fn list(&mut self, path: &str, key: &str, is: &[Value], wanted: &[Value]) -> Vec<Value> {
        let named = |entry: &Value| match &entry[key] {
            Value::String(name) => name.clone(),
            other => other.to_string(),
        };
        let mut merged = Vec::new();
        for entry in wanted {
            let below = format!("{path}[{}]", named(entry));
            match is.iter().find(|known| known[key] == entry[key]) {
                Some(known) => merged.push(self.lay(&below, "", known, entry)),
                None => merged.push(entry.clone()),
            }
        }
        merged
    }
}

/// Whether the server, and not an earlier manifest, put this field in.
fn filled(field: &str, value: &Value) -> bool {
    let exact = format!("{field}={value}");
    value.is_null() || FILLED.iter().any(|known| *known == field || *known == exact)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::operate::change::Change;

    fn set() -> StatefulSet {
        serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "generation": 4},
            "spec": {
                "replicas": 3, "serviceName": "web", "podManagementPolicy": "OrderedReady",
                "selector": {"matchLabels": {"app": "web"}},
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "template": {
                    "metadata": {"labels": {"app": "web"}, "annotations": {"injected": "yes"}},
                    "spec": {"restartPolicy": "Always", "containers": [
                        {"name": "app", "image": "app:1", "imagePullPolicy": "IfNotPresent",
                            "ports": [{"containerPort": 80, "protocol": "TCP"}], "resources": {"limits": {"cpu": "2"}}},
                        {"name": "sidecar", "image": "sidecar:1"},
                    ]},
                },
                "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}}],
            },
        }))
        .unwrap()
    }

    fn laid_over(spec: Value) -> Changed {
        let document = json!({"kind": "StatefulSet", "metadata": {"name": "web"}, "spec": spec});
        Change::Manifest(document).apply(&set()).unwrap()
    }

    fn paths(changed: &Changed) -> Vec<&str> {
        changed.fields.iter().map(|field| field.path.as_str()).collect()
    }

    #[test]
    fn what_the_server_filled_in_and_others_injected_is_no_change() {
        let changed = laid_over(json!({
            "serviceName": "web", "replicas": 3, "selector": {"matchLabels": {"app": "web"}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "app", "image": "app:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": 2}}},
                {"name": "sidecar", "image": "sidecar:1"},
            ]}},
        }));
        assert!(paths(&changed).is_empty() && changed.open.is_empty(), "{changed:?}");
        assert_eq!(changed.set.metadata.generation, Some(4));
    }

    #[test]
    fn what_it_names_is_set_and_lists_with_names_are_whole() {
        let changed = laid_over(json!({"minReadySeconds": 5, "template": {"spec": {"containers": [
            {"name": "app", "image": "app:2", "resources": {"limits": {"cpu": "2"}}},
        ]}}}));
        let list = "spec.template.spec.containers";
        let image = format!("{list}[app].image");
        let sidecar = format!("{list}[sidecar]");
        assert_eq!(paths(&changed), ["spec.minReadySeconds", &image, &sidecar]);
        assert_eq!(
            changed.open,
            ["spec.template.spec.containers[app].ports", "spec.template.metadata"]
        );
        assert_eq!(changed.set.metadata.generation, Some(5));
        assert_eq!(changed.set.spec.min_ready_seconds, 5);
    }

    #[test]
    fn fields_that_cannot_change_are_named_and_left() {
        let changed = laid_over(json!({
            "serviceName": "db", "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": "web"}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10240Mi"}}}}],
        }));
        assert_eq!(changed.refused, ["spec.serviceName", "spec.podManagementPolicy"]);
        assert!(paths(&changed).is_empty());
        assert_eq!(changed.set.spec.service_name, "web");
    }

    #[test]
    fn what_a_recording_hides_is_taken_as_the_same_and_named() {
        let mut set = set();
        set.spec.template.0["spec"]["containers"][0]["args"] = json!(["(masked)", "(masked)"]);
        set.spec.template.0["spec"]["containers"][0]["env"] = json!([{"name": "PASSWORD", "value": "(masked)"}]);
        let spec = json!({"template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "app", "image": "app:1", "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "2"}},
                "args": ["--fast", "--loud"], "env": [{"name": "PASSWORD", "value": "secret"}]},
            {"name": "sidecar", "image": "sidecar:1"},
        ]}}});
        let document = json!({"kind": "StatefulSet", "metadata": {"name": "web"}, "spec": spec});
        let changed = Change::Manifest(document).apply(&set).unwrap();
        assert!(paths(&changed).is_empty(), "{changed:?}");
        let list = "spec.template.spec.containers[app]";
        assert_eq!(
            changed.masked,
            [format!("{list}.args"), format!("{list}.env[PASSWORD].value")]
        );
    }

    #[test]
    fn another_set_s_manifest_is_refused() {
        let document = json!({"kind": "StatefulSet", "metadata": {"name": "web", "namespace": "other"}, "spec": {}});
        assert!(Change::Manifest(document).apply(&set()).is_err());
        let wrong = json!({"kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {"replicas": "three"}});
        assert!(Change::Manifest(wrong).apply(&set()).is_err());
    }
}
