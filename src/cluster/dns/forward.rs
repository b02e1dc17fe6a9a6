//! A connection to a port of a pod, through the API server (pods/portforward, over a WebSocket): TCP only.

use std::future::pending;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use tokio::time::timeout;

use super::stream::Line;
use crate::cluster::error::{Failure, classify, one_line};
use crate::model::answer::{DnsPod, Outcome};
use crate::model::resource::{is_possible_name, percent_encoded};

/// The most of a node's own words that is passed on.
const MOST_WORDS: usize = 200;

/// Opens it.
///
/// # Errors
/// [`Outcome::Timeout`], or [`Outcome::Unreachable`] with one sentence.
pub(super) async fn open(client: &Client, pod: &DnsPod, limit: Duration) -> Result<Line, Outcome> {
    let DnsPod { namespace, name, port } = pod;
    if !is_possible_name(name) || !is_possible_name(namespace) {
        return Err(Outcome::Unreachable(format!("{namespace}/{name} is no pod's name")));
    }
    // The client puts names into the path as they are.
    let pods = Api::<Pod>::namespaced(client.clone(), &percent_encoded(namespace));
    let name = percent_encoded(name);
    let mut forwarder = match timeout(limit, pods.portforward(&name, &[*port])).await {
        Err(_) => return Err(Outcome::Timeout),
        Ok(Err(error)) => return Err(refused(classify(&error), namespace)),
        Ok(Ok(forwarder)) => forwarder,
    };
    let (Some(stream), Some(fault)) = (forwarder.take_stream(*port), forwarder.take_error(*port)) else {
        return Err(Outcome::Unreachable("the port-forward has no such port".to_owned()));
    };
    let port = *port;
    let fault = async move {
        match fault.await {
            Some(words) => said(port, &words),
            // It ended without a word: the stream says how.
            None => pending().await,
        }
    };
    Ok(Line {
        stream: Box::pin(stream),
        fault: Box::pin(fault),
    })
}

fn refused(failure: Failure, namespace: &str) -> Outcome {
    Outcome::Unreachable(match failure {
        // A WebSocket begins with a GET; from 1.35 on the server wants both verbs.
        Failure::Forbidden(why) => {
            // Of a verb that it looks at later it says no more than this.
            let why = why.trim_end_matches([' ', ':']);
            format!("{why} (a port-forward needs the verbs get and create on pods/portforward in {namespace})")
        }
        Failure::Timeout(_) => return Outcome::Timeout,
        other => other.to_string(),
    })
}

/// A node's words for why the port of the pod is of no use, which name its processes and network namespaces.
fn said(port: u16, words: &str) -> String {
    if words.to_lowercase().contains("connection refused") {
        return format!("nothing listens on TCP port {port} in the pod (connection refused)");
    }
    let words: String = one_line(words).chars().take(MOST_WORDS).collect();
    format!("the node cannot forward to TCP port {port} of the pod: {words}")
}
