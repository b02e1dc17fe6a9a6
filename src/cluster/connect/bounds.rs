//! The layer around the client: every request ends within the timeout, body included, and only reads are repeated,
//! twice at most. Its errors name the server, which kube's do not.

use std::{sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use kube::client::{Body, DynBody};
use tokio::time::{Instant, sleep, timeout_at};
use tower::{BoxError, Service, ServiceExt};

use crate::cluster::error::{Cause, Unanswered};

/// Repetitions of a read that the server put off.
const RETRIES: u32 = 2;
/// How long to wait where the server does not say.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest wait that is worth it; beyond it the server's answer is the answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// An answer read to its end, or a stream.
pub(super) type Answer = Response<Box<DynBody>>;

/// What holds for every request of one client.
#[derive(Debug)]
pub(super) struct Bounds {
    /// `host:port`, for errors.
    pub(super) address: String,
    /// The proxy's `host:port`, for errors.
    pub(super) proxy: Option<String>,
    /// None: as long as it takes.
    pub(super) timeout: Option<Duration>,
}

impl Bounds {
    /// Sends one request through `inner`.
    pub(super) async fn send<S>(self: Arc<Self>, inner: S, request: Request<Body>) -> Result<Answer, BoxError>
    where
        S: Service<Request<Body>, Response = Answer, Error = BoxError> + Clone,
    {
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        let work = async {
            if streams(&request) {
                inner.oneshot(request).await
            } else {
                repeat(inner, request, deadline).await
            }
        };
        let cause = match (deadline, self.timeout) {
            (Some(deadline), Some(timeout)) => match timeout_at(deadline, work).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(err)) => Cause::Transport(err),
                Err(_) => Cause::Timeout(timeout),
            },
            _ => match work.await {
                Ok(answer) => return Ok(answer),
                Err(err) => Cause::Transport(err),
            },
        };
        Err(Box::new(Unanswered {
            address: self.address.clone(),
            proxy: self.proxy.clone(),
            cause,
        }))
    }
}

/// Watches, followed logs and upgraded connections end when they end; only their beginning is bounded.
fn streams(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    let asks = |name: &str| {
        query
            .split('&')
            .any(|pair| matches!(pair.split_once('='), Some((n, "true" | "1")) if n == name))
    };
    asks("watch") || asks("follow") || request.headers().contains_key(header::UPGRADE)
}

/// kube repeats every verb, evictions too, fifteen times and without a word; this repeats reads, and gives the
/// server's answer when it stays.
async fn repeat<S>(inner: S, request: Request<Body>, deadline: Option<Instant>) -> Result<Answer, BoxError>
where
    S: Service<Request<Body>, Response = Answer, Error = BoxError> + Clone,
{
    if request.method() != Method::GET {
        return whole(inner.oneshot(request).await?).await;
    }
    // A GET has no body, so its head is the whole of it.
    let (head, _) = request.into_parts();
    let mut left = RETRIES;
    loop {
        let request = Request::from_parts(head.clone(), Body::empty());
        let answer = whole(inner.clone().oneshot(request).await?).await?;
        match pause(&answer) {
            Some(pause) if left > 0 && deadline.is_none_or(|deadline| Instant::now() + pause < deadline) => {
                left -= 1;
                sleep(pause).await;
            }
            _ => return Ok(answer),
        }
    }
}

async fn whole(answer: Answer) -> Result<Answer, BoxError> {
    let (head, body) = answer.into_parts();
    let bytes = body.collect().await?.to_bytes();
    let body: Box<DynBody> = Box::new(Full::new(bytes).map_err(BoxError::from));
    Ok(Response::from_parts(head, body))
}

/// How long to wait before the read is repeated; none where it should not be.
fn pause(answer: &Answer) -> Option<Duration> {
    let busy = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if !busy.contains(&answer.status()) {
        return None;
    }
    let asked = answer
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Some(asked.map_or(PAUSE, Duration::from_secs)).filter(|pause| *pause <= LONGEST_PAUSE)
}
