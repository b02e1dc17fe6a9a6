//! Asks the API server what it would say to a manifest. Every request carries `dryRun=All`: admission runs, and nothing
//! is stored.

use http::{Request, header};
use kube::Client;
use kube::client::Body;
use serde_json::Value;

use super::error::{Failure, JSON, get, refused, send};
use crate::model::manifest::Told;
use crate::model::resource::{Resource, is_possible_name};

/// What an object is now, and what the server says to the manifest.
#[derive(Debug)]
pub struct Rehearsal {
    /// The object as it is; `None` where it does not exist.
    pub current: Result<Option<Value>, Failure>,
    /// The answer to it as a replacement, or as a new set where there is none.
    pub told: Told,
    /// The answer to it as a new set, where as a replacement it is refused.
    pub told_anew: Option<Told>,
}

/// Reads a StatefulSet, and has the manifest created, or put in its place, without storing it. A replacement says more
/// than a server-side apply: it is judged as a whole, and unknown and repeated fields are all named
/// (`fieldValidation=Strict`).
pub async fn rehearse(client: &Client, namespace: &str, name: &str, manifest: &Value) -> Rehearsal {
    let sets = Resource::StatefulSets;
    let one = sets.path(Some(namespace), Some(name));
    if !is_possible_name(name) {
        return Rehearsal {
            current: Ok(None),
            told: Told::NotAsked(format!("{name:?} is no name that can be asked for")),
            told_anew: None,
        };
    }
    let current = match get(client, &one).await {
        Ok((_, body)) => match serde_json::from_slice(&body) {
            Ok(current) => Ok(Some(current)),
            Err(_) => Err(Failure::Other("the server's answer is no object".to_owned())),
        },
        Err(Failure::NotFound(_)) => Ok(None),
        Err(failure) => Err(failure),
    };
    let anew = || Request::post(query(&sets.path(Some(namespace), None)));
    let told = match &current {
        Ok(Some(_)) => submit(client, Request::put(query(&one)), manifest).await,
        Ok(None) => submit(client, anew(), manifest).await,
        Err(failure) => Told::NotAsked(failure.to_string()),
    };
    let replaces = matches!(current, Ok(Some(_)));
    let told_anew = match &told {
        // The server looks at this only behind the name, which is taken as long as the set is there.
        Told::Refused(_) if replaces && manifest.pointer("/metadata/resourceVersion").is_some() => Some(Told::Refused(
            "metadata.resourceVersion must not be set on a new object".to_owned(),
        )),
        Told::Refused(_) if replaces => Some(submit(client, anew(), manifest).await),
        _ => None,
    };
    Rehearsal {
        current,
        told,
        told_anew,
    }
}

fn query(path: &str) -> String {
    format!("{path}?dryRun=All&fieldManager=kubectl-sts&fieldValidation=Strict")
}

async fn submit(client: &Client, request: http::request::Builder, manifest: &Value) -> Told {
    let request = request
        .header(header::CONTENT_TYPE, JSON)
        .header(header::ACCEPT, JSON)
        .body(Body::from(manifest.to_string().into_bytes()));
    let Ok(request) = request else {
        return Told::NotAsked("the manifest's name cannot be asked for".to_owned());
    };
    match send(client, request).await {
        Err(failure) => Told::NotAsked(failure.to_string()),
        Ok(Ok((_, body))) => match serde_json::from_slice(&body) {
            Ok(object) => Told::Accepted(object),
            Err(_) => Told::NotAsked("the server's answer is no object".to_owned()),
        },
        // Whether the name is free is asked last, behind validation and admission: all else was right.
        // Source: `staging/src/k8s.io/apiserver/pkg/registry/generic/registry/dryrun.go` (Create).
        Ok(Err(status)) if status.reason == "AlreadyExists" => Told::Accepted(Value::Null),
        Ok(Err(status)) => {
            let said = refused(&status).to_string();
            match is_no(status.code, &status.message) {
                true => Told::Refused(said),
                false => Told::NotAsked(said),
            }
        }
    }
}

/// Whether a failure is about the manifest. That the user may not, that a webhook takes no part in a dry run, or that
/// something broke says nothing about it.
/// Sources: `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go` (ForbiddenMessage),
/// `staging/src/k8s.io/apiserver/pkg/admission/plugin/webhook/errors/statuserror.go` (NewDryRunUnsupportedErr).
fn is_no(code: u16, message: &str) -> bool {
    let may_not = message.contains(" cannot update resource ") || message.contains(" cannot create resource ");
    let no_rehearsal = message.contains("does not support dry run");
    let elsewhere = [401, 408, 429].contains(&code) || (code == 403 && may_not) || no_rehearsal;
    (400..500).contains(&code) && !elsewhere
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_about_the_manifest_is_a_no() {
        assert!(is_no(422, "StatefulSet.apps \"web\" is invalid"));
        assert!(is_no(400, "strict decoding error: unknown field \"spec.x\""));
        assert!(is_no(
            403,
            "statefulsets.apps \"web\" is forbidden: exceeded quota: sets"
        ));
        let rights = "statefulsets.apps \"web\" is forbidden: User \"u\" cannot update resource \"statefulsets\"";
        assert!(!is_no(403, rights));
        assert!(!is_no(400, "admission webhook \"x\" does not support dry run"));
        assert!(!is_no(500, "failed calling webhook") && !is_no(429, "") && !is_no(401, ""));
    }
}
