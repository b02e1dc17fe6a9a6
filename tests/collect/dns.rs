//! What `dns` reads of the cluster's DNS: these requests and no others, each refusal named, and what a recording keeps.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    cluster,
    fake_api::{Answer, FakeApi},
    run,
    scenario::tool,
    served::{Fault, behind, recorded},
    text,
};

/// A cluster with DNS servers, caches on nodes, and policies.
const CASE: &str = "dns/policies-and-node-cache";

/// The set's namespace, and the cluster's DNS by its label.
const FIRST: [&str; 11] = [
    "GET /api/v1/namespaces/shop/events?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/pods?limit=500 HTTP/1.1",
    "GET /api/v1/namespaces/shop/services?limit=500 HTTP/1.1",
    "GET /api/v1/pods?limit=500&labelSelector=k8s-app%20in%20%28coredns%2Ckube-dns%2Cnode-local-dns%29 HTTP/1.1",
    "GET /api/v1/services?limit=500&labelSelector=k8s-app%20in%20%28coredns%2Ckube-dns%2Cnode-local-dns%29 HTTP/1.1",
    "GET /apis/apps/v1/daemonsets?limit=500&labelSelector=k8s-app%20in%20%28coredns%2Ckube-dns%2Cnode-local-dns%29 HTTP/1.1",
    "GET /apis/apps/v1/namespaces/shop/statefulsets?limit=500 HTTP/1.1",
    "GET /apis/discovery.k8s.io/v1/endpointslices?limit=500&labelSelector=k8s-app%20in%20%28coredns%2Ckube-dns%2Cnode-local-dns%29 HTTP/1.1",
    "GET /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?limit=500 HTTP/1.1",
    "GET /apis/networking.k8s.io/v1/namespaces/shop/networkpolicies?limit=500 HTTP/1.1",
    "GET /version HTTP/1.1",
];

/// Both rounds, each sorted.
fn rounds(api: &FakeApi) -> (Vec<String>, Vec<String>) {
    let lines = api.lines();
    let (first, second) = lines.split_at(FIRST.len().min(lines.len()));
    let sorted = |lines: &[String]| {
        let mut lines = lines.to_vec();
        lines.sort();
        lines
    };
    (sorted(first), sorted(second))
}

/// The answer in JSON, and the exit code.
fn asked(test: &str, api: &FakeApi) -> (Value, Option<i32>) {
    let answer = run(test, api, &["dns", "web", "-n", "shop", "-o", "json"]);
    let json = serde_json::from_slice(&answer.stdout).unwrap_or_else(|_| panic!("{}", text(&answer.stderr)));
    (json, answer.status.code())
}

fn not_checked(answer: &Value) -> Vec<String> {
    let gaps = answer["sets"][0]["notChecked"].as_array().unwrap().iter();
    gaps.map(|gap| format!("{}: {}", gap["what"].as_str().unwrap(), gap["why"].as_str().unwrap()))
        .collect()
}

/// The part of a recording that is the cluster's DNS.
fn part<'c>(cluster: &'c mut Value, resource: &str) -> &'c mut Vec<Value> {
    let mut lists = cluster["lists"].as_array_mut().unwrap().iter_mut();
    let list = lists.find(|list| list["resource"] == resource && list["part"] == "clusterDns");
    list.unwrap()["items"].as_array_mut().unwrap()
}

#[test]
fn two_rounds_whatever_the_number_of_servers() {
    let mut served = cluster(CASE);
    let of_config = |name: &str| format!("GET /api/v1/namespaces/kube-system/configmaps/{name} HTTP/1.1");
    let configs = [of_config("coredns"), of_config("node-local-dns")];
    for copies in [0, 40] {
        let pods = part(&mut served, "pods");
        for n in 0..copies {
            let mut pod = pods[0].clone();
            pod["metadata"]["name"] = json!(format!("coredns-{n}"));
            pod["metadata"]["uid"] = json!(format!("copy-{n}"));
            pods.push(pod);
        }
        let api = behind(Vec::new(), recorded(served.clone()));
        let (answer, exit) = asked("dns-rounds", &api);
        assert_eq!(rounds(&api), (FIRST.map(str::to_owned).to_vec(), configs.to_vec()));
        assert_eq!((not_checked(&answer), exit), (Vec::new(), Some(0)));
        assert_eq!(
            answer["sets"][0]["domainKnownFrom"],
            "from ConfigMap kube-system/coredns"
        );
    }
}

#[test]
fn strangers_with_the_label_are_read_last_and_not_without_end() {
    let mut served = cluster(CASE);
    let pods = part(&mut served, "pods");
    for n in 0..20 {
        let mut pod = pods[0].clone();
        pod["metadata"]["namespace"] = json!("aaa");
        pod["metadata"]["uid"] = json!(format!("copy-{n}"));
        pod["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": format!("config-{n:02}")}}]);
        pods.push(pod);
    }
    let api = behind(Vec::new(), recorded(served));
    asked("dns-strangers", &api);
    let second = rounds(&api).1;
    assert_eq!(second.len(), 8, "{second:?}");
    assert!(
        second
            .iter()
            .any(|line| line.contains("/kube-system/configmaps/coredns ")),
        "{second:?}"
    );
}

#[test]
fn where_nothing_has_the_label_openshift_s_is_asked_for() {
    let api = behind(Vec::new(), recorded(cluster("healthy-ordered")));
    asked("dns-openshift", &api);
    let (first, second) = rounds(&api);
    assert_eq!(first, FIRST);
    let of = "labelSelector=dns.operator.openshift.io%2F";
    assert_eq!(
        second,
        [
            "GET /api/v1/namespaces/openshift-dns/configmaps/dns-default HTTP/1.1".to_owned(),
            format!("GET /api/v1/pods?limit=500&{of}daemonset-dns HTTP/1.1"),
            format!("GET /api/v1/services?limit=500&{of}owning-dns HTTP/1.1"),
            format!("GET /apis/apps/v1/daemonsets?limit=500&{of}owning-dns HTTP/1.1"),
            format!("GET /apis/discovery.k8s.io/v1/endpointslices?limit=500&{of}owning-dns HTTP/1.1"),
        ]
    );
}

