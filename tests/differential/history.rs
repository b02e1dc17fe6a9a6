//! Templates and the histories they leave, with names and bytes as a controller or an older one would have made them.

use fastrand::Rng;
use kubectl_sts::controller::{canonical, hash, revision_name};
use serde_json::{Value, json};

use crate::states::{Shape, reference, weighted};

/// A template as the server completes it; versions differ in image and in what else a template may hold.
pub fn template(version: usize) -> Value {
    json!({
        "metadata": {"labels": {"app": "a"}, "annotations": {"note": "<&> \u{2028}é"}},
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

/// What a revision stores of a template; older servers wrote nulls and lacked fields that are defaulted now.
fn stored(rng: &mut Rng, version: usize) -> Value {
    let mut template = template(version);
    template["$patch"] = "replace".into();
    if rng.f32() < 0.15 {
        template["metadata"]["creationTimestamp"] = Value::Null;
    }
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
    json!({"spec": {"template": template}})
}

/// A history, and the names that pods and status may speak of.
pub fn revisions(rng: &mut Rng, shape: &mut Shape, version: usize) -> Vec<Value> {
    let clean = json!({"spec": {"template": {"$patch": "replace"}}});
    let mut wanted = clean;
    let fields = template(version);
    wanted["spec"]["template"]
        .as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    let expected = revision_name(shape.name, &hash(&canonical(&wanted), 0));
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
        let data = stored(rng, of);
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
        list.push(json!({
            "metadata": {"name": name, "namespace": "d", "uid": format!("rev-{at}"), "labels": {"app": app},
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
