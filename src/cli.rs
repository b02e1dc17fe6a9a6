//! The command line: global flags as kubectl spells them, and one variant a command.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::cluster::connect::ConnectArgs;
use crate::commands::{capture, diagnose, explain, status};
use crate::exit::Exit;
use crate::render::cell::cell;
use crate::session::Session;

/// Why a StatefulSet does not move, what its controller does next, and what is safe to type.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-sts",
    bin_name = "kubectl sts",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Exit codes: 0 fine · 1 could not do it · 2 wrong usage · 3 the answer is no"
)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Status(status::Args),
    Diagnose(diagnose::Args),
    Explain(explain::Args),
    Capture(capture::Args),
}

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
fn duration(text: &str) -> Result<Duration, String> {
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

/// Parses the words, runs the command, prints an error.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(help) => {
            // A closed pipe is no error, here as elsewhere.
            let _ = help.print();
            let asked = matches!(help.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Fine } else { Exit::Usage };
        }
    };
    let colour = match cli.global.color {
        Colour::Auto => ColorChoice::Auto,
        Colour::Always => ColorChoice::Always,
        Colour::Never => ColorChoice::Never,
    };
    let session = Session::new(cli.global, colour);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = match (runtime, cli.command) {
        (Err(error), _) => Err(error.into()),
        (Ok(_), Command::Explain(args)) => explain::run(&session, &args),
        (Ok(runtime), Command::Status(args)) => runtime.block_on(status::run(&session, &args)),
        (Ok(runtime), Command::Diagnose(args)) => runtime.block_on(diagnose::run(&session, &args)),
        (Ok(runtime), Command::Capture(args)) => runtime.block_on(capture::run(&session, &args)),
    };
    ran.unwrap_or_else(|error| {
        if is_broken_pipe(&error) {
            return Exit::Fine;
        }
        // Some errors have lines of their own; what they quote may not do more than that.
        let lines: Vec<_> = format!("{error:#}").lines().map(cell).collect();
        let _ = writeln!(std::io::stderr(), "error: {}", lines.join("\n"));
        Exit::Failed
    })
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |io: &std::io::Error| io.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(broken))
}
