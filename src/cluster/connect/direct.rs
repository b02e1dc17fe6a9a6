//! The HTTP stack where no proxy stands between: kube's layers, over a connector that sends at once.
//!
//! kube leaves Nagle's algorithm on. The first request then waits behind the end of the TLS handshake until the server
//! acknowledges that, which a server that has nothing to say does 40 ms later.

use http::Response;
use http_body_util::BodyExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, ConfigExt as _, DynBody};
use tower::{BoxError, ServiceBuilder, ServiceExt as _};
use tower_http::decompression::DecompressionLayer;

use super::Stack;

/// The stack for this configuration, whose proxy is not looked at.
///
/// # Errors
/// Certificates, keys or tokens that cannot be used.
pub(super) fn stack(config: &Config) -> kube::Result<Stack> {
    let mut connector = HttpConnector::new();
    // The layer around it knows https.
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .layer(DecompressionLayer::new().gzip(!config.disable_compression))
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .map_err(BoxError::from)
        .service(client);
    let boxed =
        |response: Response<_>| response.map(|body| Box::new(BodyExt::map_err(body, BoxError::from)) as Box<DynBody>);
    Ok(service.map_response(boxed).boxed())
}
