//! The flags about asking DNS servers, and whom they mean.

use core::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cluster::connect::Connection;
use crate::cluster::dns::{Asking, PORT, Via, ask};
use crate::dns::{Listed, dns_pods, dns_service};
use crate::global::duration;
use crate::model::answer::{DnsPod, Question, Served, Way};
use crate::model::resource::is_possible_name;
use crate::model::snapshot::Snapshot;

/// Where DNS pods are nearly everywhere.
const NAMESPACE: &str = "kube-system";
/// What is left where no DNS pod can be found.
const OTHERWISE: &str = "name a pod with --through NAMESPACE/POD, or a server with --dns-server";

/// Whether and whom to ask.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Asking DNS servers")]
pub struct Query {
    /// Ask the cluster's DNS: inside a pod the servers that the pod asks, elsewhere a DNS pod through a port-forward
    #[arg(long)]
    query: bool,
    /// Ask this DNS pod through a port-forward; where no namespace is named, in the DNS's own
    #[arg(long, value_name = "[NAMESPACE/]POD", value_parser = pod)]
    through: Option<Through>,
    /// Ask the server at this address, over UDP, and over TCP what does not fit or where nobody takes UDP
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = address, conflicts_with = "through")]
    dns_server: Option<SocketAddr>,
    /// Ask that server over TCP alone
    #[arg(long, requires = "dns_server")]
    tcp: bool,
    /// Ask every ready DNS pod through port-forwards, so that one that lags behind shows
    #[arg(long, conflicts_with_all = ["through", "dns_server"])]
    each: bool,
    /// How long a server may take for one answer
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5s")]
    timeout: Duration,
}

/// A pod as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Through {
    namespace: Option<String>,
    pod: String,
}

/// Whom to ask, or why that is nobody: with what should have been asked.
type Chosen = Result<Vec<DnsPod>, (String, String)>;

impl Query {
    /// Whether anybody is to be asked.
    ///
    /// # Errors
    /// Flags that cannot be meant.
    pub fn wanted(&self, from_file: bool) -> Result<bool> {
        let wanted = self.query || self.each || self.dns_server.is_some() || self.through.is_some();
        if wanted && from_file {
            bail!("a file answers no DNS question: leave out --from, or what asks a server");
        }
        if wanted && self.timeout.is_zero() {
            bail!("--timeout 0s leaves a server no time to answer");
        }
        Ok(wanted)
    }

    /// Asks. Whoever cannot be asked is an answer too.
    pub async fn ask(&self, connection: &Connection, snapshot: &Snapshot, questions: &[Question]) -> Vec<Served> {
        let asking = Asking {
            questions,
            timeout: self.timeout,
            each: self.each,
        };
        if let Some(address) = self.dns_server {
            let via = if self.tcp {
                Via::Stream(address)
            } else {
                Via::Address(address)
            };
            return ask(asking, via).await;
        }
        if connection.in_cluster && self.through.is_none() && !self.each {
            return ask(asking, Via::System).await;
        }
        match self.pods(snapshot) {
            Ok(pods) => ask(asking, Via::Pods(&connection.client, pods)).await,
            Err((server, why)) => vec![Served::unreachable(&server, Way::PortForward, questions, &why)],
        }
    }

