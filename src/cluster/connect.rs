//! From the command line and the environment to a client, as kubectl connects: kubeconfig lists, contexts,
//! impersonation, credential plugins, proxies, TLS. Where kube's defaults differ, the choice is made here.
//! Nothing is asked of the cluster.

mod bounds;
mod credentials;
mod direct;
mod env;
mod kubeconfig;
mod proxy;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use http::{HeaderValue, Request, Uri, header, uri};
use jiff::Timestamp;
use kube::{
    Client, Config,
    client::{Body, ClientBuilder},
    config::{Cluster, ExecAuthCluster},
};
use tower::{
    BoxError, Service,
    buffer::{Buffer, BufferLayer},
    layer::layer_fn,
    service_fn,
    util::BoxService,
};

pub use env::Env;

use super::error::sentence;
use bounds::Bounds;
use kubeconfig::Target;

/// How long one request may take where `--request-timeout` is not given. kubectl waits for ever; a person with a
/// cluster that may be down does not.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// What the command line says about the connection; every field as kubectl's flag of that name.
#[derive(Clone, Default)]
pub struct ConnectArgs {
    /// `--kubeconfig`: this file and no other.
    pub kubeconfig: Option<PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// `--cluster`.
    pub cluster: Option<String>,
    /// `--user`.
    pub user: Option<String>,
    /// `-n`, `--namespace`.
    pub namespace: Option<String>,
    /// `--as`.
    pub impersonate: Option<String>,
    /// `--as-group`.
    pub impersonate_groups: Vec<String>,
    /// `--as-uid`.
    pub impersonate_uid: Option<String>,
    /// `-s`, `--server`.
    pub server: Option<String>,
    /// `--token`.
    pub token: Option<String>,
    /// `--certificate-authority`.
    pub certificate_authority: Option<PathBuf>,
    /// `--client-certificate`.
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`.
    pub client_key: Option<PathBuf>,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--insecure-skip-tls-verify`.
    pub insecure_skip_tls_verify: bool,
    /// `--request-timeout`, for one request: absent is [`DEFAULT_TIMEOUT`], zero is no limit.
    pub request_timeout: Option<Duration>,
}

/// Without the token.
impl fmt::Debug for ConnectArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectArgs")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .field("namespace", &self.namespace)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A client, and what a person should be told about where it leads.
#[derive(Clone)]
pub struct Connection {
    /// `valid_until` says when a credential plugin's answer expires: connect again then.
    pub client: Client,
    /// The flag's, else the context's, else `default`.
    pub namespace: String,
    /// The context's name; `in-cluster` in a pod; empty where `--server` alone says where to go.
    pub context: String,
    /// Whether this process runs in a pod of that cluster, so that the system's DNS servers are the cluster's.
    pub in_cluster: bool,
    /// The server's URL, without credentials.
    pub server: String,
}

/// Connects as the command line and this process's environment say.
///
/// # Errors
/// One sentence for a person: what is missing or wrong, and what there is to choose from.
pub async fn connect(args: &ConnectArgs) -> Result<Connection> {
    connect_with(args, &Env::from_process()).await
}

/// Connects as the command line and a given environment say.
///
/// # Errors
/// As [`connect`].
pub async fn connect_with(args: &ConnectArgs, env: &Env) -> Result<Connection> {
    let target = kubeconfig::target(args, env)?;
    let url = url(&target)?;
    let tls = url.scheme() == Some(&uri::Scheme::HTTPS);
    let proxy = proxy::choose(&url, target.cluster.proxy_url.as_deref(), env)?;
    let (user, valid_until) = credentials::resolve(target.user, &target.cluster, tls, env).await?;
    let timeout = args.request_timeout.unwrap_or(DEFAULT_TIMEOUT);
    let bounds = Bounds {
        address: address(&url),
        proxy: proxy.as_ref().map(address),
        timeout: Some(timeout).filter(|timeout| !timeout.is_zero()),
    };
    let namespace = args
        .namespace
        .clone()
        .or(target.namespace)
        .unwrap_or_else(|| "default".to_owned());
    let server = format!(
        "{}://{}{}",
        url.scheme_str().unwrap_or_default(),
        authority(&url),
        url.path()
    );

    let mut config = Config::new(url);
    config.default_namespace = namespace.clone();
    config.auth_info = user;
    config.proxy_url = proxy;
    config.disable_compression = target.cluster.disable_compression.unwrap_or(false);
    config.accept_invalid_certs = target.cluster.insecure_skip_tls_verify.unwrap_or(false);
    if tls {
        config.root_cert = authorities(&target.cluster)?;
        config.tls_server_name = target.cluster.tls_server_name.clone();
    }
    // On, it repeats evictions and deletions too; see `bounds`.
    config.default_retry = false;
    let agent = concat!("kubectl-sts/", env!("CARGO_PKG_VERSION"));
    config
        .headers
        .push((header::USER_AGENT, HeaderValue::from_static(agent)));
    Ok(Connection {
        client: client(config, bounds, valid_until)?,
        namespace,
        context: target.context,
        // With a server given, a pod's service account leads elsewhere.
        in_cluster: target.in_cluster && args.server.is_none(),
        server: server.trim_end_matches('/').to_owned(),
    })
}

