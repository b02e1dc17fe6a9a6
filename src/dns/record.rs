//! Questions and their answers, and which of them follow from addresses.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::Endpoint;
use crate::model::answer::{Question, RecordType};
use crate::model::objects::Service;

/// Answers by question. An answer is an address, the name that a PTR or CNAME leads to, or `PORT NAME` of an SRV record,
/// whose priority and weight tell nothing.
pub type Records = BTreeMap<Question, BTreeSet<String>>;

/// Where a Service's names are.
#[derive(Clone, Copy, Debug)]
pub struct Zone<'a> {
    /// The Service.
    pub service: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// The cluster domain, for instance `cluster.local`.
    pub domain: &'a str,
}

impl Zone<'_> {
    /// The Service's own name.
    pub fn name(&self) -> String {
        format!("{}.{}.svc.{}", self.service, self.namespace, self.domain)
    }

    /// A pod's name below the Service.
    pub fn pod(&self, hostname: &str) -> String {
        format!("{hostname}.{}", self.name())
    }

    /// Whether a pod's name can stand in DNS: 63 octets a label, 253 in all (RFC 1035 2.3.4).
    pub fn holds(&self, hostname: &str) -> bool {
        hostname.len() <= 63 && self.pod(hostname).len() <= 253
    }

    /// The name of a port.
    fn port(&self, name: &str, protocol: &str) -> String {
        let protocol = if protocol.is_empty() {
            "tcp".to_owned()
        } else {
            protocol.to_lowercase()
        };
        format!("_{name}._{protocol}.{}", self.name())
    }
}

/// What a Service's own name leads to.
#[derive(Clone, Copy, Debug)]
pub enum Own<'a> {
    /// All its addresses: it is headless, or nothing else is known of it.
    Endpoints,
    /// An address of its own, under its own ports.
    Virtual(&'a Service),
    /// Another name.
    Alias(&'a str),
}

impl<'a> Own<'a> {
    /// Of this Service.
    pub fn of(service: Option<&'a Service>) -> Self {
        match service {
            Some(service) if service.external() => Self::Alias(&service.spec.external_name),
            Some(service) if !service.headless() => Self::Virtual(service),
            _ => Self::Endpoints,
        }
    }
}

/// The records of a Service and its addresses.
/// Source: CoreDNS `plugin/kubernetes/kubernetes.go` (findServices), `reverse.go` (serviceRecordForIP).
pub fn records(zone: Zone<'_>, endpoints: &[Endpoint<'_>], own: Own<'_>) -> Records {
    let mut found = Records::new();
    let mut add = |name: String, kind, answer: String| {
        found.entry(Question { name, kind }).or_default().insert(answer);
    };
    match own {
        Own::Endpoints => {}
        Own::Virtual(service) => {
            for address in service.virtual_ips() {
                add(zone.name(), RecordType::of(address), address.to_string());
                add(reverse(address), RecordType::Ptr, zone.name());
            }
            for port in service.spec.ports.iter().filter(|port| !port.name.is_empty()) {
                let name = zone.port(&port.name, &port.protocol);
                add(name, RecordType::Srv, format!("{} {}", port.port, zone.name()));
            }
        }
        Own::Alias(name) => add(
            zone.name(),
            RecordType::Cname,
            name.trim_end_matches('.').to_lowercase(),
        ),
    }
    for endpoint in endpoints.iter().filter(|endpoint| endpoint.served) {
        for address in &endpoint.addresses {
            let kind = RecordType::of(*address);
            // Without a hostname the address itself makes the label.
            let label = endpoint.hostname.map_or_else(|| dashed(*address), str::to_owned);
            let name = zone.pod(&label);
            if matches!(own, Own::Endpoints) {
                add(zone.name(), kind, address.to_string());
                for port in endpoint.ports.iter().filter(|port| !port.name.is_empty()) {
                    let service = zone.port(&port.name, &port.protocol);
                    add(service, RecordType::Srv, format!("{} {name}", port.number));
                }
            }
            add(name.clone(), kind, address.to_string());
            add(reverse(*address), RecordType::Ptr, name);
        }
    }
    found
}

fn dashed(address: IpAddr) -> String {
    let label = address.to_string().replace(['.', ':'], "-");
    // A label does not end in a dash.
    if label.ends_with('-') { label + "0" } else { label }
}

