//! Whether network policies let a pod's questions out to the cluster's DNS. Policies are seen, whether the network keeps to
//! them is not: an answer is never more than likely.
//!
//! Source: <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.

use core::net::IpAddr;
use std::collections::BTreeMap;

use crate::dns::configured::{dns_server_pods, node_caches};
use crate::dns::dns_service;
use crate::model::cluster_dns::ClusterDns;
use crate::model::objects::{
    EgressRule, IpBlock, LabelSelector, NetworkPolicy, Pod, PolicyPeer, PolicyPort, PortMeant,
};

/// Where the cluster's DNS is taken to be where it could not be read.
const HOMES: [&str; 2] = ["kube-system", "openshift-dns"];
/// The label that every namespace has. Source: `pkg/apis/core/v1/defaults.go` (SetDefaults_Namespace).
const NAME: &str = "kubernetes.io/metadata.name";
/// Where node caches listen besides the Service's own address.
const LINK_LOCAL: &str = "169.254.20.10";

/// What a policy can say of the cluster's DNS.
#[derive(Debug)]
pub struct Destination<'a> {
    /// Servers, and the caches of nodes; `None` where they could not be read.
    pods: Option<Vec<&'a Pod>>,
    /// Where they are asked; `None` likewise.
    addresses: Option<Vec<IpAddr>>,
    namespace: Option<&'a str>,
}

impl<'a> Destination<'a> {
    /// From what was read.
    pub fn of(dns: &'a ClusterDns) -> Self {
        let service = dns_service(&dns.services.items);
        let pods: Vec<&Pod> = dns_server_pods(dns).chain(node_caches(dns)).collect();
        let mut addresses: Vec<IpAddr> = service.map(|service| service.virtual_ips()).unwrap_or_default();
        // Caches have their nodes' addresses, and do not listen there.
        addresses.extend(dns_server_pods(dns).flat_map(Pod::addresses));
        if node_caches(dns).next().is_some() {
            addresses.extend(LINK_LOCAL.parse::<IpAddr>());
        }
        let whole = dns.services.complete().is_ok() && dns.pods.complete().is_ok();
        Self {
            addresses: (whole && !addresses.is_empty()).then_some(addresses),
            pods: (whole && !pods.is_empty()).then_some(pods),
            namespace: service.map(|service| service.metadata.namespace.as_str()),
        }
    }
}

/// The policies that limit what leaves a pod with these labels.
pub fn limiting<'a>(
    policies: &'a [NetworkPolicy],
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<&'a NetworkPolicy> {
    let limits = |policy: &&NetworkPolicy| {
        policy.metadata.namespace == namespace && policy.limits_egress() && policy.spec.pod_selector.matches(labels)
    };
    policies.iter().filter(limits).collect()
}

/// Whether one of these policies lets questions over a protocol, `UDP` or `TCP`, out to the DNS; `None` where that hangs on
/// what was not read. What any of them allows is allowed.
pub fn lets_out(policies: &[&NetworkPolicy], protocol: &str, to: &Destination<'_>) -> Option<bool> {
    any(policies.iter().flat_map(|policy| {
        let own = policy.metadata.namespace.as_str();
        policy
            .egress()
            .map(move |rule| both(ports(rule, protocol, to), peers(rule, own, to)))
    }))
}

/// Whether one of them is true, as far as can be said.
fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(false);
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = None,
        }
    }
    known
}

