//! What went wrong with a request: its kind, for code, and one sentence without dumps, for a person.
//! kube's own texts print whole structures and name no server.

mod unanswered;

use std::{error::Error as StdError, io};

use http::{Request, StatusCode, header, response::Parts};
use http_body_util::BodyExt as _;
use kube::{Client, client::Body, core::Status};

pub(super) use unanswered::{Cause, Unanswered};

/// Why a request gave no answer that can be used. Each holds the sentence to print.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// 403.
    #[error("{0}")]
    Forbidden(String),
    /// 401, or no credentials to send.
    #[error("{0}")]
    Unauthorized(String),
    /// 404: of an object, or of a whole API group.
    #[error("{0}")]
    NotFound(String),
    /// No answer within the time, ours or the server's.
    #[error("{0}")]
    Timeout(String),
    /// 410: a continue token or a resource version is too old.
    #[error("{0}")]
    Expired(String),
    /// No connection, or one that broke: refused, unknown host, TLS, proxy.
    #[error("{0}")]
    Unreachable(String),
    /// All the rest.
    #[error("{0}")]
    Other(String),
}

/// One sentence for a person.
pub fn sentence(err: &kube::Error) -> String {
    classify(err).to_string()
}

/// The kind of an error, with its sentence.
pub fn classify(err: &kube::Error) -> Failure {
    match err {
        kube::Error::Api(answer) if answer.reason == UNPARSED => {
            let code = StatusCode::from_u16(answer.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refused(&status(code, answer.message.as_bytes()))
        }
        kube::Error::Api(status) => refused(status),
        kube::Error::Service(err) => match err.downcast_ref::<Unanswered>() {
            Some(unanswered) => unanswered.failure(),
            None => Failure::Unreachable(format!("cannot reach the API server: {}", innermost(err.as_ref()))),
        },
        kube::Error::HyperError(err) => Failure::Unreachable(format!("the connection broke: {}", innermost(err))),
        kube::Error::Auth(err) => no_credentials(err),
        // Its text would quote the answer, which can be a Secret.
        kube::Error::SerdeError(err) => Failure::Other(format!(
            "the server's answer is not what was asked for (line {}, column {})",
            err.line(),
            err.column()
        )),
        kube::Error::ProxyProtocolUnsupported { .. } => Failure::Other("the proxy's protocol is not known".to_owned()),
        other => Failure::Other(innermost(other)),
    }
}

/// What kube calls the reason where an answer was no `Status`; its body is then the message.
/// Source: `kube-client/src/client/mod.rs` (`handle_api_errors`).
const UNPARSED: &str = "Failed to parse error data";
/// The form of an answer.
pub(super) const JSON: &str = "application/json";
/// The form in which an answer holds metadata and nothing else, whatever the object holds.
pub(super) const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// Reads one path, as bytes. Repetition and timeout are the client's, see `connect`.
///
/// # Errors
/// By kind, with a sentence.
pub async fn get(client: &Client, path_and_query: &str) -> Result<(Parts, Vec<u8>), Failure> {
    get_as(client, path_and_query, JSON).await
}

/// The same in the form that `accept` names.
pub(super) async fn get_as(client: &Client, path_and_query: &str, accept: &str) -> Result<(Parts, Vec<u8>), Failure> {
    let request = Request::get(path_and_query)
        .header(header::ACCEPT, accept)
        .body(Body::empty())
        .map_err(|_| Failure::Other(format!("{path_and_query:?} cannot be asked for")))?;
    send(client, request).await?.map_err(|status| refused(&status))
}

/// Sends one request: the outer error where there was no answer, the inner one where it was a no.
pub(super) async fn send(client: &Client, request: Request<Body>) -> Result<Result<(Parts, Vec<u8>), Status>, Failure> {
    let answer = client.send(request).await.map_err(|err| classify(&err))?;
    let (head, body) = answer.into_parts();
    let bytes = body.collect().await.map_err(|err| classify(&err))?.to_bytes();
    if head.status.is_success() {
        return Ok(Ok((head, bytes.into())));
    }
    Ok(Err(status(head.status, &bytes)))
}

/// The server's own words; from something in between that is no API server, its code and, if short, its text.
fn status(code: StatusCode, body: &[u8]) -> Status {
    let parsed = serde_json::from_slice::<Status>(body)
        .ok()
        .filter(|status| !status.message.is_empty());
    let mut status = parsed.unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let told = !text.is_empty() && text.len() <= 200 && !text.contains(['<', '{']);
        let message = if told {
            text.to_owned()
        } else {
            format!("the server answered {code}")
        };
        Status {
            message,
            ..Status::default()
        }
    });
    status.code = code.as_u16();
    status
}