    fn pods(&self, snapshot: &Snapshot) -> Chosen {
        let dns = &snapshot.cluster_dns;
        let service = dns_service(&dns.services.items);
        let listed = service.map(|service| dns_pods(service, &dns.slices.items));
        if let Some(Through { namespace, pod }) = &self.through {
            let home = service.map_or(NAMESPACE, |service| &service.metadata.namespace);
            let namespace = namespace.as_deref().unwrap_or(home);
            let known = listed.and_then(Result::ok).unwrap_or_default().into_iter();
            let mut known = known.map(|listed| listed.pod);
            let known = known.find(|known| known.namespace == namespace && known.name == *pod);
            return Ok(vec![known.unwrap_or_else(|| DnsPod {
                namespace: namespace.to_owned(),
                name: pod.clone(),
                port: PORT,
            })]);
        }
        let unread = dns.services.gaps.iter().chain(&dns.slices.gaps).next();
        let unread = unread.map(|gap| format!("{} could not be read ({})", gap.what(), gap.why()));
        let nobody = |server: String, why: String| Err((server, format!("{why}: {OTHERWISE}")));
        let Some(service) = service else {
            let why = unread.unwrap_or_else(|| "no Service of the cluster's DNS was found".to_owned());
            return nobody("the cluster's DNS".to_owned(), why);
        };
        let name = format!("{}/{}", service.metadata.namespace, service.metadata.name);
        let listed = match listed.unwrap_or_else(|| Ok(Vec::new())) {
            Ok(listed) => listed,
            Err(why) => return nobody(name, why),
        };
        let all = listed.len();
        let ready: Vec<_> = listed
            .into_iter()
            .filter(|listed| listed.ready)
            .map(|Listed { pod, .. }| pod)
            .collect();
        if ready.is_empty() {
            let why = unread.unwrap_or_else(|| match all {
                0 => format!("Service {name} has no pods"),
                1 => format!("the one pod of Service {name} is not ready"),
                _ => format!("none of the {all} pods of Service {name} is ready"),
            });
            return nobody(name, why);
        }
        Ok(ready)
    }
}

/// An address, with or without a port; of IPv6 with a port in brackets.
fn address(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let parsed = text.parse().ok();
    let parsed = parsed.or_else(|| Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, PORT)));
    let parsed = parsed.filter(|address| address.port() != 0);
    parsed.ok_or_else(|| {
        "an IP address, and a port after a colon where it is not 53: 10.96.0.10, [fd00::a]:5353".to_owned()
    })
}

fn pod(text: &str) -> Result<Through, String> {
    let text = text
        .strip_prefix("pod/")
        .or_else(|| text.strip_prefix("pods/"))
        .unwrap_or(text);
    let (namespace, pod) = match text.split_once('/') {
        Some((namespace, pod)) => (Some(namespace), pod),
        None => (None, text),
    };
    if !is_possible_name(pod) || !namespace.is_none_or(is_possible_name) {
        return Err("a pod is named as NAMESPACE/POD or POD".to_owned());
    }
    Ok(Through {
        namespace: namespace.map(str::to_owned),
        pod: pod.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_its_port() {
        let read = |text: &str| address(text).map(|address| address.to_string());
        let read = [
            "10.96.0.10",
            "10.96.0.10:5353",
            "fd00::a",
            "[fd00::a]",
            "[fd00::a]:5353",
        ]
        .map(|text| read(text).unwrap());
        assert_eq!(
            read,
            [
                "10.96.0.10:53",
                "10.96.0.10:5353",
                "[fd00::a]:53",
                "[fd00::a]:53",
                "[fd00::a]:5353"
            ]
        );
        for wrong in [
            "",
            "kube-dns",
            "10.96.0.10:",
            "10.96.0.10:0",
            "10.96.0.10:70000",
            "fd00::a:5353:x",
            "dns:53",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_pod_may_leave_out_its_namespace() {
        let through = |namespace: Option<&str>, pod: &str| Through {
            namespace: namespace.map(str::to_owned),
            pod: pod.to_owned(),
        };
        assert_eq!(pod("coredns-a").unwrap(), through(None, "coredns-a"));
        assert_eq!(pod("dns/coredns-a").unwrap(), through(Some("dns"), "coredns-a"));
        assert_eq!(pod("pod/coredns-a").unwrap(), through(None, "coredns-a"));
        for wrong in ["", "/", "a/", "/a", "a/b/c", "..", "a/.."] {
            assert!(pod(wrong).is_err(), "{wrong}");
        }
    }
}
