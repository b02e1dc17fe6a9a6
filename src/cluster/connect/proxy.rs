//! Which proxy a cluster is reached through: the kubeconfig's, else the environment's unless `NO_PROXY` exempts the
//! cluster's host. kube compares `NO_PROXY` with the proxy's own host and refuses values that Go accepts, so the choice
//! is made here, as Go makes it. Pure.
//!
//! Source: golang.org/x/net/http/httpproxy, `client-go/tools/clientcmd/client_config.go` (`ClientConfig`).

use std::net::IpAddr;

use anyhow::{Result, anyhow, bail};
use http::{Uri, uri};

use super::Env;

/// The proxy for a cluster, if any.
pub(super) fn choose(cluster: &Uri, proxy_url: Option<&str>, env: &Env) -> Result<Option<Uri>> {
    // NO_PROXY is about the environment's proxy; one in the kubeconfig is meant for this very cluster.
    if let Some(proxy) = proxy_url {
        return parse(proxy, "proxy-url of the kubeconfig").map(Some);
    }
    let (variable, proxy) = match cluster.scheme_str() {
        Some("https") => ("HTTPS_PROXY", &env.https_proxy),
        _ => ("HTTP_PROXY", &env.http_proxy),
    };
    match proxy {
        Some(proxy) if !exempt(cluster, env.no_proxy.as_deref().unwrap_or_default()) => {
            parse(proxy, variable).map(Some)
        }
        _ => Ok(None),
    }
}

/// `host:port` means `http://host:port`. Credentials in the value must not get into an error.
fn parse(proxy: &str, source: &str) -> Result<Uri> {
    let with_scheme = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    let parsed: Uri = with_scheme
        .parse()
        .map_err(|_| anyhow!("the {source} is not the URL of a proxy"))?;
    match parsed.scheme_str() {
        Some("http" | "https") => Ok(parsed),
        // kube knows one name for both; the proxy resolves the host in either case.
        Some("socks5" | "socks5h") => socks(parsed).map_err(|_| anyhow!("the {source} is not the URL of a proxy")),
        scheme => bail!(
            "the {source} has the scheme {:?}; a proxy is reached by http, https or socks5",
            scheme.unwrap_or_default()
        ),
    }
}

fn socks(proxy: Uri) -> Result<Uri> {
    let mut parts = proxy.into_parts();
    let authority = parts.authority.take().ok_or_else(|| anyhow!("no host"))?;
    let port = if authority.port().is_some() { "" } else { ":1080" };
    parts.authority = Some(format!("{authority}{port}").parse()?);
    parts.scheme = Some("socks5".parse::<uri::Scheme>()?);
    Ok(Uri::from_parts(parts)?)
}

/// Whether the cluster is reached directly: `localhost`, loopback addresses, and what `NO_PROXY` names.
fn exempt(cluster: &Uri, no_proxy: &str) -> bool {
    let host = cluster
        .host()
        .unwrap_or_default()
        .trim_matches(['[', ']'])
        .to_lowercase();
    let port = super::port(cluster);
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    let mut entries = no_proxy
        .split(',')
        .map(|entry| entry.trim().to_lowercase())
        .filter(|entry| !entry.is_empty());
    entries.any(|entry| entry == "*" || matches(&entry, &host, port, address))
}

fn matches(entry: &str, host: &str, port: u16, address: Option<IpAddr>) -> bool {
    if let Some((network, bits)) = cidr(entry) {
        return address.is_some_and(|address| within(address, network, bits));
    }
    let (name, wanted) = split_port(entry);
    if wanted.is_some_and(|wanted| wanted != port) {
        return false;
    }
    if let Ok(named) = name.parse::<IpAddr>() {
        return address.is_some_and(|address| address.to_canonical() == named.to_canonical());
    }
    if address.is_some() || name.is_empty() {
        return false;
    }
    // `example.com` is the host and all below it, `.example.com` and `*.example.com` only what is below it.
    match name.strip_prefix("*.").or_else(|| name.strip_prefix('.')) {
        Some(domain) => below(host, domain),
        None => host == name || below(host, name),
    }
}

fn below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The host, and the port if one is given; the colons of a bare IPv6 address are none.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[') {
        let (host, after) = rest.split_once(']').unwrap_or((rest, ""));
        return (host, after.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, port.parse().ok()),
        _ => (entry, None),
    }
}

