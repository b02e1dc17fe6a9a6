//! Who declares to answer to a provisioner's name: workloads by their templates, bare pods by themselves.
//! Source: the variables and flags that `nfs-subdir-external-provisioner`, `local-path-provisioner` and CSI drivers take.

use super::mask::{PROVISIONER_ENV, PROVISIONER_FLAGS, flag_name};
use super::objects::{Container, LabelSelector, Meta, Pod, PodSpec};
use super::snapshot::Snapshot;

/// Images that answer to a name without being told it.
const IMAGE_NAMES: [(&str, &str); 3] = [
    ("local-path-provisioner", "rancher.io/local-path"),
    ("storage-provisioner", "k8s.io/minikube-hostpath"),
    ("hostpath-provisioner", "microk8s.io/hostpath"),
];

/// Controllers whose pods are found through their own workload.
const KNOWN_CONTROLLERS: [&str; 3] = ["ReplicaSet", "DaemonSet", "StatefulSet"];

/// A workload, or a pod that no workload above controls, with the names that it answers to.
#[derive(Debug)]
pub struct Declared<'a> {
    /// Its kind.
    pub kind: &'static str,
    /// Its metadata.
    pub meta: &'a Meta,
    /// The field that holds the first name.
    pub path: String,
    /// The names, at least one.
    pub names: Vec<String>,
    /// Wanted and available pods, where the workload says so.
    pub counts: Option<(i32, i32)>,
    /// Its pods.
    pub pods: Vec<&'a Pod>,
}

impl Declared<'_> {
    /// Whether a pod of it is Ready.
    pub fn runs(&self) -> bool {
        let ready = self.pods.iter().any(|pod| pod.ready() && !pod.metadata.terminating());
        // Where pods could not be listed, the workload's own count still tells.
        ready || (self.pods.is_empty() && self.counts.is_some_and(|(_, available)| available > 0))
    }

    /// The first name.
    pub fn first(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }
}

/// Everything that declares a name, in the order Deployments, DaemonSets, StatefulSets, pods.
pub fn declared(snapshot: &Snapshot) -> Vec<Declared<'_>> {
    let pods = |namespace: &str, selector: &LabelSelector| -> Vec<&Pod> {
        let all = snapshot.pods_everywhere().items.iter();
        let own = |pod: &&Pod| pod.metadata.namespace == namespace && selector.matches(&pod.metadata.labels);
        all.filter(own).collect()
    };
    let template = "spec.template.spec";
    let mut found = Vec::new();
    for deployment in &snapshot.deployments.items {
        let (meta, spec) = (&deployment.metadata, &deployment.spec);
        let counts = (spec.replicas.unwrap_or(1), deployment.status.available_replicas);
        let row = declares("Deployment", meta, template, spec.template.spec().as_ref());
        found.extend(row.map(|row| row.with(counts, pods(&meta.namespace, &spec.selector))));
    }
    for set in &snapshot.daemon_sets.items {
        let (meta, spec) = (&set.metadata, &set.spec);
        let counts = (set.status.desired_number_scheduled, set.status.number_available);
        let row = declares("DaemonSet", meta, template, spec.template.spec().as_ref());
        found.extend(row.map(|row| row.with(counts, pods(&meta.namespace, &spec.selector))));
    }
    for set in &snapshot.stateful_sets_everywhere().items {
        let (meta, spec) = (&set.metadata, &set.spec);
        let counts = (set.replicas(), set.status.available_replicas);
        let row = declares("StatefulSet", meta, template, spec.template.spec().as_ref());
        found.extend(row.map(|row| row.with(counts, pods(&meta.namespace, &spec.selector))));
    }
    for pod in &snapshot.pods_everywhere().items {
        let controller = pod.metadata.controller();
        if controller.is_none_or(|owner| !KNOWN_CONTROLLERS.contains(&owner.kind.as_str())) {
            let row = declares("Pod", &pod.metadata, "spec", Some(&pod.spec));
            found.extend(row.map(|row| Declared { pods: vec![pod], ..row }));
        }
    }
    found
}

impl<'a> Declared<'a> {
    fn with(self, counts: (i32, i32), pods: Vec<&'a Pod>) -> Self {
        Self {
            counts: Some(counts),
            pods,
            ..self
        }
    }
}

fn declares<'a>(kind: &'static str, meta: &'a Meta, path: &str, spec: Option<&PodSpec>) -> Option<Declared<'a>> {
    let named: Vec<(String, String)> = spec?.containers.iter().flat_map(names).collect();
    let (place, _) = named.first()?;
    Some(Declared {
        kind,
        meta,
        path: format!("{path}.containers{place}"),
        names: named.into_iter().map(|(_, name)| name).collect(),
        counts: None,
        pods: Vec::new(),
    })
}

/// The names that a container answers to, each with the place below `containers` where it stands.
fn names(container: &Container) -> Vec<(String, String)> {
    let mut names = Vec::new();
    let at = format!("[{}]", container.name);
    for variable in &container.env {
        if let (true, Some(value)) = (PROVISIONER_ENV.contains(&variable.name.as_str()), &variable.value) {
            names.push((format!("{at}.env[{}]", variable.name), value.clone()));
        }
    }
    for (field, words) in [("command", &container.command), ("args", &container.args)] {
        for (n, word) in words.iter().enumerate() {
            if !flag_name(word).is_some_and(|flag| PROVISIONER_FLAGS.contains(&flag)) {
                continue;
            }
            let value = word.split_once('=').map(|(_, value)| value);
            let value = value.or_else(|| words.get(n + 1).map(String::as_str));
            names.extend(value.map(|value| (format!("{at}.{field}"), value.to_owned())));
        }
    }
    if names.is_empty() {
        let image = container.image.rsplit('/').next().unwrap_or_default();
        let image = image.split([':', '@']).next().unwrap_or_default();
        let known = IMAGE_NAMES.iter().find(|(known, _)| *known == image);
        names.extend(known.map(|(_, name)| (format!("{at}.image"), (*name).to_owned())));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(container: &str) -> Vec<String> {
        let container: Container = serde_json::from_str(container).unwrap();
        names(&container)
            .into_iter()
            .map(|(place, name)| format!("{place} {name}"))
            .collect()
    }

    #[test]
    fn names_are_found_where_provisioners_take_them() {
        let env =
            r#"{"name":"c","env":[{"name":"A","value":"b"},{"name":"PROVISIONER_NAME","value":"example.com/nfs"}]}"#;
        assert_eq!(of(env), ["[c].env[PROVISIONER_NAME] example.com/nfs"]);
        let args = r#"{"name":"c","args":["--v=2","--drivername","d.example.com","-provisioner=p.example.com"]}"#;
        assert_eq!(of(args), ["[c].args d.example.com", "[c].args p.example.com"]);
        let image = r#"{"name":"c","image":"registry.example.com:5000/rancher/local-path-provisioner:v0.0.30"}"#;
        assert_eq!(of(image), ["[c].image rancher.io/local-path"]);
        assert!(of(r#"{"name":"c","image":"app:1.9","args":["--provisioner"]}"#).is_empty());
    }
}
