//! A request that got no answer, in words that name the server: the time was over, or the connection failed.

use std::{error::Error as StdError, fmt, time::Duration};

use tower::BoxError;

use super::{Failure, innermost, no_credentials};

/// A request without an answer. Made by the layer around the client, which knows the server.
#[derive(Debug)]
pub(in crate::cluster) struct Unanswered {
    /// `host:port`.
    pub(in crate::cluster) address: String,
    /// The proxy's `host:port`.
    pub(in crate::cluster) proxy: Option<String>,
    /// What happened.
    pub(in crate::cluster) cause: Cause,
}

/// What happened to a request without an answer.
#[derive(Debug)]
pub(in crate::cluster) enum Cause {
    /// The time was over.
    Timeout(Duration),
    /// The connection failed, or credentials could not be had.
    Transport(BoxError),
}

impl StdError for Unanswered {}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure().fmt(f)
    }
}

impl Unanswered {
    /// Its kind, with its sentence.
    pub(super) fn failure(&self) -> Failure {
        let through = self
            .proxy
            .as_ref()
            .map(|proxy| format!(" through the proxy {proxy}"))
            .unwrap_or_default();
        let address = &self.address;
        match &self.cause {
            Cause::Timeout(limit) => Failure::Timeout(format!(
                "the API server at {address} did not answer{through} within {} (--request-timeout)",
                shown(*limit)
            )),
            Cause::Transport(err) => {
                if let Some(err) = err.downcast_ref::<kube::client::AuthError>() {
                    return no_credentials(err);
                }
                Failure::Unreachable(format!(
                    "cannot reach the API server at {address}{through}: {}",
                    transport(innermost(err.as_ref()))
                ))
            }
        }
    }
}

fn shown(limit: Duration) -> String {
    if limit.subsec_millis() == 0 {
        format!("{}s", limit.as_secs())
    } else {
        format!("{}ms", limit.as_millis())
    }
}

/// What rustls says, for people.
fn transport(text: String) -> String {
    if text.contains("UnknownIssuer") {
        return "its certificate is signed by an authority that is not trusted here (certificate-authority)".to_owned();
    }
    if text.contains("InvalidContentType") {
        return "it does not speak TLS (is the server http?)".to_owned();
    }
    if let Some(rest) = text.strip_prefix("invalid peer certificate: ") {
        return format!("its certificate is not valid: {rest}");
    }
    text
}