fn cidr(entry: &str) -> Option<(IpAddr, u32)> {
    let (network, bits) = entry.split_once('/')?;
    let (network, bits) = (network.parse::<IpAddr>().ok()?, bits.parse().ok()?);
    (bits <= if network.is_ipv4() { 32 } else { 128 }).then_some((network, bits))
}

fn within(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address.to_canonical(), network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => {
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            address.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(cluster: &str, no_proxy: &str) -> bool {
        let env = Env {
            https_proxy: Some("http://proxy.corp:3128".into()),
            no_proxy: Some(no_proxy.into()),
            ..Env::default()
        };
        choose(&cluster.parse().unwrap(), None, &env).unwrap().is_some()
    }

    #[test]
    fn no_proxy_is_compared_with_the_cluster_not_with_the_proxy() {
        assert!(!proxied("https://10.0.0.1:6443", "10.0.0.0/8"));
        assert!(proxied("https://10.0.0.1:6443", "proxy.corp"));
    }

    #[test]
    fn no_proxy_names_hosts_as_go_reads_it() {
        for entry in [
            "api.corp",
            "corp",
            ".corp",
            "*.corp",
            "API.Corp",
            "api.corp:6443",
            "a,, api.corp ,",
            "*",
        ] {
            assert!(!proxied("https://api.corp:6443", entry), "{entry}");
        }
        for entry in [
            "",
            ",",
            "pi.corp",
            ".api.corp",
            "*.api.corp",
            "api.corp:443",
            ":6443",
            "10.0.0.0/8",
        ] {
            assert!(proxied("https://api.corp:6443", entry), "{entry}");
        }
        assert!(!proxied("https://api.corp", "api.corp:443"));
    }

    #[test]
    fn no_proxy_names_addresses_as_go_reads_it() {
        for entry in ["10.1.2.3", "10.1.2.3:6443", "10.1.2.0/24", "0.0.0.0/0"] {
            assert!(!proxied("https://10.1.2.3:6443", entry), "{entry}");
        }
        for entry in [
            "10.1.2.4",
            "10.1.2.3:443",
            "10.1.3.0/24",
            "10.0.0.0/33",
            ".2.3",
            "2.3",
            "::/0",
        ] {
            assert!(proxied("https://10.1.2.3:6443", entry), "{entry}");
        }
        for entry in ["fd00::1", "[fd00::1]:6443", "fd00::/8"] {
            assert!(!proxied("https://[fd00::1]:6443", entry), "{entry}");
        }
        assert!(proxied("https://[fd00::1]:6443", "fe80::/10"));
    }

    #[test]
    fn this_machine_is_never_reached_through_the_environments_proxy() {
        for cluster in [
            "https://localhost:6443",
            "https://127.0.0.1:6443",
            "https://127.8.8.8",
            "https://[::1]:6443",
        ] {
            assert!(!proxied(cluster, ""), "{cluster}");
        }
    }

    #[test]
    fn the_scheme_of_the_cluster_chooses_the_variable() {
        let env = Env {
            https_proxy: Some("http://secure:1".into()),
            ..Env::default()
        };
        assert_eq!(choose(&"http://api.corp".parse().unwrap(), None, &env).unwrap(), None);
    }

    #[test]
    fn the_kubeconfigs_proxy_beats_the_environment_and_no_proxy() {
        let env = Env {
            https_proxy: Some("other:1".into()),
            no_proxy: Some("*".into()),
            ..Env::default()
        };
        let chosen = choose(&"https://api.corp".parse().unwrap(), Some("http://mine:8080"), &env).unwrap();
        assert_eq!(chosen, Some("http://mine:8080".parse().unwrap()));
    }

    #[test]
    fn a_proxy_without_scheme_speaks_http_and_socks5h_is_socks5() {
        assert_eq!(
            parse("proxy.corp:3128", "x").unwrap(),
            "http://proxy.corp:3128".parse::<Uri>().unwrap()
        );
        assert_eq!(parse("socks5h://p", "x").unwrap().to_string(), "socks5://p:1080/");
        assert!(
            parse("ftp://p", "HTTPS_PROXY")
                .unwrap_err()
                .to_string()
                .contains("http, https or socks5")
        );
    }

    #[test]
    fn a_password_in_a_proxy_that_is_no_url_is_not_repeated() {
        let err = parse("http://me:hunter2@a b", "HTTPS_PROXY").unwrap_err();
        assert!(!format!("{err:?}").contains("hunter2"), "{err:?}");
    }
}
