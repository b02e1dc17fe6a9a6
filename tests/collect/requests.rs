//! Which requests are made: these, and no others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    cluster,
    fake_api::FakeApi,
    items, run,
    served::{behind, recorded},
    with_pods,
};

/// The first round over the namespace `shop`.
const FIRST: [&str; 10] = [
    "GET /api/v1/namespaces/shop/events?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/persistentvolumeclaims?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/pods?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/services?limit=500 HTTP/1.1",
    "GET /api/v1/nodes?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/namespaces/shop/controllerrevisions?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/namespaces/shop/statefulsets?limit=500 HTTP/1.1",
    "GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?limit=500 HTTP/1.1",
    "GET /apis/storage.k8s.io/v1/storageclasses?limit=500 HTTP/1.1",
    "GET /version HTTP/1.1",
];

/// What a waiting claim adds.
const SECOND: [&str; 8] = [
    "GET /api/v1/persistentvolumes?limit=500 HTTP/1.1",
    "GET /api/v1/pods?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/daemonsets?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/deployments?limit=500 HTTP/1.1",
    "GET /apis/apps/v1/statefulsets?limit=500 HTTP/1.1",
    "GET /apis/coordination.k8s.io/v1/leases?limit=500 HTTP/1.1",
    "GET /apis/storage.k8s.io/v1/csidrivers?limit=500 HTTP/1.1",
    "GET /apis/storage.k8s.io/v1/csinodes?limit=500 HTTP/1.1",
];

fn sorted(api: &FakeApi) -> Vec<String> {
    let mut lines = api.lines();
    lines.sort();
    lines
}

fn expected(more: &[&str]) -> Vec<String> {
    let lines: BTreeSet<&str> = FIRST.iter().chain(more).copied().collect();
    lines.into_iter().map(str::to_owned).collect()
}

/// Serves a cluster, lets the tool look at the namespace `shop`, and gives the server back.
fn asked(test: &str, cluster: Value, words: &[&str]) -> FakeApi {
    let api = behind(Vec::new(), recorded(cluster));
    let answer = run(test, &api, &[words, &["-n", "shop"]].concat());
    assert!(answer.status.code() != Some(1), "{answer:?}");
    api
}

#[test]
fn where_no_claim_waits_the_volumes_of_the_sets_are_read_by_name() {
    for words in [
        &["diagnose"][..],
        &["status"],
        &["status", "web"],
        &["status", "pod/web-1"],
    ] {
        let api = asked("by-name", cluster("healthy-ordered"), words);
        let volumes: Vec<_> = items(&mut cluster("healthy-ordered"), "persistentvolumes")
            .iter()
            .map(|volume| {
                let name = volume["metadata"]["name"].as_str().unwrap();
                format!("GET /api/v1/persistentvolumes/{name} HTTP/1.1")
            })
            .collect();
        assert_eq!(volumes.len(), 3);
        let volumes: Vec<_> = volumes.iter().map(String::as_str).collect();
        assert_eq!(sorted(&api), expected(&volumes), "{words:?}");
    }
}

#[test]
fn of_sets_that_were_not_named_no_volume_is_read() {
    let mut cluster = cluster("healthy-ordered");
    let mut other = items(&mut cluster, "statefulsets")[0].clone();
    other["metadata"]["name"] = json!("other");
    other["metadata"]["uid"] = json!("other");
    other["spec"]["replicas"] = json!(0);
    items(&mut cluster, "statefulsets").push(other);
    let api = asked("not-named", cluster, &["status", "other"]);
    assert_eq!(sorted(&api), expected(&[]));
}

#[test]
fn many_volumes_are_listed() {
    let mut cluster = cluster("healthy-ordered");
    let claims = items(&mut cluster, "persistentvolumeclaims");
    let copy = claims[0].clone();
    for ordinal in 3..33 {
        let mut claim = copy.clone();
        claim["metadata"]["name"] = json!(format!("data-web-{ordinal}"));
        claim["metadata"]["uid"] = json!(format!("copy-{ordinal}"));
        claims.push(claim);
    }
    let api = asked("many-volumes", cluster, &["status", "web"]);
    let list = "GET /api/v1/persistentvolumes?limit=500 HTTP/1.1";
    assert_eq!(sorted(&api), expected(&[list]));
}

