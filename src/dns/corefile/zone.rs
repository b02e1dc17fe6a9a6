//! Zones and where they are served. Names are in lower case and without the last dot; the root is empty.

use core::net::{Ipv4Addr, Ipv6Addr};

/// A zone at a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The zone.
    pub zone: String,
    /// The port.
    pub port: u16,
    /// How it is asked.
    pub transport: Transport,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// UDP and TCP, as resolvers do.
    #[default]
    Dns,
    /// Anything else: over TLS, QUIC, gRPC or HTTPS.
    Other,
}

/// Schemes with the port that they have by themselves. Source: `plugin/pkg/transport/transport.go`.
const SCHEMES: [(&str, u16); 6] = [
    ("dns", 53),
    ("tls", 853),
    ("quic", 853),
    ("grpc", 443),
    ("https", 443),
    ("https3", 443),
];

/// The zones of one address, `[SCHEME://]ZONE[:PORT]`; a network in CIDR form is the reverse zones that it consists of.
pub(super) fn addresses(text: &str) -> Option<Vec<Address>> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("dns", text));
    let (_, own) = SCHEMES.into_iter().find(|(known, _)| *known == scheme)?;
    let (zone, port) = split_port(rest)?;
    let transport = if scheme == "dns" {
        Transport::Dns
    } else {
        Transport::Other
    };
    let address = |zone| Address {
        zone,
        port: port.unwrap_or(own),
        transport,
    };
    Some(normal(zone)?.into_iter().map(address).collect())
}

/// The zones that a plugin's argument names; what is none is passed over, as CoreDNS does.
pub(super) fn zones(text: &str) -> Vec<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    split_port(rest).and_then(|(zone, _)| normal(zone)).unwrap_or_default()
}

/// What follows the last colon is a port if it is a number, which an IPv6 network ends before.
/// Source: `plugin/normalize.go` (SplitHostPort).
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((_, "")) => None,
        Some((zone, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some((zone, Some(port.parse().ok()?))),
        _ => Some((text, None)),
    }
}

fn normal(zone: &str) -> Option<Vec<String>> {
    if let Some(reverse) = reverse(zone) {
        return Some(reverse);
    }
    let zone = zone.strip_suffix('.').unwrap_or(zone).to_ascii_lowercase();
    let label = |label: &str| (1..=63).contains(&label.len()) && !label.contains(['{', '}', '$', '%']);
    let valid = zone.is_empty() || (zone.len() <= 253 && zone.split('.').all(label));
    valid.then(|| vec![zone])
}

/// The reverse zones of a network, cut at the next border of a label. Source: `plugin/pkg/cidr/cidr.go`.
fn reverse(network: &str) -> Option<Vec<String>> {
    let (address, bits) = network.split_once('/')?;
    let bits: usize = bits.parse().ok()?;
    let (labels, width, suffix) = match (address.parse::<Ipv4Addr>(), address.parse::<Ipv6Addr>()) {
        (Ok(v4), _) => (v4.octets().map(u32::from).to_vec(), 8, "in-addr.arpa"),
        (_, Ok(v6)) => {
            let nibbles = v6.octets().into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
            (nibbles.map(u32::from).collect(), 4, "ip6.arpa")
        }
        _ => return None,
    };
    if bits == 0 || bits > labels.len() * width {
        return None;
    }
    let whole = bits.div_ceil(width);
    let free = whole * width - bits;
    let last = labels[whole - 1] >> free << free;
    let name = |last: u32| {
        let label = |n: u32| if width == 8 { n.to_string() } else { format!("{n:x}") };
        let front = labels[..whole - 1].iter().rev().map(|&n| label(n));
        let labels: Vec<_> = std::iter::once(label(last)).chain(front).collect();
        format!("{}.{suffix}", labels.join("."))
    };
    Some((0..1 << free).map(|n| name(last + n)).collect())
}

/// Whether a name lies in a zone, or is it.
pub fn within(name: &str, zone: &str) -> bool {
    let rest = name.strip_suffix(zone);
    zone.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Whether a zone holds names of addresses.
pub fn is_reverse(zone: &str) -> bool {
    within(zone, "in-addr.arpa") || within(zone, "ip6.arpa")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<Vec<String>> {
        let show = |at: Address| match at.transport {
            Transport::Dns => format!("{}:{}", at.zone, at.port),
            Transport::Other => format!("{}:{} other", at.zone, at.port),
        };
        Some(addresses(text)?.into_iter().map(show).collect())
    }

    #[test]
    fn an_address_is_a_zone_and_a_port() {
        let one = |text: &str| Some(vec![text.to_owned()]);
        assert_eq!(shown("."), one(":53"));
        assert_eq!(shown(".:5353"), one(":5353"));
        assert_eq!(shown("dns://Cluster.LOCAL.:1053"), one("cluster.local:1053"));
        assert_eq!(shown("tls://example.org"), one("example.org:853 other"));
        assert_eq!(shown("https://."), one(":443 other"));
        for wrong in ["gopher://x", "x:", "x:99999", "a..b", "{$ZONE}:53"] {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn networks_are_reverse_zones() {
        assert_eq!(zones("10.0.0.0/24"), ["0.0.10.in-addr.arpa"]);
        assert_eq!(
            zones("10.0.0.0/23:5353"),
            ["0.0.10.in-addr.arpa", "1.0.10.in-addr.arpa"]
        );
        assert_eq!(zones("2001:db8::/32"), ["8.b.d.0.1.0.0.2.ip6.arpa"]);
        assert_eq!(zones("2001:db8::/31").len(), 2);
        assert_eq!(zones("10.0.0.0/99").len(), 1);
    }

    #[test]
    fn names_lie_in_zones_at_their_labels() {
        assert!(within("a.b", "") && within("a.b", "b") && within("b", "b"));
        assert!(!within("ab", "b") && !within("b", "a.b"));
    }
}