#[test]
fn each_refusal_is_named_and_changes_no_record() {
    let served = cluster(CASE);
    let (whole, _) = asked("dns-whole", &behind(Vec::new(), recorded(served.clone())));
    for (path, named) in [
        ("v1/pods", "cluster DNS: pods: forbidden"),
        ("v1/services", "cluster DNS: services: forbidden"),
        ("apps/v1/daemonsets", "cluster DNS: daemonsets: forbidden"),
        ("v1/endpointslices", "cluster DNS: endpointslices: forbidden"),
        (
            "configmaps/coredns",
            "cluster DNS: configmaps in kube-system: forbidden",
        ),
        (
            "configmaps/node-local-dns",
            "cluster DNS: configmaps in kube-system: forbidden",
        ),
        ("shop/networkpolicies", "networkpolicies in shop: forbidden"),
    ] {
        let refused = Answer::status(403, "Forbidden", "is forbidden: User \"u\" cannot do that");
        let api = behind(
            vec![Fault::on(&format!("GET {path}"), refused)],
            recorded(served.clone()),
        );
        let (answer, exit) = asked("dns-refused", &api);
        assert!(
            not_checked(&answer).contains(&named.to_owned()),
            "{path}: {:?}",
            not_checked(&answer)
        );
        assert_eq!(answer["sets"][0]["records"], whole["sets"][0]["records"], "{path}");
        assert_eq!(exit, Some(0), "{path}");
        // A domain is known from what was read, or it is assumed. Without pods the ConfigMap goes by its usual name.
        let assumed = ["v1/services", "configmaps/coredns"].contains(&path);
        let from = &answer["sets"][0]["domainKnownFrom"];
        assert_eq!(*from == "assumed", assumed, "{path}: {from}");
    }
}

fn recording_of(test: &str, served: Value, words: &[&str]) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("capture-dns-{test}.json"));
    let api = behind(Vec::new(), recorded(served));
    let words = [&["capture", "-n", "shop", "-o", file.to_str().unwrap()], words].concat();
    let answer = run(test, &api, &words);
    assert_eq!(answer.status.code(), Some(0), "{}", text(&answer.stderr));
    file
}

#[test]
fn a_masked_recording_holds_the_corefile_and_nothing_else_of_a_config_map() {
    let mut served = cluster(CASE);
    let config = &mut part(&mut served, "configmaps")[0];
    let corefile = ".:53 {\n    kubernetes cluster.local\n    route53 example.org.:Z1 {\n        aws_access_key AKIA hunter2-key\n    }\n    \
                    tsig {\n        secret x. hunter2-secret\n    }\n    cache 30\n}\n";
    config["data"] = json!({"Corefile": corefile, "token": "hunter2-token", "log.override": "log"});
    config["binaryData"] = json!({"blob": "hunter2-blob"});
    let masked = std::fs::read_to_string(recording_of("masked", served.clone(), &[])).unwrap();
    assert!(!masked.contains("hunter2"), "{masked}");
    for kept in [
        "kubernetes cluster.local",
        "aws_access_key (masked)",
        "secret (masked)",
        "cache 30",
        "log.override",
    ] {
        assert!(masked.contains(kept), "{kept}");
    }
    let unmasked = std::fs::read_to_string(recording_of("unmasked", served, &["--unmasked"])).unwrap();
    assert!(unmasked.contains("hunter2-key") && unmasked.contains("hunter2-secret"));
    // Other keys are not recorded at all.
    assert!(!unmasked.contains("hunter2-token") && !unmasked.contains("hunter2-blob"));
}

#[test]
fn a_recording_is_answered_as_the_cluster() {
    let answer = |from: &Path| {
        let words = [
            "dns",
            "web",
            "-n",
            "shop",
            "-o",
            "json",
            "--from",
            from.to_str().unwrap(),
        ];
        let answer = tool(&words, None);
        (
            serde_json::from_slice::<Value>(&answer.stdout).unwrap()["sets"].take(),
            answer.status.code(),
        )
    };
    let (live, exit) = asked("dns-live", &behind(Vec::new(), recorded(cluster(CASE))));
    let file = recording_of("whole", cluster(CASE), &["--unmasked"]);
    assert_eq!(answer(&file), (live["sets"].clone(), exit));

    // Refusals are in it, and one from before says that it lacks all of this.
    let mut refused = cluster(CASE);
    for list in refused["lists"].as_array_mut().unwrap() {
        if list["part"] == "clusterDns" {
            list["items"] = json!([]);
            list["gaps"] = json!([{"reason": "forbidden"}]);
        }
    }
    let (said, _) = answer(&recording_of("refused", refused, &[]));
    let gaps = not_checked(&json!({"sets": said}));
    let named = |why: &str| {
        ["daemonsets", "endpointslices", "pods", "services"].map(|what| format!("cluster DNS: {what}: {why}"))
    };
    assert_eq!(gaps, named("forbidden"));
    let before = crate::scenario::root().join("tests/clusters/healthy-ordered/cluster.json");
    let (said, exit) = answer(&before);
    let mut expected = named("not in the file").to_vec();
    expected.push("networkpolicies: not in the file".to_owned());
    assert_eq!((not_checked(&json!({"sets": said})), exit), (expected, Some(0)));
}
