//! Addresses behind a Service: as its pods should make them, and as its slices hold them.

use core::net::IpAddr;

use serde::Serialize;

use crate::model::answer::RecordType;
use crate::model::objects::{self, EndpointSlice, Pod, Service};

/// One address, or a pod's several, behind a Service.
#[derive(Clone, Debug)]
pub struct Endpoint<'a> {
    /// The label below the Service's name.
    pub hostname: Option<&'a str>,
    /// One of each family at most, as the API writes them; what is no address is left out.
    pub addresses: Vec<IpAddr>,
    /// Whether it is served: Ready, or of a Service that publishes what is not.
    pub served: bool,
    /// Ports that its records tell.
    pub ports: Vec<Port>,
}

/// A port of a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Port {
    /// Empty for the one port that may do without: it has no SRV record.
    pub name: String,
    /// `TCP`, `UDP` or `SCTP`.
    pub protocol: String,
    /// Number, the container's for a headless Service.
    pub number: i32,
}

/// Why a pod should have no record now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Absence {
    /// It does not exist.
    Missing,
    /// It has no address yet.
    NoAddress,
    /// It succeeded or failed.
    Ended,
    /// It is being deleted.
    Terminating,
    /// It is not Ready, and the Service publishes only what is.
    NotReady,
    /// It has no address of a family that the Service publishes.
    OtherFamily,
    /// Its name is longer than a name in DNS can be.
    NameTooLong,
}

impl Absence {
    /// In words.
    pub fn says(self) -> &'static str {
        match self {
            Self::Missing => "no such pod",
            Self::NoAddress => "no address yet",
            Self::Ended => "ended",
            Self::Terminating => "being deleted",
            Self::NotReady => "not Ready",
            Self::OtherFamily => "no address of the Service's family",
            Self::NameTooLong => "longer than DNS allows",
        }
    }
}

/// What a pod should publish under a hostname, whether its Service selects it today or not; or why it should not.
/// Source: `staging/src/k8s.io/endpointslice/utils.go` (podToEndpoint), `util/controller_utils.go` (ShouldPodBeInEndpoints).
pub fn of_pod<'a>(
    pod: Option<&'a Pod>,
    service: Option<&Service>,
    hostname: Option<&'a str>,
) -> Result<Endpoint<'a>, Absence> {
    let pod = pod.ok_or(Absence::Missing)?;
    if ["Succeeded", "Failed"].contains(&pod.status.phase.as_str()) {
        return Err(Absence::Ended);
    }
    let mut addresses: Vec<IpAddr> = pod.addresses().collect();
    if addresses.is_empty() {
        return Err(Absence::NoAddress);
    }
    if !service.is_some_and(|service| service.spec.publish_not_ready_addresses) {
        if pod.metadata.terminating() {
            return Err(Absence::Terminating);
        }
        if !pod.ready() {
            return Err(Absence::NotReady);
        }
    }
    // A Service has slices of its own families only; without one, all addresses could be published.
    if service.is_some_and(|service| !service.spec.ip_families.is_empty()) {
        let families = families(service);
        addresses.retain(|address| families.contains(&RecordType::of(*address)));
    }
    if addresses.is_empty() {
        return Err(Absence::OtherFamily);
    }
    Ok(Endpoint {
        hostname,
        addresses,
        served: true,
        ports: service.map(|service| ports_of(service, pod)).unwrap_or_default(),
    })
}

/// The label below a Service that a pod gets by what it says itself; without one, its address makes the label.
/// Source: `staging/src/k8s.io/endpointslice/util/controller_utils.go` (ShouldSetHostname).
pub fn hostname<'a>(pod: &'a Pod, service: &str) -> Option<&'a str> {
    let spec = &pod.spec;
    (!spec.hostname.is_empty() && spec.subdomain == service).then_some(spec.hostname.as_str())
}

/// The types of the addresses that a Service publishes; IPv4's where it does not say.
pub fn families(service: Option<&Service>) -> Vec<RecordType> {
    let told = service.map_or(&[][..], |service| service.spec.ip_families.as_slice());
    let kind = |family: &String| match family.as_str() {
        "IPv4" => Some(RecordType::A),
        "IPv6" => Some(RecordType::Aaaa),
        _ => None,
    };
    let kinds: Vec<_> = told.iter().filter_map(kind).collect();
    if kinds.is_empty() { vec![RecordType::A] } else { kinds }
}

/// A Service's ports as this pod serves them: a name that no container of it has is none.
/// Source: `staging/src/k8s.io/endpointslice/util/controller_utils.go` (FindPort).
fn ports_of(service: &Service, pod: &Pod) -> Vec<Port> {
    let ports = service.spec.ports.iter().filter_map(|port| {
        Some(Port {
            name: port.name.clone(),
            protocol: protocol(&port.protocol),
            number: pod.port(port)?,
        })
    });
    ports.collect()
}

fn protocol(given: &str) -> String {
    if given.is_empty() { "TCP" } else { given }.to_owned()
}

/// What a Service's slices publish, one entry an endpoint; the same address in two slices is there twice.
pub fn of_slices<'a>(slices: impl IntoIterator<Item = &'a EndpointSlice>) -> Vec<Endpoint<'a>> {
    let endpoints = slices.into_iter().flat_map(|slice| {
        let ports: Vec<_> = slice.ports.iter().flatten().filter_map(port).collect();
        let endpoints = slice.endpoints.iter().flatten();
        endpoints.map(move |endpoint| published(endpoint, ports.clone()))
    });
    endpoints.collect()
}

fn port(port: &objects::SlicePort) -> Option<Port> {
    Some(Port {
        name: port.name.clone().unwrap_or_default(),
        protocol: protocol(&port.protocol),
        number: port.port?,
    })
}

fn published(endpoint: &objects::Endpoint, ports: Vec<Port>) -> Endpoint<'_> {
    Endpoint {
        hostname: endpoint.hostname.as_deref().filter(|name| !name.is_empty()),
        addresses: endpoint
            .addresses
            .iter()
            .filter_map(|address| address.parse().ok())
            .collect(),
        // Absent means unknown, which consumers take as ready.
        served: endpoint.conditions.ready.unwrap_or(true),
        ports,
    }
}