fn client(config: Config, bounds: Bounds, valid_until: Option<Timestamp>) -> Result<Client> {
    let bounds = Arc::new(bounds);
    let builder = match config.proxy_url {
        None => direct::stack(&config).map(|stack| ClientBuilder::new(stack, config.default_namespace)),
        Some(_) => ClientBuilder::try_from(config),
    };
    let builder = builder.map_err(|err| anyhow!(sentence(&err)))?;
    // The buffer makes the stack a value that can be called again, for a repeated read.
    let builder = builder
        .with_layer(&BufferLayer::new(64))
        .with_layer(&layer_fn(|inner: Buffered| {
            let bounds = bounds.clone();
            service_fn(move |request| bounds.clone().send(inner.clone(), request))
        }));
    Ok(builder.with_valid_until(valid_until).build())
}

/// kube's stack, which is one boxed service.
type Stack = BoxService<Request<Body>, bounds::Answer, BoxError>;
/// The stack behind a buffer.
type Buffered = Buffer<Request<Body>, <Stack as Service<Request<Body>>>::Future>;

/// The server's URL. Without a scheme it is https where anything of TLS is set, else http.
/// Source: `client-go/rest/url_utils.go` (`DefaultServerUrlFor`).
fn url(target: &Target) -> Result<Uri> {
    let Target { cluster, user, .. } = target;
    let server = cluster
        .server
        .as_deref()
        .ok_or_else(|| anyhow!("no server is set for the cluster of this context"))?;
    let authority = cluster.certificate_authority.is_some() || cluster.certificate_authority_data.is_some();
    let insecure = cluster.insecure_skip_tls_verify == Some(true);
    if authority && insecure {
        bail!("a certificate authority is set and insecure-skip-tls-verify too: only one of them can be meant");
    }
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let scheme = if authority || insecure || certificate {
        "https"
    } else {
        "http"
    };
    let with_scheme = if server.contains("://") {
        server.to_owned()
    } else {
        format!("{scheme}://{server}")
    };
    let parsed = with_scheme
        .parse::<Uri>()
        .ok()
        .filter(|url| url.host().is_some_and(|host| !host.is_empty()));
    match parsed {
        Some(url) if matches!(url.scheme_str(), Some("http" | "https")) => Ok(url),
        _ => bail!("the server of the cluster is not an http or https URL"),
    }
}

/// The certificates to trust, in DER; none means the system's.
fn authorities(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>> {
    // kube reads data or file for its own plugin call; the same entry point keeps their order of precedence.
    let bundle = ExecAuthCluster::try_from(cluster).context("cannot read the certificate authority")?;
    let Some(bundle) = bundle.certificate_authority_data else {
        return Ok(None);
    };
    let blocks = pem::parse_many(bundle).context("the certificate authority is not PEM")?;
    let certificates = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(pem::Pem::into_contents);
    Ok(Some(certificates.collect()))
}

/// `host:port`.
fn address(url: &Uri) -> String {
    format!("{}:{}", url.host().unwrap_or_default(), port(url))
}

fn port(url: &Uri) -> u16 {
    let default = match url.scheme_str() {
        Some("https") => 443,
        Some("socks5") => 1080,
        _ => 80,
    };
    url.port_u16().unwrap_or(default)
}

/// `host` and the port if it is written, without a user and password.
fn authority(url: &Uri) -> &str {
    let authority = url.authority().map_or("", uri::Authority::as_str);
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}
