//! A server that refuses, breaks or is silent: a gap that is named or one clear sentence, never another verdict.

use kubectl_sts::cluster::collect::Keep;
use kubectl_sts::diagnose::{SetReport, Verdict, diagnose};
use kubectl_sts::model::gap::GapReason;
use kubectl_sts::model::link::link;
use kubectl_sts::model::resource::Resource;
use kubectl_sts::model::rounds::{DIAGNOSIS, PROVISIONERS};
use kubectl_sts::model::snapshot::Scope;

use crate::{
    cluster, collected,
    fake_api::{Answer, FakeApi},
    recordings, reports, run, scenario,
    scene::Scene,
    served::{Fault, behind, recorded, upstream},
    text, with_pods,
};

/// Everything that a diagnosis lists.
fn lists() -> Vec<Resource> {
    let mut all: Vec<_> = DIAGNOSIS.into_iter().chain(PROVISIONERS).collect();
    all.sort();
    all.dedup();
    all
}

fn on(resource: Resource) -> String {
    format!("GET {}", resource.info().plural)
}

fn forbidden() -> Answer {
    Answer::status(403, "Forbidden", "is forbidden: User \"u\" cannot list it")
}

/// What a server can do to one list, with how the gap says it.
fn breakages() -> Vec<(&'static str, Answer)> {
    let busy = |code| {
        let body = br#"{"kind":"Status","message":"too busy","reason":"TooManyRequests"}"#.to_vec();
        Answer::Send(code, vec!["Retry-After: 0".into()], body)
    };
    vec![
        ("too busy", busy(429)),
        (
            "etcdserver: request timed out",
            Answer::status(500, "InternalError", "etcdserver: request timed out"),
        ),
        ("", Answer::Half(br#"{"kind":"List","items":[]}"#.to_vec())),
        (
            "no list",
            Answer::json(200, r#"{"kind":"PodList","items":[{"metadata":"#),
        ),
        (
            "no list",
            Answer::Send(
                200,
                vec!["Content-Type: text/html".into()],
                b"<html>log in</html>".to_vec(),
            ),
        ),
        ("no list", Answer::json(200, "{}")),
        ("no list", Answer::json(200, r#"{"kind":"Status","status":"Success"}"#)),
        ("no list", Answer::json(200, r#"{"kind":"SecretList","items":[]}"#)),
        ("", Answer::Close),
        ("the list changed", Answer::status(410, "Expired", "too old")),
    ]
}

/// Whether one answer may stand in the place of another when something was not read.
fn same_or_unknown(whole: &[SetReport], part: &[SetReport]) -> Result<(), String> {
    for part in part {
        let whole = whole
            .iter()
            .find(|whole| (&whole.namespace, &whole.name) == (&part.namespace, &part.name));
        let whole = whole.ok_or(format!("set {} came from nowhere", part.name))?;
        if ![whole.verdict, Verdict::Unknown].contains(&part.verdict) {
            return Err(format!(
                "{:?} became {:?}: {}",
                whole.verdict, part.verdict, part.summary
            ));
        }
    }
    Ok(())
}

fn names(report: &SetReport, resource: Resource) -> bool {
    let plural = resource.info().plural;
    report.not_checked.iter().any(|gap| gap.what == plural)
}

#[tokio::test]
async fn a_refused_list_is_named_and_changes_no_verdict_but_to_unknown() {
    let mut wrong = Vec::new();
    for name in recordings() {
        let served = cluster(&name);
        let refuses = |list: &serde_json::Value| list["gaps"] != serde_json::json!([]);
        if served["lists"].as_array().unwrap().iter().any(refuses) {
            continue;
        }
        let whole = reports("whole", &behind(Vec::new(), recorded(served.clone())))
            .await
            .unwrap();
        for resource in lists()
            .into_iter()
            .filter(|resource| *resource != Resource::StatefulSets)
        {
            let api = behind(vec![Fault::on(&on(resource), forbidden())], recorded(served.clone()));
            let part = reports("refused", &api).await.unwrap();
            let asked = api
                .lines()
                .iter()
                .any(|line| line.contains(&format!("/{}?", resource.info().plural)));
            let mut complain = |text: String| wrong.push(format!("{name} without {resource:?}: {text}"));
            same_or_unknown(&whole, &part).unwrap_or_else(&mut complain);
            if asked && !part.iter().all(|report| names(report, resource)) {
                complain("not named".to_owned());
            }
            if part.len() != whole.len() {
                complain("a set was lost".to_owned());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_volume_that_cannot_be_read_is_named_and_changes_no_verdict() {
    let served = cluster("claim-terminating-under-running-pod");
    let shop = || Scope::Namespace("shop".to_owned());
    let volumes = crate::items(&mut served.clone(), "persistentvolumes").clone();
    let volumes: Vec<String> = volumes
        .iter()
        .map(|volume| volume["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    let report = async |faults| {
        let api = behind(faults, recorded(served.clone()));
        let snapshot = collected("volume", &api, shop(), Keep::Nothing).await.unwrap().snapshot;
        let linked = link(&snapshot);
        diagnose(&linked, &linked.sets()[0]).1
    };
    let whole = report(Vec::new()).await;
    assert!(whole.not_checked.is_empty());
    let mut answers = breakages();
    // Single objects do not expire, and what is no list may be the object.
    answers.retain(|(says, _)| !["the list changed", "no list"].contains(says));
    answers.push(("forbidden", forbidden()));
    for (says, answer) in answers {
        let faults = volumes
            .iter()
            .map(|name| Fault::on(&format!("GET persistentvolumes/{name}"), answer.clone()));
        let part = report(faults.collect()).await;
        assert_eq!(whole.verdict, part.verdict, "{says}");
        let named = |what: &str| what == "persistentvolumes" || what.starts_with("persistentvolumes pvc-");
        let gaps: Vec<_> = part
            .not_checked
            .iter()
            .map(|gap| (gap.what.as_str(), gap.why.as_str()))
            .collect();
        assert!(!gaps.is_empty(), "{says}");
        assert!(
            gaps.iter().all(|(what, why)| named(what) && why.contains(says)),
            "{says}: {gaps:?}"
        );
        if says.contains("forbidden") {
            assert_eq!(gaps.len(), 1, "{gaps:?}");
        }
    }
}

#[tokio::test]
async fn a_broken_list_is_named_and_changes_no_verdict_but_to_unknown() {
    let mut wrong = Vec::new();
    for name in [
        "healthy-ordered",
        "provisioner-down",
        "claim-terminating-under-running-pod",
    ] {
        let served = cluster(name);
        let whole = reports("whole-broken", &behind(Vec::new(), recorded(served.clone())))
            .await
            .unwrap();
        for (says, answer) in breakages() {
            for resource in lists()
                .into_iter()
                .filter(|resource| *resource != Resource::StatefulSets)
            {
                let api = behind(vec![Fault::on(&on(resource), answer.clone())], recorded(served.clone()));
                let part = reports("broken", &api).await.unwrap();
                let asked = api
                    .lines()
                    .iter()
                    .any(|line| line.contains(&format!("/{}?", resource.info().plural)));
                let mut complain = |text: String| wrong.push(format!("{name}, {says} on {resource:?}: {text}"));
                same_or_unknown(&whole, &part).unwrap_or_else(&mut complain);
                let named = |report: &SetReport| report.not_checked.iter().any(|gap| gap.why.contains(says));
                if asked && !part.iter().all(|report| names(report, resource) && named(report)) {
                    complain(format!("not named: {:?}", part[0].not_checked));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn silence_is_a_gap_within_the_limit_of_time() {
    for answer in [Answer::Silence, Answer::HeadOnly] {
        let api = behind(
            vec![Fault::on("GET persistentvolumeclaims", answer)],
            recorded(cluster("healthy-ordered")),
        );
        let report = reports("silence", &api).await.unwrap().remove(0);
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(
            report.summary,
            "persistentvolumeclaims could not be read (no answer in time)"
        );
    }
}

#[tokio::test]
async fn an_api_group_that_the_server_lacks_is_known_to_be_empty() {
    let absent = || Answer::Send(404, vec![], b"404 page not found\n".to_vec());
    let api = behind(
        vec![
            Fault::on("GET endpointslices", absent()),
            Fault::on("GET storageclasses", absent()),
        ],
        recorded(cluster("healthy-old-failed-scheduling")),
    );
    let all = collected("no-group", &api, Scope::All, Keep::Everything).await.unwrap();
    assert!(all.snapshot.slices.complete().unwrap().is_empty());
    assert!(all.recording.unwrap().lists.iter().all(|list| list.gaps.is_empty()));
    let report = reports("no-group-report", &api).await.unwrap().remove(0);
    assert_eq!((report.verdict, report.not_checked.len()), (Verdict::Healthy, 0));

    // Every server has these: whoever answers so is none.
    let api = behind(
        vec![Fault::on("GET pods", absent())],
        recorded(cluster("healthy-ordered")),
    );
    let report = reports("no-pods", &api).await.unwrap().remove(0);
    assert_eq!(report.verdict, Verdict::Unknown);
    assert_eq!(
        report.summary,
        "pods could not be read (Error from server (NotFound): 404 page not found)"
    );
}

#[tokio::test]
async fn a_list_that_expires_is_read_once_more_from_its_beginning() {
    let expired = || Answer::status(410, "Expired", "the provided continue parameter is too old");
    let served = with_pods(cluster("healthy-ordered"), 1200);
    let fault = Fault::on("GET pods", expired()).on_later_pages().times(1);
    let api = behind(vec![fault], recorded(served.clone()));
    let all = collected("expired-once", &api, Scope::All, Keep::Everything)
        .await
        .unwrap();
    assert_eq!(all.snapshot.pods.complete().unwrap().len(), 1200);
    let lists = all.recording.unwrap().lists;
    let pods = lists.iter().find(|list| list.resource == "pods").unwrap();
    assert_eq!((pods.items.len(), pods.gaps.len()), (1200, 0));
    let pages: Vec<_> = api.lines().into_iter().filter(|line| line.contains("/pods?")).collect();
    let continued: Vec<_> = pages.iter().map(|line| line.contains("continue=")).collect();
    assert_eq!(continued, [false, true, false, true, true]);

    let api = behind(
        vec![Fault::on("GET pods", expired()).on_later_pages()],
        recorded(served),
    );
    let pods = collected("expired-twice", &api, Scope::All, Keep::Nothing)
        .await
        .unwrap()
        .snapshot
        .pods;
    assert_eq!((pods.items.len(), pods.gaps.len()), (500, 1));
    assert_eq!(pods.gaps[0].reason, GapReason::Expired);
    let report = reports("expired-report", &api).await.unwrap().remove(0);
    assert_eq!(report.verdict, Verdict::Unknown);
}

#[tokio::test]
async fn a_server_that_sends_the_same_page_for_ever_is_left() {
    let page = r#"{"kind":"EventList","metadata":{"continue":"x"},"items":[]}"#;
    let api = behind(
        vec![Fault::on("GET events", Answer::json(200, page))],
        recorded(cluster("healthy-ordered")),
    );
    let report = reports("same-page", &api).await.unwrap().remove(0);
    assert!(names(&report, Resource::Events), "{:?}", report.not_checked);
}

/// One line on standard error, nothing on standard output, exit code 1.
fn assert_one_sentence(answer: &std::process::Output, says: &str) {
    let told = text(&answer.stderr);
    assert_eq!((answer.status.code(), text(&answer.stdout)), (Some(1), ""), "{told}");
    assert!(told.lines().count() == 1 && told.contains(says), "{told}");
}

#[test]
fn who_is_unknown_to_the_server_gets_one_sentence() {
    let unauthorized = || Answer::status(401, "Unauthorized", "Unauthorized");
    let mut asks: Vec<String> = lists().into_iter().map(on).collect();
    asks.extend(["GET version", "GET ebs.csi.example.com", "GET *"].map(str::to_owned));
    for ask in asks {
        let api = behind(
            vec![Fault::on(&ask, unauthorized())],
            recorded(cluster("provisioner-hidden-csidriver")),
        );
        assert_one_sentence(&run("unauthorized", &api, &["diagnose", "-A"]), "log in again");
    }
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_one_sentence() {
    let scene = Scene::with("collect-dead", "server: 'http://127.0.0.1:1'", "");
    for command in ["diagnose", "status"] {
        let answer = scenario::tool(&[command], scene.folder.join("config").to_str());
        assert_one_sentence(
            &answer,
            "cannot reach the API server at 127.0.0.1:1: connection refused",
        );
    }
    let api = FakeApi::plain(vec![Answer::Silence]);
    let answer = run("mute", &api, &["diagnose", "--request-timeout", "300ms"]);
    assert_one_sentence(&answer, "did not answer within 300ms (--request-timeout)");
    let api = FakeApi::plain(vec![Answer::Close]);
    assert_one_sentence(&run("closes", &api, &["status"]), "cannot reach the API server");
    let api = FakeApi::plain(vec![Answer::Send(200, vec![], b"<html>welcome</html>".to_vec())]);
    assert_one_sentence(&run("foreign", &api, &["status"]), "statefulsets could not be read");
    let api = FakeApi::plain(vec![Answer::Send(404, vec![], b"404 page not found".to_vec())]);
    assert_one_sentence(&run("wrong-path", &api, &["status"]), "404 page not found");
}

#[test]
fn sets_that_cannot_be_listed_are_one_sentence() {
    let api = behind(
        vec![Fault::on("GET statefulsets", forbidden())],
        recorded(cluster("healthy-ordered")),
    );
    assert_one_sentence(
        &run("no-sets", &api, &["diagnose"]),
        "statefulsets could not be read: forbidden; 'kubectl auth can-i --list' shows what you may read",
    );
}

#[tokio::test]
async fn the_faults_stand_before_another_server_as_well() {
    let api = behind(Vec::new(), recorded(cluster("healthy-ordered")));
    let between = behind(vec![Fault::on("GET pods", forbidden())], upstream(api.address));
    let report = reports("between", &between).await.unwrap().remove(0);
    assert_eq!(report.summary, "pods could not be read (forbidden)");
    assert!(
        names(&report, Resource::Pods) && report.not_checked.len() == 1,
        "{:?}",
        report.not_checked
    );

    // Writes pass with their body.
    let api = FakeApi::plain(vec![Answer::json(201, "{}")]);
    let between = behind(Vec::new(), upstream(api.address));
    let client = Scene::plain("collect-write", &between).connect().await.client;
    let request =
        http::Request::post("/api/v1/namespaces/shop/pods").body(kube::client::Body::from(b"{\"a\":1}".to_vec()));
    assert_eq!(client.send(request.unwrap()).await.unwrap().status(), 201);
    assert_eq!(api.seen()[0].body, b"{\"a\":1}");
}