/// As kubectl words it: `Error from server (Forbidden): …`.
/// Source: `kubectl/pkg/cmd/util/helpers.go` (`StandardErrorMessage`); reasons: `apimachinery/pkg/apis/meta/v1/types.go`.
pub(super) fn refused(status: &Status) -> Failure {
    let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let standard = code.canonical_reason().unwrap_or("Unknown").replace(' ', "");
    let reason = if status.reason.is_empty() {
        &standard
    } else {
        &status.reason
    };
    let message = one_line(&status.message);
    let text = if message.is_empty() {
        format!("Error from server ({reason})")
    } else {
        format!("Error from server ({reason}): {message}")
    };
    match status.code {
        401 => Failure::Unauthorized(
            "Error from server (Unauthorized): the server does not accept these credentials, they may have expired; \
             log in again, or check the user of this context"
                .to_owned(),
        ),
        403 => Failure::Forbidden(text),
        404 => Failure::NotFound(text),
        408 | 504 => Failure::Timeout(text),
        410 => Failure::Expired(text),
        _ => Failure::Other(text),
    }
}

fn no_credentials(err: &(dyn StdError + 'static)) -> Failure {
    Failure::Unauthorized(format!("cannot get credentials for the API server: {}", innermost(err)))
}

/// The first cause, which is the only part that says something; an operating system's error without its number.
fn innermost(err: &(dyn StdError + 'static)) -> String {
    let mut last = err;
    while let Some(source) = last.source() {
        last = source;
    }
    let text = one_line(&last.to_string());
    let text = text.split(" (os error ").next().unwrap_or_default();
    match last.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
        Some(_) => lower_first(text),
        None => text.to_owned(),
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map(|first| first.to_lowercase().chain(chars).collect())
        .unwrap_or_default()
}

/// Servers and admission webhooks write what they like: no line breaks and no escape sequences.
pub(super) fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control())
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u16, reason: &str, message: &str) -> kube::Error {
        kube::Error::Api(Box::new(Status {
            code,
            reason: reason.into(),
            message: message.into(),
            ..Status::default()
        }))
    }

    #[test]
    fn a_refusal_reads_as_kubectl_prints_it() {
        let err = api(
            403,
            "Forbidden",
            "pods is forbidden: User \"u\" cannot list resource \"pods\"",
        );
        assert_eq!(
            classify(&err),
            Failure::Forbidden(
                "Error from server (Forbidden): pods is forbidden: User \"u\" cannot list resource \"pods\"".into()
            )
        );
        assert_eq!(
            sentence(&api(409, "", "a\nb\u{1b}[1mc")),
            "Error from server (Conflict): a b [1mc"
        );
        assert!(matches!(classify(&api(404, "NotFound", "x")), Failure::NotFound(_)));
        assert!(matches!(classify(&api(410, "Expired", "x")), Failure::Expired(_)));
        assert!(matches!(classify(&api(504, "Timeout", "x")), Failure::Timeout(_)));
        assert!(matches!(
            classify(&api(401, "Unauthorized", "Unauthorized")),
            Failure::Unauthorized(_)
        ));
    }

    #[test]
    fn an_answer_that_is_no_status_is_told_if_it_is_short_text() {
        let text =
            |code, body: &str| refused(&status(StatusCode::from_u16(code).unwrap(), body.as_bytes())).to_string();
        assert_eq!(
            text(404, "404 page not found\n"),
            "Error from server (NotFound): 404 page not found"
        );
        assert_eq!(
            text(502, "<html><body>nginx</body></html>"),
            "Error from server (BadGateway): the server answered 502 Bad Gateway"
        );
        assert_eq!(
            text(500, r#"{"data":{"password":"x"}}"#),
            "Error from server (InternalServerError): the server answered 500 Internal Server Error"
        );
    }

    #[test]
    fn an_answer_that_does_not_parse_is_not_quoted() {
        let err = serde_json::from_str::<u8>("\"hunter2\"").unwrap_err();
        let text = sentence(&kube::Error::SerdeError(err));
        assert!(text.contains("line 1") && !text.contains("hunter2"), "{text}");
    }
}
