//! The flags that every command takes, spelled as kubectl's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::cluster::connect::ConnectArgs;

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where to look")]
pub struct Global {
    /// Namespace; the context's, else "default"
    #[arg(short, long, global = true, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, global = true)]
    pub(crate) all_namespaces: bool,
    /// Read a recording, or what `kubectl get -o yaml|json` printed, in place of a cluster
    #[arg(long, global = true, value_name = "FILE|DIR")]
    pub(crate) from: Option<PathBuf>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Colour,
    #[command(flatten)]
    connection: Connection,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// In a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Connection, as kubectl's")]
struct Connection {
    #[arg(long, global = true, value_name = "FILE", help = "Kubeconfig file")]
    kubeconfig: Option<PathBuf>,
    #[arg(long, global = true, value_name = "NAME", help = "Kubeconfig context")]
    context: Option<String>,
    #[arg(long, global = true, value_name = "NAME", help = "Kubeconfig cluster")]
    cluster: Option<String>,
    #[arg(long, global = true, value_name = "NAME", help = "Kubeconfig user")]
    user: Option<String>,
    #[arg(short, long, global = true, value_name = "URL", help = "Address of the API server")]
    server: Option<String>,
    #[arg(long, global = true, value_name = "TOKEN", help = "Bearer token")]
    token: Option<String>,
    #[arg(long = "as", global = true, value_name = "USER", help = "Impersonate a user")]
    impersonate: Option<String>,
    #[arg(
        long = "as-group",
        global = true,
        value_name = "GROUP",
        help = "Impersonate a group; can be repeated"
    )]
    impersonate_groups: Vec<String>,
    #[arg(long = "as-uid", global = true, value_name = "UID", help = "Impersonate a uid")]
    impersonate_uid: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help = "Certificate of the server's authority"
    )]
    certificate_authority: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", help = "Client certificate")]
    client_certificate: Option<PathBuf>,
    #[arg(long, global = true, value_name = "FILE", help = "Key of the client certificate")]
    client_key: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        help = "Name to expect in the server's certificate"
    )]
    tls_server_name: Option<String>,
    #[arg(long, global = true, help = "Do not check the server's certificate")]
    insecure_skip_tls_verify: bool,
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration, help = "Limit of one request, such as 5s or 1m; 0 is none [default: 30s]")]
    request_timeout: Option<Duration>,
}

/// A duration as kubectl takes it: a number of seconds, or numbers with units.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let refused = || format!("{text:?} is no duration such as 5s, 1m or 0");
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let span: jiff::SignedDuration = text.parse().map_err(|_| refused())?;
    span.try_into().map_err(|_| refused())
}

impl Global {
    /// What the connection needs.
    pub(crate) fn connect_args(&self) -> ConnectArgs {
        let connection = &self.connection;
        ConnectArgs {
            kubeconfig: connection.kubeconfig.clone(),
            context: connection.context.clone(),
            cluster: connection.cluster.clone(),
            user: connection.user.clone(),
            namespace: self.namespace.clone(),
            impersonate: connection.impersonate.clone(),
            impersonate_groups: connection.impersonate_groups.clone(),
            impersonate_uid: connection.impersonate_uid.clone(),
            server: connection.server.clone(),
            token: connection.token.clone(),
            certificate_authority: connection.certificate_authority.clone(),
            client_certificate: connection.client_certificate.clone(),
            client_key: connection.client_key.clone(),
            tls_server_name: connection.tls_server_name.clone(),
            insecure_skip_tls_verify: connection.insecure_skip_tls_verify,
            request_timeout: connection.request_timeout,
        }
    }
}
