//! Which pods answer the cluster's questions, and on which port over TCP: a port-forward carries nothing else.

use crate::model::answer::DnsPod;
use crate::model::objects::{EndpointSlice, Service};

/// Services that may be the cluster's DNS, the likeliest first: kubeadm's and most others', OpenShift's. Others in these
/// namespaces are taken where they serve port 53; a label in another namespace can be anyone's.
const KNOWN: [(&str, &str); 2] = [("kube-system", "kube-dns"), ("openshift-dns", "dns-default")];
/// The port of the DNS.
const PORT: i32 = 53;

/// A server that its Service lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The pod.
    pub pod: DnsPod,
    /// Whether questions are sent to it.
    pub ready: bool,
}

/// The cluster's DNS Service, of all that carry a label of one.
pub fn dns_service(services: &[Service]) -> Option<&Service> {
    let is = |service: &&Service, (namespace, name): (&str, &str)| {
        service.metadata.namespace == namespace && service.metadata.name == name
    };
    let known = KNOWN
        .iter()
        .find_map(|known| services.iter().find(|service| is(service, *known)));
    // NodeLocal DNSCache reaches the servers by this one, which is no more than another name for them.
    let last = |service: &&Service| service.metadata.name == "kube-dns-upstream";
    known.or_else(|| {
        let others = services.iter().filter(|service| {
            let trusted = KNOWN
                .iter()
                .any(|(namespace, _)| service.metadata.namespace == *namespace);
            let serves = service.spec.ports.iter().any(|port| port.port == PORT);
            // The Service of node-local caches is there for metrics.
            trusted && serves
        });
        others.min_by_key(last)
    })
}

/// `NAMESPACE/NAME`.
fn named(service: &Service) -> String {
    format!("{}/{}", service.metadata.namespace, service.metadata.name)
}

