//! How the cluster's DNS servers are configured.

use std::collections::BTreeMap;

use super::corefile::{Corefile, Unread};
use super::servers::dns_service;
use crate::model::cluster_dns::ClusterDns;
use crate::model::gap::Gap;
use crate::model::objects::Pod;
use crate::model::snapshot::Snapshot;

/// The configuration of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configured {
    /// The ConfigMap that holds the Corefile, as `NAMESPACE/NAME`.
    pub config_map: String,
    /// What it says.
    pub corefile: Corefile,
}

/// The servers behind the Service, wherever they run and in whatever state.
pub fn dns_server_pods(dns: &ClusterDns) -> impl Iterator<Item = &Pod> {
    let service = dns_service(&dns.services.items);
    dns.pods.items.iter().filter(move |pod| {
        service.is_some_and(|service| {
            pod.metadata.namespace == service.metadata.namespace && service.selects(&pod.metadata.labels)
        })
    })
}

/// The caches of nodes that stand before the servers.
/// Source: <https://kubernetes.io/docs/tasks/administer-cluster/nodelocaldns/>.
pub fn node_caches(dns: &ClusterDns) -> impl Iterator<Item = &Pod> {
    let cache = |pod: &&Pod| {
        let labels = &pod.metadata.labels;
        pod.metadata.namespace == "kube-system" && labels.get("k8s-app").is_some_and(|app| app == "node-local-dns")
    };
    dns.pods.items.iter().filter(cache)
}

/// What a pod's Corefile says, with what it imports; `None` where the pod mounts none, as a server that is no CoreDNS.
///
/// # Errors
/// The ConfigMap that could not be read, where it may be the one that holds the Corefile.
pub fn corefile(snapshot: &Snapshot, pod: &Pod) -> Result<Option<Configured>, Gap> {
    let namespace = pod.metadata.namespace.as_str();
    configured(snapshot, namespace, pod.config_maps())
}

/// What the cluster's servers are configured with. Where no pod is there that mounts it, what installers call it.
///
/// # Errors
/// What could not be read of the cluster's DNS.
pub fn cluster_corefile(snapshot: &Snapshot) -> Result<Option<Configured>, Gap> {
    let dns = &snapshot.cluster_dns;
    for pod in dns_server_pods(dns) {
        if let Some(found) = corefile(snapshot, pod)? {
            return Ok(Some(found));
        }
    }
    if dns_server_pods(dns).next().is_some() {
        return Ok(None);
    }
    let services = dns.services.complete();
    let Some(service) = dns_service(&dns.services.items) else {
        return services.map(|_| None);
    };
    let namespace = service.metadata.namespace.as_str();
    let name = if namespace == "openshift-dns" {
        "dns-default"
    } else {
        "coredns"
    };
    configured(snapshot, namespace, std::iter::once(name))
}

