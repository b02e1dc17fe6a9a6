//! Which pods answer the cluster's questions, and on which port over TCP: a port-forward carries nothing else.

use crate::model::answer::DnsPod;
use crate::model::objects::{EndpointSlice, Service};

/// Services that may be the cluster's DNS, the likeliest first: kubeadm's and most others', OpenShift's. Others in these
/// namespaces are taken where they serve port 53; a label in another namespace can be anyone's.
const KNOWN: [(&str, &str); 2] = [("kube-system", "kube-dns"), ("openshift-dns", "dns-default")];
/// The label of a slice that names its Service.
const OWNER: &str = "kubernetes.io/service-name";
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
        if slice.metadata.labels.get(OWNER) != Some(name) {
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