/// The pods behind a DNS Service, by name. A pod with addresses of both families is there once.
///
/// # Errors
/// One sentence: the Service serves no TCP.
pub fn dns_pods(service: &Service, slices: &[EndpointSlice]) -> Result<Vec<Listed>, String> {
    let (namespace, name) = (&service.metadata.namespace, &service.metadata.name);
    let mut ports = service.spec.ports.iter();
    let Some(port) = ports.find(|port| port.port == PORT && port.protocol != "UDP") else {
        return Err(format!(
            "Service {} has no TCP port {PORT}, and a port-forward carries TCP only",
            named(service)
        ));
    };
    let mut found: Vec<Listed> = Vec::new();
    for slice in slices.iter().filter(|slice| slice.metadata.namespace == *namespace) {
        if slice.service() != Some(name) {
            continue;
        }
        let mut of_slice = slice.ports.iter().flatten();
        let same =
            of_slice.find(|known| known.name.as_deref().unwrap_or_default() == port.name && known.protocol != "UDP");
        let Some(number) = same.and_then(|known| u16::try_from(known.port?).ok()) else {
            continue;
        };
        for endpoint in slice.endpoints.iter().flatten() {
            let Some(target) = endpoint.target_ref.as_ref().filter(|target| target.kind == "Pod") else {
                continue;
            };
            if found.iter().any(|known| known.pod.name == target.name) {
                continue;
            }
            found.push(Listed {
                pod: DnsPod {
                    namespace: namespace.clone(),
                    name: target.name.clone(),
                    port: number,
                },
                ready: endpoint.conditions.ready != Some(false),
            });
        }
    }
    found.sort_by(|a, b| a.pod.name.cmp(&b.pod.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, from_value, json};

    use super::*;

    fn service(namespace: &str, name: &str, ports: Value) -> Service {
        from_value(json!({"metadata": {"namespace": namespace, "name": name}, "spec": {"ports": ports}})).unwrap()
    }

    fn usual_ports() -> Value {
        json!([
            {"name": "dns", "protocol": "UDP", "port": 53},
            {"name": "dns-tcp", "protocol": "TCP", "port": 53},
            {"name": "metrics", "protocol": "TCP", "port": 9153},
        ])
    }

    fn slice(namespace: &str, service: &str, tcp: i32, pods: &[(&str, Option<bool>)]) -> EndpointSlice {
        let endpoint = |(pod, ready): &(&str, Option<bool>)| {
            json!({
                "addresses": ["10.244.0.1"], "conditions": {"ready": ready},
                "targetRef": {"kind": "Pod", "name": pod},
            })
        };
        let endpoints: Vec<_> = pods.iter().map(endpoint).collect();
        from_value(json!({
            "metadata": {"namespace": namespace, "name": "s", "labels": {EndpointSlice::SERVICE_NAME: service}},
            "addressType": "IPv4",
            "endpoints": endpoints,
            "ports": [
                {"name": "metrics", "protocol": "TCP", "port": 9153},
                {"name": "dns", "protocol": "UDP", "port": tcp},
                {"name": "dns-tcp", "protocol": "TCP", "port": tcp},
            ],
        }))
        .unwrap()
    }

    fn lines(listed: &[Listed]) -> Vec<String> {
        let line = |listed: &Listed| {
            let DnsPod { namespace, name, port } = &listed.pod;
            format!("{namespace}/{name}:{port} {}", listed.ready)
        };
        listed.iter().map(line).collect()
    }

    #[test]
    fn the_known_service_is_taken_whatever_else_has_the_label() {
        let chosen = |services: &[Service]| dns_service(services).map(|service| service.metadata.name.clone());
        let usual = || service("kube-system", "kube-dns", usual_ports());
        let upstream = || service("kube-system", "kube-dns-upstream", usual_ports());
        let metrics = || service("kube-system", "node-local-dns", json!([{"port": 9253}]));
        let strange = || service("shop", "kube-dns", usual_ports());
        let openshift = || service("openshift-dns", "dns-default", usual_ports());
        assert_eq!(
            chosen(&[strange(), upstream(), metrics(), usual()]).unwrap(),
            "kube-dns"
        );
        assert_eq!(chosen(&[metrics(), openshift()]).unwrap(), "dns-default");
        let rke2 = service("kube-system", "rke2-coredns-rke2-coredns", usual_ports());
        assert_eq!(
            chosen(&[metrics(), strange(), rke2]).unwrap(),
            "rke2-coredns-rke2-coredns"
        );
        assert_eq!(chosen(&[strange(), metrics()]), None);
    }

    #[test]
    fn the_pods_are_those_of_the_service_s_slices_with_their_own_port() {
        let service = service("openshift-dns", "dns-default", usual_ports());
        let slices = [
            slice(
                "openshift-dns",
                "dns-default",
                5353,
                &[("dns-b", Some(true)), ("dns-c", Some(false))],
            ),
            // The second family, another namespace, another Service.
            slice(
                "openshift-dns",
                "dns-default",
                5353,
                &[("dns-b", Some(true)), ("dns-a", None)],
            ),
            slice("shop", "dns-default", 5353, &[("evil", Some(true))]),
            slice("openshift-dns", "other", 5353, &[("other", Some(true))]),
            slice(
                "openshift-dns",
                "dns-default",
                0x1_0000,
                &[("no-such-port", Some(true))],
            ),
        ];
        assert_eq!(
            lines(&dns_pods(&service, &slices).unwrap()),
            [
                "openshift-dns/dns-a:5353 true",
                "openshift-dns/dns-b:5353 true",
                "openshift-dns/dns-c:5353 false"
            ]
        );
    }

    #[test]
    fn a_service_without_tcp_is_said() {
        let service = service(
            "kube-system",
            "kube-dns",
            json!([{"name": "dns", "protocol": "UDP", "port": 53}]),
        );
        assert_eq!(
            dns_pods(&service, &[]).unwrap_err(),
            "Service kube-system/kube-dns has no TCP port 53, and a port-forward carries TCP only"
        );
    }
}