fn configured<'n>(
    snapshot: &Snapshot,
    namespace: &str,
    names: impl Iterator<Item = &'n str>,
) -> Result<Option<Configured>, Gap> {
    let (mut main, mut pieces, mut missing) = (None, BTreeMap::new(), None);
    for name in names {
        match snapshot.dns_config(namespace, name) {
            Ok(Some(config)) => {
                for (key, text) in &config.data.0 {
                    match key.as_str() {
                        "Corefile" if main.is_none() => main = Some((format!("{namespace}/{name}"), text)),
                        _ => _ = pieces.insert(key.clone(), text.clone()),
                    }
                }
            }
            Ok(None) => {}
            Err(gap) => _ = missing.get_or_insert(gap),
        }
    }
    let Some((config_map, text)) = main else {
        return missing.map_or(Ok(None), Err);
    };
    let mut corefile = Corefile::parse(text, &pieces);
    if let Some(gap) = missing.filter(|_| !corefile.empty_imports.is_empty()) {
        let what = format!("{} may hold more of it: {}", gap.what(), gap.why());
        corefile.unread.push(Unread { line: 1, what });
    }
    Ok(Some(Configured { config_map, corefile }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gap::GapReason;
    use crate::model::place::Place;
    use crate::model::resource::Resource;
    use crate::model::snapshot::Scope;
    use serde_json::{Value, json};

    const COREFILE: &str = ".:53 {\n kubernetes corp.example in-addr.arpa\n import custom/*.override\n}";

    fn service_of(namespace: &str, name: &str) -> Value {
        json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"selector": {"k8s-app": "kube-dns"}, "ports": [{"port": 53}]}})
    }

    fn pod_of(namespace: &str, app: &str, configs: &[&str]) -> Value {
        let volumes: Vec<_> = configs
            .iter()
            .map(|name| json!({"name": name, "configMap": {"name": name}}))
            .collect();
        json!({"metadata": {"namespace": namespace, "name": format!("{app}-{namespace}"), "uid": format!("{app}{namespace}"), "labels": {"k8s-app": app}},
            "spec": {"containers": [{"name": "c"}], "volumes": volumes}, "status": {"phase": "Pending"}})
    }

    fn config_of(name: &str, key: &str, text: &str) -> Value {
        json!({"metadata": {"namespace": "kube-system", "name": name}, "data": {key: text}})
    }

    /// A cluster of these objects.
    fn cluster(objects: &[(Resource, Value)]) -> Snapshot {
        let mut snapshot = Snapshot::new(jiff::Timestamp::UNIX_EPOCH, String::new(), Scope::All);
        for resource in ClusterDns::LISTS {
            snapshot.sink(resource, Place::ClusterDns).unwrap().answered();
        }
        for (resource, object) in objects {
            snapshot
                .sink(*resource, Place::ClusterDns)
                .unwrap()
                .object(object.clone());
        }
        snapshot
    }

    #[test]
    fn a_label_makes_nobody_the_cluster_s_dns() {
        let snapshot = cluster(&[
            (Resource::Services, service_of("aaa", "kube-dns")),
            (Resource::Services, service_of("kube-system", "kube-dns-upstream")),
            (
                Resource::Services,
                service_of("kube-system", "rke2-coredns-rke2-coredns"),
            ),
            (Resource::Pods, pod_of("aaa", "kube-dns", &[])),
            (Resource::Pods, pod_of("kube-system", "kube-dns", &[])),
            (Resource::Pods, pod_of("kube-system", "node-local-dns", &[])),
            (Resource::Pods, pod_of("aaa", "node-local-dns", &[])),
        ]);
        let dns = &snapshot.cluster_dns;
        assert_eq!(
            dns_service(&dns.services.items).unwrap().metadata.name,
            "rke2-coredns-rke2-coredns"
        );
        let names: Vec<_> = dns_server_pods(dns).map(|pod| pod.metadata.name.as_str()).collect();
        assert_eq!(names, ["kube-dns-kube-system"]);
        let caches: Vec<_> = node_caches(dns).map(|pod| pod.metadata.name.as_str()).collect();
        assert_eq!(caches, ["node-local-dns-kube-system"]);
    }

    #[test]
    fn the_corefile_is_what_the_servers_mount() {
        let objects = [
            (Resource::Services, service_of("kube-system", "kube-dns")),
            (
                Resource::Pods,
                pod_of("kube-system", "kube-dns", &["dns-of-ours", "custom"]),
            ),
            (Resource::ConfigMaps, config_of("dns-of-ours", "Corefile", COREFILE)),
            (Resource::ConfigMaps, config_of("coredns", "Corefile", ".:53 {\n}")),
            (Resource::ConfigMaps, config_of("custom", "log.override", "log")),
        ];
        let found = cluster_corefile(&cluster(&objects)).unwrap().unwrap();
        assert_eq!(found.config_map, "kube-system/dns-of-ours");
        assert!(found.corefile.blocks[0].has("log") && found.corefile.unread.is_empty());
        // Without the second it is known that something may be missing.
        let mut snapshot = cluster(&objects[..4]);
        let forbidden =
            Gap::list(Resource::ConfigMaps, Some("kube-system"), GapReason::Forbidden).at(Place::ClusterDns);
        snapshot.cluster_dns.config_maps.gaps.push(forbidden);
        let found = cluster_corefile(&snapshot).unwrap().unwrap();
        assert_eq!(
            found.corefile.unread[0].what,
            "cluster DNS: configmaps in kube-system may hold more of it: forbidden"
        );
    }

    #[test]
    fn what_was_not_read_is_no_absence() {
        let service = (Resource::Services, service_of("kube-system", "kube-dns"));
        let pod = (Resource::Pods, pod_of("kube-system", "kube-dns", &["coredns"]));
        let absent = |name: &str| (Resource::ConfigMaps, Some("kube-system".to_owned()), name.to_owned());
        // Nobody looked.
        let unasked = Snapshot::new(jiff::Timestamp::UNIX_EPOCH, String::new(), Scope::All);
        assert_eq!(cluster_corefile(&unasked).unwrap_err().reason, GapReason::NotRequested);
        // The ConfigMap that a pod mounts was not read.
        let unread = cluster(&[service.clone(), pod.clone()]);
        assert_eq!(
            cluster_corefile(&unread).unwrap_err().what(),
            "cluster DNS: configmaps kube-system/coredns"
        );
        // It does not exist: the server has none of its own.
        let mut none = cluster(&[service.clone(), pod]);
        none.confirmed_absent.push(absent("coredns"));
        assert_eq!(cluster_corefile(&none), Ok(None));
        // Without pods it is what installers call it.
        let idle = cluster(&[
            service,
            (Resource::ConfigMaps, config_of("coredns", "Corefile", COREFILE)),
        ]);
        assert_eq!(
            cluster_corefile(&idle).unwrap().unwrap().config_map,
            "kube-system/coredns"
        );
        assert_eq!(cluster_corefile(&cluster(&[])), Ok(None));
    }
}