#[test]
fn a_waiting_claim_asks_for_what_could_provision_it_and_for_its_driver() {
    let api = asked("two-rounds", cluster("provisioner-hidden-csidriver"), &["diagnose"]);
    let driver = "GET /apis/storage.k8s.io/v1/csidrivers/ebs.csi.example.com HTTP/1.1";
    assert_eq!(sorted(&api), expected(&[SECOND.as_slice(), &[driver]].concat()));
    // The second round comes second.
    let lines = api.lines();
    assert!(
        lines[..FIRST.len()].iter().all(|line| FIRST.contains(&line.as_str())),
        "{lines:?}"
    );
}

#[test]
fn a_name_that_no_object_can_have_is_not_asked_for() {
    let api = asked("impossible-name", cluster("provisioner-not-deployed"), &["diagnose"]);
    assert_eq!(sorted(&api), expected(&SECOND));
}

#[test]
fn a_service_that_is_not_listed_is_asked_for_by_name() {
    let api = asked("service", cluster("service-missing"), &["diagnose"]);
    let service = "GET /api/v1/namespaces/shop/services/web-headless HTTP/1.1";
    assert_eq!(sorted(&api), expected(&[service]));
}

#[test]
fn names_from_objects_cannot_lead_a_request_elsewhere() {
    for name in [
        "../secrets/token",
        "..",
        "a/../../secrets",
        "x?watch=true",
        "a b\r\nX: y",
    ] {
        let mut cluster = cluster("healthy-ordered");
        items(&mut cluster, "statefulsets")[0]["spec"]["serviceName"] = json!(name);
        items(&mut cluster, "persistentvolumeclaims")[0]["spec"]["volumeName"] = json!(name);
        let api = asked("traversal", cluster, &["diagnose"]);
        let mut more = sorted(&api);
        more.retain(|line| !FIRST.contains(&line.as_str()) && !line.contains("/persistentvolumes/pvc-"));
        let below = |line: &String| {
            let name = ["namespaces/shop/services/", "persistentvolumes/"]
                .iter()
                .find_map(|kind| line.strip_prefix("GET /api/v1/")?.strip_prefix(kind))
                .unwrap();
            !name.trim_end_matches(" HTTP/1.1").contains(['/', '?', ' '])
        };
        assert!(more.len() <= 2 && more.iter().all(below), "{name:?}: {more:?}");
    }
}

#[test]
fn over_all_namespaces_no_list_is_asked_for_twice() {
    let api = behind(Vec::new(), recorded(cluster("provisioner-hidden-csidriver")));
    run("all", &api, &["diagnose", "-A"]);
    let lines = sorted(&api);
    let once: BTreeSet<_> = lines.iter().collect();
    assert_eq!(once.len(), lines.len(), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("/namespaces/")), "{lines:?}");
}

#[test]
fn more_pods_are_no_more_requests_but_for_pages_of_500() {
    let lines = |pods: usize| {
        sorted(&asked(
            "pods",
            with_pods(cluster("crash-loop-oom"), pods),
            &["diagnose"],
        ))
    };
    assert_eq!(lines(1), lines(50));
    let many = lines(1200);
    let pages: Vec<_> = many.iter().filter(|line| line.contains("/pods?")).collect();
    assert_eq!(
        pages,
        [
            "GET /api/v1/namespaces/shop/pods?limit=500 HTTP/1.1",
            "GET /api/v1/namespaces/shop/pods?limit=500&continue=at%3D1000 HTTP/1.1",
            "GET /api/v1/namespaces/shop/pods?limit=500&continue=at%3D500 HTTP/1.1",
        ]
    );
    assert_eq!(many.len(), FIRST.len() + 2);
}

#[test]
fn every_request_is_a_get_that_takes_gzip_and_none_is_for_secrets() {
    for name in crate::recordings() {
        let api = behind(Vec::new(), recorded(cluster(&name)));
        for words in [
            ["diagnose", "-A"].as_slice(),
            &["capture", "-A", "-o", "-"],
            &["status", "-A"],
        ] {
            run("gets", &api, words);
        }
        let seen = api.seen();
        assert!(seen.len() > 30);
        for request in seen {
            assert!(request.line.starts_with("GET "), "{}", request.line);
            assert!(!request.line.contains("secrets"), "{}", request.line);
            assert_eq!(request.header("accept-encoding"), Some("gzip"));
        }
    }
}