fn both(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn ports(rule: &EgressRule, protocol: &str, to: &Destination<'_>) -> Option<bool> {
    match rule.ports.as_deref() {
        None | Some([]) => Some(true),
        Some(ports) => any(ports.iter().map(|given| port(given, protocol, to))),
    }
}

/// A number is that of the receiving pod, which need not be the Service's: either is taken.
fn port(given: &PolicyPort, protocol: &str, to: &Destination<'_>) -> Option<bool> {
    if given.protocol.as_deref().unwrap_or("TCP") != protocol {
        return Some(false);
    }
    let containers = to.pods.iter().flatten().flat_map(|pod| &pod.spec.containers);
    let of_pods = containers.flat_map(|container| &container.ports).filter(|port| {
        let kind = if port.protocol.is_empty() {
            "TCP"
        } else {
            &port.protocol
        };
        kind == protocol
    });
    match given.meant() {
        PortMeant::All => Some(true),
        PortMeant::Range(first, last) => {
            let range = first..=last;
            let dns = of_pods
                .filter(|port| port.name.starts_with("dns"))
                .map(|port| port.container_port);
            let found = std::iter::once(53).chain(dns).any(|port| range.contains(&port));
            // A server that was not read may listen elsewhere; OpenShift's does.
            match to.pods {
                None if !found && range.contains(&5353) => None,
                _ => Some(found),
            }
        }
        PortMeant::Named(name) => {
            let mut named = of_pods.filter(|port| port.name == name);
            to.pods.as_ref().map(|_| named.next().is_some())
        }
    }
}

fn peers(rule: &EgressRule, own: &str, to: &Destination<'_>) -> Option<bool> {
    match rule.to.as_deref() {
        None | Some([]) => Some(true),
        Some(peers) => any(peers.iter().map(|given| peer(given, own, to))),
    }
}

fn peer(given: &PolicyPeer, own: &str, to: &Destination<'_>) -> Option<bool> {
    if let Some(block) = &given.ip_block {
        // Whether the Service's address or a pod's is compared is left to the network: either is taken.
        let addresses = to.addresses.as_ref()?;
        return any(addresses.iter().map(|address| within(block, *address)));
    }
    let homes = to.namespace.map_or(HOMES.to_vec(), |namespace| vec![namespace]);
    let namespace = match &given.namespace_selector {
        None => Some(homes.contains(&own)),
        Some(selector) => any(homes.iter().map(|home| selects_namespace(selector, home))),
    };
    let pod = match &given.pod_selector {
        None => Some(true),
        Some(selector) if *selector == LabelSelector::default() => Some(true),
        Some(selector) => to
            .pods
            .as_ref()
            .map(|pods| pods.iter().any(|pod| selector.matches(&pod.metadata.labels))),
    };
    both(namespace, pod)
}

/// Namespaces are not read: of their labels one is known.
fn selects_namespace(selector: &LabelSelector, namespace: &str) -> Option<bool> {
    let about_name = LabelSelector {
        match_labels: selector
            .match_labels
            .clone()
            .into_iter()
            .filter(|(key, _)| key == NAME)
            .collect(),
        match_expressions: selector
            .match_expressions
            .iter()
            .filter(|need| need.key == NAME)
            .cloned()
            .collect(),
    };
    let labels = BTreeMap::from([(NAME.to_owned(), namespace.to_owned())]);
    match about_name.matches(&labels) {
        false => Some(false),
        true if about_name == *selector => Some(true),
        true => None,
    }
}

/// Whether an address lies in a block, outside of its exceptions; `None` where a block is none.
fn within(block: &IpBlock, address: IpAddr) -> Option<bool> {
    let inside = in_network(&block.cidr, address)?;
    let excepted = any(block.except.iter().map(|range| in_network(range, address)));
    both(Some(inside), excepted.map(|excepted| !excepted))
}

fn in_network(cidr: &str, address: IpAddr) -> Option<bool> {
    let (network, bits) = cidr.split_once('/')?;
    let bits: u32 = bits.parse().ok()?;
    let (network, address, width) = match (network.parse().ok()?, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()), u128::from(address.to_bits()), 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        _ => return Some(false),
    };
    let rest = u32::checked_sub(width, bits)?;
    Some(network.checked_shr(rest).unwrap_or(0) == address.checked_shr(rest).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnose::testing::recorded;
    use serde_json::{Value, json};

    fn policies(egress: &Value) -> Vec<NetworkPolicy> {
        let policy = json!({"metadata": {"name": "p", "namespace": "shop"}, "spec": {"policyTypes": ["Egress"], "egress": egress}});
        vec![serde_json::from_value(policy).unwrap()]
    }

    /// UDP and TCP, with the recorded cluster's DNS: pods 10.244.0.x with `k8s-app: kube-dns`, Service 10.96.0.10.
    fn of_known(egress: &Value) -> (Option<bool>, Option<bool>) {
        let snapshot = recorded("dns/policies-and-node-cache");
        answer(egress, &Destination::of(&snapshot.cluster_dns))
    }

    fn of_unread(egress: &Value) -> (Option<bool>, Option<bool>) {
        answer(egress, &Destination::of(&ClusterDns::default()))
    }

    fn answer(egress: &Value, to: &Destination<'_>) -> (Option<bool>, Option<bool>) {
        let policies = policies(egress);
        let policies: Vec<_> = policies.iter().collect();
        (lets_out(&policies, "UDP", to), lets_out(&policies, "TCP", to))
    }

    const BOTH: (Option<bool>, Option<bool>) = (Some(true), Some(true));
    const NEITHER: (Option<bool>, Option<bool>) = (Some(false), Some(false));

    #[test]
    fn what_says_nothing_restricts_nothing() {
        for open in [
            json!([{}]),
            json!([{"to": [], "ports": []}]),
            json!([{"to": null}, {"to": [{"podSelector": {}}]}]),
        ] {
            assert_eq!((of_known(&open), of_unread(&open)), (BOTH, BOTH), "{open}");
        }
        for shut in [json!([]), Value::Null] {
            assert_eq!((of_known(&shut), of_unread(&shut)), (NEITHER, NEITHER), "{shut}");
        }
    }

    #[test]
    fn ports_are_numbers_ranges_and_names() {
        let of = |ports: Value| of_known(&json!([{"ports": ports}]));
        assert_eq!(of(json!([{"port": 53, "protocol": "UDP"}])), (Some(true), Some(false)));
        assert_eq!(of(json!([{"port": 53}])), (Some(false), Some(true)));
        assert_eq!(
            of(json!([{"protocol": "UDP"}, {"port": 443}])),
            (Some(true), Some(false))
        );
        assert_eq!(
            of(json!([{"port": 1, "endPort": 1024, "protocol": "UDP"}])),
            (Some(true), Some(false))
        );
        assert_eq!(of(json!([{"port": 54, "endPort": 1024, "protocol": "UDP"}])), NEITHER);
        let named = json!([{"port": "dns", "protocol": "UDP"}, {"port": "dns-tcp", "protocol": "TCP"}]);
        assert_eq!(of(named.clone()), BOTH);
        assert_eq!(of(json!([{"port": "http"}])), NEITHER);
        assert_eq!(of_unread(&json!([{"ports": named}])), (None, None));
        assert_eq!(
            of_unread(&json!([{"ports": [{"port": 5353, "protocol": "UDP"}]}])),
            (None, Some(false))
        );
    }

    #[test]
    fn peers_are_pods_namespaces_and_addresses() {
        let of = |to: Value| of_known(&json!([{"to": to}]));
        let system = json!({"matchLabels": {NAME: "kube-system"}});
        let servers = json!({"matchLabels": {"k8s-app": "kube-dns"}});
        assert_eq!(of(json!([{"namespaceSelector": {}, "podSelector": servers}])), BOTH);
        assert_eq!(of(json!([{"namespaceSelector": system}])), BOTH);
        assert_eq!(
            of(json!([{"namespaceSelector": system, "podSelector": {"matchLabels": {"app": "x"}}}])),
            NEITHER
        );
        assert_eq!(
            of(json!([{"namespaceSelector": {"matchLabels": {NAME: "shop"}}}])),
            NEITHER
        );
        // Of its own namespace alone, whatever they are called there.
        assert_eq!(of(json!([{"podSelector": servers}])), NEITHER);
        // What namespaces are labelled with is not read.
        assert_eq!(
            of(json!([{"namespaceSelector": {"matchLabels": {"team": "dns"}}}])),
            (None, None)
        );
        let block = |cidr: &str, except: &[&str]| of(json!([{"ipBlock": {"cidr": cidr, "except": except}}]));
        assert_eq!(block("0.0.0.0/0", &[]), BOTH);
        assert_eq!(block("10.96.0.0/12", &[]), BOTH);
        assert_eq!(block("10.96.0.10/32", &[]), BOTH);
        assert_eq!(block("169.254.20.10/32", &[]), BOTH);
        assert_eq!(block("192.168.0.0/16", &[]), NEITHER);
        assert_eq!(
            block(
                "0.0.0.0/0",
                &["10.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"]
            ),
            NEITHER
        );
        assert_eq!((block("::/0", &[]), block("nonsense", &[])), (NEITHER, (None, None)));
        let unread = of_unread(&json!([{"to": [{"ipBlock": {"cidr": "10.96.0.0/12"}}, {"podSelector": servers}]}]));
        assert_eq!(unread, (None, None));
        assert_eq!(of_unread(&json!([{"to": [{"podSelector": servers}]}])), NEITHER);
    }

    #[test]
    fn only_policies_about_what_leaves_these_pods_count() {
        let policy = |name: &str, namespace: &str, spec: Value| {
            serde_json::from_value(json!({"metadata": {"name": name, "namespace": namespace}, "spec": spec})).unwrap()
        };
        let policies = [
            policy("all", "shop", json!({"podSelector": {}, "policyTypes": ["Egress"]})),
            policy(
                "incoming",
                "shop",
                json!({"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{}]}),
            ),
            policy(
                "untold",
                "shop",
                json!({"podSelector": {"matchLabels": {"app": "web"}}, "egress": [{}]}),
            ),
            policy("by-default-incoming", "shop", json!({"podSelector": {}})),
            policy(
                "others",
                "shop",
                json!({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Egress"]}),
            ),
            policy(
                "elsewhere",
                "prod",
                json!({"podSelector": {}, "policyTypes": ["Egress"]}),
            ),
        ];
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        let names: Vec<_> = limiting(&policies, "shop", &labels)
            .iter()
            .map(|policy| policy.metadata.name.as_str())
            .collect();
        assert_eq!(names, ["all", "untold"]);
    }
}
