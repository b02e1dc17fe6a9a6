//! Whether the newest revision means the template although their bytes differ.
//!
//! The controller decodes the revision with its own types, fills defaults in and encodes it again (since 1.34.2):
//! `stateful_set_control.go` (setMatchesLatestExistingRevision). Here that is done for the fields that servers of
//! different age are known to write differently; what lies beyond is taken as different. Live answers seldom depend on
//! it, because the status says which revision is the newest.
//! Defaults: `pkg/apis/core/v1/defaults.go`.

use serde_json::{Value, json};

use crate::controller::Profile;
use crate::model::objects::Revision;

/// Whether restoring `revision` gives the wanted patch.
pub(super) fn same(revision: &Revision, wanted: &Value, profile: &Profile) -> bool {
    let Some(template) = revision.template() else {
        return false;
    };
    let mut template = template.clone();
    drop_absent(&mut template);
    if let Some(fields) = template.as_object_mut() {
        // The patch's own key is no field of the template.
        fields.remove("$patch");
    }
    if let Some(spec) = template.get_mut("spec") {
        pod_spec(spec);
    }
    super::revisions::patch(&template, profile) == *wanted
}

/// `null` and empty lists are what a decoded object does not have.
fn drop_absent(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null() && field.as_array().is_none_or(|list| !list.is_empty()));
            fields.values_mut().for_each(drop_absent);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_absent),
        _ => {}
    }
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    default(spec, "securityContext", json!({}));
    each(spec, "containers", container);
    each(spec, "initContainers", container);
    each(spec, "volumes", volume);
}

fn container(container: &mut Value) {
    let image = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let pull = if floats(image) { "Always" } else { "IfNotPresent" };
    default(container, "imagePullPolicy", json!(pull));
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    each(container, "ports", |port| default(port, "protocol", json!("TCP")));
    each(container, "env", |env| {
        within(env, "/valueFrom/fieldRef", |source| {
            default(source, "apiVersion", json!("v1"))
        });
    });
    for probe in ["/livenessProbe", "/readinessProbe", "/startupProbe"] {
        within(container, probe, |probe| {
            default(probe, "timeoutSeconds", json!(1));
            default(probe, "periodSeconds", json!(10));
            default(probe, "successThreshold", json!(1));
            default(probe, "failureThreshold", json!(3));
            within(probe, "/httpGet", |get| {
                default(get, "path", json!("/"));
                default(get, "scheme", json!("HTTP"));
            });
        });
    }
}

/// Whether the image's tag is `latest`, by name or by absence.
fn floats(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let last = name.rsplit('/').next().unwrap_or(name);
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !digest,
    }
}

fn volume(volume: &mut Value) {
    for source in ["/secret", "/configMap", "/downwardAPI", "/projected"] {
        within(volume, source, |source| default(source, "defaultMode", json!(0o644)));
    }
}

fn default(value: &mut Value, key: &str, wanted: Value) {
    if let Some(fields) = value.as_object_mut() {
        fields.entry(key).or_insert(wanted);
    }
}

fn each(value: &mut Value, key: &str, change: impl Fn(&mut Value)) {
    let items = value.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten().for_each(change);
}

fn within(value: &mut Value, pointer: &str, change: impl FnOnce(&mut Value)) {
    if let Some(inner) = value.pointer_mut(pointer) {
        change(inner);
    }
}
