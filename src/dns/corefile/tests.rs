//! Corefiles as distributions make them.

use super::*;

const KUBEADM: &str = "\
.:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30 {
       disable success cluster.local
       disable denial cluster.local
    }
    loop
    reload
    loadbalance
}
";

/// `manifests/coredns.yaml` of k3s.
const K3S: &str = "\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    hosts /etc/coredns/NodeHosts {
      ttl 60
      reload 15s
      fallthrough
    }
    prometheus :9153
    cache 30
    loop
    reload
    loadbalance
    import /etc/coredns/custom/*.override
    forward . /etc/resolv.conf
}
import /etc/coredns/custom/*.server
";

const EKS: &str = "\
.:53 {
    errors
    health {
        lameduck 5s
      }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
";

const AKS: &str = "\
.:53 {
    errors
    ready
    health {
      lameduck 5s
    }
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
      ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
    import custom/*.override
}
import custom/*.server
";

/// `pkg/operator/controller/controller_dns_configmap.go` of OpenShift's DNS operator, with a server of an administrator.
const OPENSHIFT: &str = "\
# example
example.com:5353 {
    prometheus 127.0.0.1:9153
    forward . 1.1.1.1 2.2.2.2:5353 {
        policy random
    }
    errors
    log . {
        class error
    }
    bufsize 1232
    cache 900 {
        denial 9984 30
    }
}
.:5353 {
    bufsize 1232
    errors
    log . {
        class error
    }
    health {
        lameduck 20s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
    }
    prometheus 127.0.0.1:9153
    forward . /etc/resolv.conf {
        policy sequential
    }
    cache 900 {
        denial 9984 30
    }
    reload
}
hostname.bind:5353 {
    chaos
}
";

/// What `nodelocaldns.yaml` of Kubernetes becomes.
const NODE_LOCAL: &str = "\
cluster.local:53 {
    errors
    cache {
            success 9984 30
            denial 9984 5
    }
    reload
    loop
    bind 169.254.20.10 10.96.0.10
    forward . 10.96.0.11 {
            force_tcp
    }
    prometheus :9253
    health 169.254.20.10:8080
    }
.:53 {
    errors
    cache 30
    bind 169.254.20.10 10.96.0.10
    forward . /etc/resolv.conf
    }
";

const WEB: &str = "web-0.web.shop.svc.cluster.local";

fn read(text: &str) -> Corefile {
    let read = Corefile::parse(text, &BTreeMap::new());
    assert_eq!(read.unread, [], "{text}");
    read
}

fn unread(text: &str) -> Vec<(usize, String)> {
    let read = Corefile::parse(text, &BTreeMap::new());
    read.unread
        .into_iter()
        .map(|unread| (unread.line, unread.what))
        .collect()
}

#[test]
fn each_distribution_s_is_read() {
    for (text, ttl, denial, success) in [
        (KUBEADM, 30, None, None),
        (K3S, 5, Some(5), Some(5)),
        (EKS, 5, Some(5), Some(5)),
        (AKS, 30, Some(30), Some(30)),
        (OPENSHIFT, 5, Some(5), Some(5)),
    ] {
        let corefile = read(text);
        let server = corefile.server(WEB, None).unwrap();
        let kubernetes = server.kubernetes().unwrap();
        assert_eq!(kubernetes.zones, ["cluster.local", "in-addr.arpa", "ip6.arpa"]);
        assert_eq!(
            (kubernetes.primary_zone(), kubernetes.ttl),
            (Some("cluster.local"), ttl),
            "{text}"
        );
        assert_eq!(kubernetes.fallthrough, ["in-addr.arpa", "ip6.arpa"]);
        assert_eq!(
            (server.repeats_denial(WEB), server.repeats(WEB)),
            (denial, success),
            "{text}"
        );
        assert!(kubernetes.serves(WEB) && !kubernetes.serves("example.com"));
    }
    let names: Vec<_> = read(KUBEADM).blocks[0]
        .plugins
        .iter()
        .map(|plugin| plugin.name.clone())
        .collect();
    let order = "errors health ready kubernetes prometheus forward cache loop reload loadbalance";
    assert_eq!(names.join(" "), order);
}

#[test]
fn the_longest_zone_at_the_port_answers() {
    let corefile = read(OPENSHIFT);
    let zone = |name, port| Some(corefile.server(name, port)?.addresses[0].zone.as_str());
    assert_eq!(zone("a.example.com", Some(5353)), Some("example.com"));
    assert_eq!(zone(WEB, Some(5353)), Some(""));
    assert_eq!((zone(WEB, Some(53)), zone(WEB, None)), (None, Some("")));
    let cache = read(NODE_LOCAL);
    let server = cache.server(WEB, Some(53)).unwrap();
    assert_eq!(server.addresses[0].zone, "cluster.local");
    assert_eq!((server.kubernetes(), server.repeats_denial(WEB)), (None, None));
    // It keeps what the cluster's servers said.
    assert_eq!(server.cache().unwrap().keeps_denial(WEB, 30), Some(5));
    let viewed = read(". {\n view odd {\n expr true\n }\n}\n. {\n errors\n}\ntls://. {\n whoami\n}");
    assert_eq!(viewed.server(WEB, None).unwrap().line, 6);
}

#[test]
fn several_zones_share_a_block() {
    let corefile =
        read("cluster.local:1053, in-addr.arpa:1053,\n dns://corp.example {\n kubernetes {\n noendpoints\n }\n}");
    let zones: Vec<_> = corefile.blocks[0]
        .addresses
        .iter()
        .map(|at| format!("{}:{}", at.zone, at.port))
        .collect();
    assert_eq!(zones, ["cluster.local:1053", "in-addr.arpa:1053", "corp.example:53"]);
    let kubernetes = corefile.blocks[0].kubernetes().unwrap();
    assert_eq!(kubernetes.zones, ["cluster.local", "in-addr.arpa", "corp.example"]);
    assert!(kubernetes.no_endpoints);
    assert_eq!(read("cluster.local\nkubernetes\ncache 10").blocks[0].plugins.len(), 2);
}

#[test]
fn what_withholds_names_is_read() {
    let corefile = read(
        "cluster.local {\n kubernetes {\n namespaces shop prod\n namespaces test\n labels app in (a, b)\n namespace_labels dns=yes\n \
         endpoint_pod_names\n ignore empty_service\n fallthrough\n ttl 600\n }\n cache\n}",
    );
    let block = &corefile.blocks[0];
    let kubernetes = block.kubernetes().unwrap();
    assert_eq!(kubernetes.namespaces, ["shop", "prod", "test"]);
    assert_eq!(kubernetes.labels.as_deref(), Some("app in (a, b)"));
    assert_eq!(kubernetes.namespace_labels.as_deref(), Some("dns=yes"));
    assert!(kubernetes.endpoint_pod_names && kubernetes.ignore_empty_service && !kubernetes.no_endpoints);
    assert_eq!(kubernetes.fallthrough, [""]);
    // A SOA record is kept for 300 seconds at most.
    assert_eq!((block.repeats(WEB), block.repeats_denial(WEB)), (Some(600), Some(300)));
}

#[test]
fn a_cache_has_bounds_and_exceptions() {
    let cache = |text: &str| {
        read(&format!("cluster.local {{\n{text}\n}}")).blocks[0]
            .cache()
            .unwrap()
    };
    let plain = cache("cache");
    assert_eq!(
        (plain.keeps(WEB, 9999), plain.keeps_denial(WEB, 9999)),
        (Some(3600), Some(1800))
    );
    // What may not be kept is kept for five seconds all the same.
    assert_eq!((plain.keeps(WEB, 0), plain.keeps_denial(WEB, 0)), (Some(5), Some(5)));
    assert_eq!(plain.keeps("example.com", 60), None);
    let told = cache(
        "cache 60 {\n success 10 20\n denial 10 8 0\n disable success web.shop.svc.cluster.local\n serve_stale\n}",
    );
    assert_eq!(
        (told.keeps(WEB, 30), told.keeps("a.cluster.local", 30)),
        (None, Some(20))
    );
    assert_eq!((told.keeps_denial(WEB, 30), told.keeps_denial(WEB, 0)), (Some(8), None));
    assert_eq!(told.serve_stale.as_deref(), Some("1h"));
    assert_eq!(
        cache("cache cluster.local {\n disable denial\n}").keeps_denial(WEB, 30),
        None
    );
    assert_eq!(cache("cache 30 other.zone").keeps(WEB, 30), None);
}

#[test]
fn plugins_that_come_before_are_named() {
    let touched = |text: &str| {
        let corefile = read(&format!(".:53 {{\n{text}\nkubernetes cluster.local\n}}"));
        let touches: Vec<_> = corefile.blocks[0]
            .touches(WEB)
            .iter()
            .map(|touch| touch.certain)
            .collect();
        touches
    };
    for certain in [
        "rewrite name web-0.web.shop.svc.cluster.local. other.example",
        "rewrite stop name suffix .shop.svc.cluster.local .prod.svc.cluster.local",
        "rewrite name substring .svc. .x.",
        "rewrite continue {\n name prefix web- db-\n answer auto\n}",
        "template IN A cluster.local {\n match web\n rcode NXDOMAIN\n}",
        "template ANY ANY {\n rcode REFUSED\n}",
        "hosts {\n 10.0.0.1 WEB-0.web.shop.svc.cluster.local\n fallthrough\n}",
        "hosts {\n 10.0.0.1 other\n}",
    ] {
        assert_eq!(touched(certain), [true], "{certain}");
    }
    for perhaps in [
        "rewrite name regex (.*)\\.web\\.shop (.*)",
        "template IN AAAA {\n match .*\n fallthrough\n}",
        "hosts /etc/coredns/NodeHosts {\n fallthrough\n}",
        "acl {\n block net 10.0.0.0/8\n}",
    ] {
        assert_eq!(touched(perhaps), [false], "{perhaps}");
    }
    for never in [
        "rewrite name other.example web-0.web.shop.svc.cluster.local",
        "rewrite type ANY HINFO",
        "rewrite ttl web-0.web.shop.svc.cluster.local 5",
        "template IN PTR {\n rcode NXDOMAIN\n}",
        "template IN A example.com {\n rcode NXDOMAIN\n}",
        "hosts {\n 10.0.0.1 other\n fallthrough\n}",
        "hosts /etc/hosts example.com {\n}",
    ] {
        assert!(touched(never).is_empty(), "{never}");
    }
}

#[test]
fn imports_are_snippets_and_files() {
    let pieces = BTreeMap::from([
        ("log.override".to_owned(), "log".to_owned()),
        (
            "corp.server".to_owned(),
            "corp.example:53 {\n forward . 10.0.0.9\n}".to_owned(),
        ),
    ]);
    let corefile = Corefile::parse(AKS, &pieces);
    assert!(corefile.blocks[0].has("log") && corefile.unread.is_empty());
    assert_eq!(
        corefile.server("db.corp.example", None).unwrap().plugins[0].name,
        "forward"
    );
    let alone = read(AKS);
    assert_eq!(alone.empty_imports, ["custom/*.override", "custom/*.server"]);
    let snippet = read("(common) {\n errors\n cache 7 {\n disable denial\n }\n}\n. {\n import common\n whoami\n}");
    let names: Vec<_> = snippet.blocks[0]
        .plugins
        .iter()
        .map(|plugin| plugin.name.as_str())
        .collect();
    assert_eq!(names, ["errors", "cache", "whoami"]);
    assert_eq!(snippet.blocks.len(), 1);
    // In the block of a plugin, too.
    let inner = read("(quick) {\n ttl 1\n}\n. {\n kubernetes cluster.local {\n import quick\n }\n}");
    assert_eq!(inner.blocks[0].kubernetes().unwrap().ttl, 1);
}

#[test]
fn what_cannot_be_read_is_said() {
    let said = |line: usize, what: &str| vec![(line, what.to_owned())];
    assert_eq!(unread(". {\n errors"), said(1, "a brace is not closed"));
    assert_eq!(unread(". {\n errors\n}\n}"), said(4, "a brace closes nothing"));
    assert_eq!(
        unread(". {\n import missing\n}"),
        said(2, "import missing: neither a snippet nor a file that is known")
    );
    assert_eq!(unread("a..b {\n}"), said(1, "\"a..b\" is no zone"));
    assert_eq!(unread(". {\n import\n}"), said(2, "an import names nothing"));
    let variable = Corefile::parse(".:53 {\n kubernetes {$DOMAIN} in-addr.arpa\n}", &BTreeMap::new());
    assert_eq!(variable.unread[0].what, "{$DOMAIN} is set by the server's environment");
    assert_eq!(variable.kubernetes_zones().collect::<Vec<_>>(), ["in-addr.arpa"]);
    let circle = BTreeMap::from([("a".to_owned(), "import a\nimport a".to_owned())]);
    let circle = Corefile::parse("import a", &circle);
    assert!(circle.unread[0].what.contains("more imports"), "{:?}", circle.unread);
}

/// Cuts, doubles and swaps parts of texts: nothing panics, and it ends.
#[test]
fn no_text_breaks_the_parser() {
    let sources = [
        KUBEADM,
        K3S,
        EKS,
        AKS,
        OPENSHIFT,
        NODE_LOCAL,
        "(a) {\n import a\n import b }\n b, \"x\ny\" {$A} { # }",
    ];
    let pieces = BTreeMap::from([
        ("a.server".to_owned(), K3S.to_owned()),
        ("b.override".to_owned(), "} {".to_owned()),
    ]);
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        // Marsaglia's xorshift: the same texts each time.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % (below.max(1) as u64)).unwrap()
    };
    let odd = [
        "{",
        "}",
        "\"",
        "\\",
        "#",
        "import ",
        "(a) {",
        "\n",
        ",",
        "://",
        ":",
        "/33",
        "{$X}",
        "é",
        "10.0.0.0/1",
        "::/1",
    ];
    for round in 0..3_000 {
        let mut text: Vec<char> = sources[round % sources.len()].chars().collect();
        for _ in 0..=random(6) {
            let at = random(text.len());
            match random(4) {
                0 => text.truncate(at),
                1 => drop(text.drain(at..(at + random(20)).min(text.len()))),
                2 => {
                    let part: Vec<char> = text[at..(at + random(40)).min(text.len())].to_vec();
                    let to = random(text.len());
                    text.splice(to..to, part);
                }
                _ => drop(text.splice(at..at, odd[random(odd.len())].chars())),
            }
        }
        let text: String = text.into_iter().collect();
        let corefile = Corefile::parse(&text, &pieces);
        corefile.kubernetes_zones().for_each(drop);
        if let Some(server) = corefile.server(WEB, None) {
            let _ = (server.repeats(WEB), server.repeats_denial(WEB), server.touches(WEB));
        }
    }
}
