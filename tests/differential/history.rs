//! Templates and the histories they leave, with names and bytes as a controller or an older one would have made them.

use std::sync::OnceLock;

use fastrand::Rng;
use kubectl_sts::controller::{canonical, hash, revision_name};
use serde_json::{Value, json};

use crate::states::{Shape, reference, weighted};
use crate::versions::Version;

/// A template as the server completes it; versions differ in image and in what else a template may hold.
pub fn template(of: Version, version: usize) -> Value {
    static SALTS: [OnceLock<usize>; 2] = [const { OnceLock::new() }; 2];
    let salt = &SALTS[usize::from(of.writes_null_timestamps())];
    salted(
        version,
        if version == 0 {
            *salt.get_or_init(|| salt_for(of))
        } else {
            0
        },
    )
}

/// A template whose revision's hash happens to be a number: until 1.33 controllers compare such ones.
fn salt_for(of: Version) -> usize {
    let number = |salt: &usize| {
        let hash = hash(&canonical(&patch(of, &salted(0, *salt))), 0);
        hash.parse::<i32>().is_ok()
    };
    (1..).find(number).unwrap_or_default()
}

/// What a controller of this version stores of a template.
fn patch(of: Version, template: &Value) -> Value {
    let mut template = template.clone();
    if of.writes_null_timestamps() {
        template["metadata"]["creationTimestamp"] = Value::Null;
        if let Some(claim) = template.pointer_mut("/spec/volumes/1/ephemeral/volumeClaimTemplate") {
            claim["metadata"]["creationTimestamp"] = Value::Null;
        }
    }
    template["$patch"] = "replace".into();
    json!({"spec": {"template": template}})
}

fn salted(version: usize, salt: usize) -> Value {
    let mut template = plain(version, salt);
    if version == 2 {
        let claim = json!({"metadata": {}, "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "resources": {}}});
        let volume = json!({"name": "scratch", "ephemeral": {"volumeClaimTemplate": claim}});
        template["spec"]["volumes"].as_array_mut().unwrap().push(volume);
    }
    template
}

/// What the encoder of a revision escapes, and what it leaves.
const NOTE: &str = "<&> \u{2028}\u{2029}é \"\\/ \r\n\t\u{8}\u{c}\u{1}\u{1f}\u{7f}";

fn plain(version: usize, salt: usize) -> Value {
    json!({
        "metadata": {"labels": {"app": "a"}, "annotations": {"note": NOTE, "salt": salt.to_string()}},
        "spec": {
            "containers": [{
                "name": "c", "image": format!("registry.example/db:{version}"), "imagePullPolicy": "IfNotPresent",
                "resources": {"limits": {"memory": "1Gi"}},
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "readinessProbe": {"httpGet": {"path": "/", "port": "web", "scheme": "HTTP"},
                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "volumes": [{"name": "conf", "configMap": {"name": "conf", "defaultMode": 420}}],
            "restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "terminationGracePeriodSeconds": 30, "securityContext": {},
        }
    })
}

/// What a revision stores of a template: servers of another age wrote nulls or none, and lacked fields that are
/// defaulted now.
fn stored(rng: &mut Rng, of: Version, version: usize) -> Value {
    let mut template = template(of, version);
    if rng.f32() < 0.15 {
        let paths = [
            ("/spec", "restartPolicy"),
            ("/spec", "securityContext"),
            ("/spec", "terminationGracePeriodSeconds"),
            ("/spec/containers/0", "imagePullPolicy"),
            ("/spec/containers/0", "resources"),
            ("/spec/containers/0/ports/0", "protocol"),
            ("/spec/containers/0/readinessProbe", "periodSeconds"),
            ("/spec/containers/0/readinessProbe/httpGet", "scheme"),
            ("/spec/volumes/0/configMap", "defaultMode"),
            ("/spec", "volumes"),
        ];
        let (path, key) = paths[rng.usize(0..paths.len())];
        if let Some(fields) = template.pointer_mut(path).and_then(Value::as_object_mut) {
            fields.remove(key);
        }
    }
    let mut stored = patch(of, &template);
    if rng.f32() < 0.15 {
        let metadata = stored["spec"]["template"]["metadata"].as_object_mut().unwrap();
        if metadata.remove("creationTimestamp").is_none() {
            metadata.insert("creationTimestamp".to_owned(), Value::Null);
        }
    }
    stored
}

/// A history, and the names that pods and status may speak of.
pub fn revisions(rng: &mut Rng, shape: &mut Shape, server: Version, version: usize) -> Vec<Value> {
    let expected = revision_name(
        shape.name,
        &hash(&canonical(&patch(server, &template(server, version))), 0),
    );
    let mut list = Vec::new();
    let mut names = Vec::new();
    let mut newest = None;
    let count = weighted(rng, &[(0, 5), (1, 20), (2, 30), (3, 20), (5, 15), (12, 10)]);
    for at in 0..count {
        let last = at + 1 == count;
        let of = if last && rng.f32() < 0.75 {
            version
        } else {
            rng.usize(0..3 + count)
        };
        let data = stored(rng, server, of);
        let honest = revision_name(shape.name, &hash(&canonical(&data), 0));
        let name = if rng.f32() < 0.7 {
            honest
        } else {
            format!("{}-old{at}", shape.name)
        };
        // Something else may already have the name that the controller will choose.
        let name = if rng.f32() < 0.05 { expected.clone() } else { name };
        if names.contains(&name) {
            continue;
        }
        let owner = weighted(rng, &[(Some("set-uid"), 92), (None, 4), (Some("other-uid"), 4)]);
        let owners: Vec<_> = owner
            .into_iter()
            .map(|uid| reference("apps/v1", "StatefulSet", shape.name, uid, true))
            .collect();
        let app = weighted(rng, &[("a", 96), ("b", 4)]);
        let number = if rng.f32() < 0.9 { at as i64 + 1 } else { rng.i64(1..4) };
        let mut labels = json!({"app": app});
        let label = [
            hash(&canonical(&data), 0),
            "5".to_owned(),
            "99999999999".to_owned(),
            "b".to_owned(),
        ];
        if rng.f32() < 0.5 {
            labels["controller.kubernetes.io/hash"] = rng.choice(label).into();
        }
        list.push(json!({
            "metadata": {"name": name, "namespace": "d", "uid": format!("rev-{at}"), "labels": labels,
                "creationTimestamp": format!("2026-01-0{}T00:00:00Z", rng.u32(1..=3)), "ownerReferences": owners},
            "revision": number,
            "data": data,
        }));
        names.push(name.clone());
        newest = Some(name);
    }
    rng.shuffle(&mut list);
    shape.labels = vec![newest.unwrap_or(expected)];
    shape.labels.extend(names);
    shape.labels.push(format!("{}-gone", shape.name));
    list
}