/// The name under which an address is looked up backwards (RFC 1035 3.5, RFC 3596 2.5).
pub(super) fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::with_capacity(72);
            for byte in address.octets().iter().rev() {
                // Writing to a String does not fail.
                let _ = write!(name, "{:x}.{:x}.", byte & 15, byte >> 4);
            }
            name + "ip6.arpa"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::Port;

    const ZONE: Zone<'_> = Zone {
        service: "web",
        namespace: "shop",
        domain: "cluster.local",
    };

    fn endpoint(hostname: Option<&'static str>, addresses: &[&str]) -> Endpoint<'static> {
        Endpoint {
            hostname,
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            served: true,
            ports: vec![
                Port {
                    name: "http".to_owned(),
                    protocol: "TCP".to_owned(),
                    number: 80,
                },
                Port {
                    number: 81,
                    ..Port::default()
                },
            ],
        }
    }

    fn lines(records: &Records) -> Vec<String> {
        let answers = records.iter().flat_map(|(question, answers)| {
            let line = move |answer: &String| format!("{} {:?} {answer}", question.name, question.kind);
            answers.iter().map(line)
        });
        answers.collect()
    }

    #[test]
    fn each_address_has_its_name_and_the_service_has_all_of_them() {
        let all = [
            endpoint(Some("web-0"), &["10.0.0.1"]),
            endpoint(Some("web-1"), &["10.0.0.2", "fd00::2"]),
        ];
        assert_eq!(
            lines(&records(ZONE, &all, Own::Endpoints)),
            [
                "1.0.0.10.in-addr.arpa Ptr web-0.web.shop.svc.cluster.local",
                "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa Ptr web-1.web.shop.svc.cluster.local",
                "2.0.0.10.in-addr.arpa Ptr web-1.web.shop.svc.cluster.local",
                "_http._tcp.web.shop.svc.cluster.local Srv 80 web-0.web.shop.svc.cluster.local",
                "_http._tcp.web.shop.svc.cluster.local Srv 80 web-1.web.shop.svc.cluster.local",
                "web-0.web.shop.svc.cluster.local A 10.0.0.1",
                "web-1.web.shop.svc.cluster.local A 10.0.0.2",
                "web-1.web.shop.svc.cluster.local Aaaa fd00::2",
                "web.shop.svc.cluster.local A 10.0.0.1",
                "web.shop.svc.cluster.local A 10.0.0.2",
                "web.shop.svc.cluster.local Aaaa fd00::2",
            ]
        );
    }

    #[test]
    fn without_a_hostname_the_address_is_the_label_and_what_is_not_served_has_none() {
        let mut hidden = endpoint(Some("web-1"), &["10.0.0.2"]);
        hidden.served = false;
        let all = [endpoint(None, &["10.0.0.1"]), hidden];
        let records = records(ZONE, &all, Own::Endpoints);
        assert_eq!(records.len(), 4);
        let dashed = Question {
            name: "10-0-0-1.web.shop.svc.cluster.local".to_owned(),
            kind: RecordType::A,
        };
        assert!(records.contains_key(&dashed));
    }

    #[test]
    fn a_virtual_address_takes_the_service_s_name_and_the_pods_keep_theirs() {
        let json = r#"{"spec":{"clusterIP":"10.96.0.7","clusterIPs":["10.96.0.7"],"ports":[{"name":"http","port":8080,"targetPort":80}]}}"#;
        let service: Service = serde_json::from_str(json).unwrap();
        let own = Own::of(Some(&service));
        let records = records(ZONE, &[endpoint(Some("web-0"), &["10.0.0.1"])], own);
        assert_eq!(
            lines(&records),
            [
                "1.0.0.10.in-addr.arpa Ptr web-0.web.shop.svc.cluster.local",
                "7.0.96.10.in-addr.arpa Ptr web.shop.svc.cluster.local",
                "_http._tcp.web.shop.svc.cluster.local Srv 8080 web.shop.svc.cluster.local",
                "web-0.web.shop.svc.cluster.local A 10.0.0.1",
                "web.shop.svc.cluster.local A 10.96.0.7",
            ]
        );
    }

    #[test]
    fn an_external_name_is_an_alias_and_nothing_else() {
        let json = r#"{"spec":{"type":"ExternalName","externalName":"DB.example.com."}}"#;
        let service: Service = serde_json::from_str(json).unwrap();
        let records = records(ZONE, &[], Own::of(Some(&service)));
        assert_eq!(lines(&records), ["web.shop.svc.cluster.local Cname db.example.com"]);
    }
}
