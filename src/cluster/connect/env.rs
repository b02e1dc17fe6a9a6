//! What the environment says about the connection. It is read here, once; everything below `connect_with` gets it as a
//! value, so that tests never see the user's own.

use std::{ffi::OsString, path::PathBuf};

/// Where a pod finds its service account.
/// Source: `client-go/rest/config.go` (`InClusterConfig`).
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The variables and places that kubectl and Go's HTTP client look at.
#[derive(Clone, Debug, Default)]
pub struct Env {
    /// `KUBECONFIG`: a list of files.
    pub kubeconfig: Option<OsString>,
    /// The home directory, for `.kube/config`.
    pub home: Option<PathBuf>,
    /// `http_proxy`, else `HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// `https_proxy`, else `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `no_proxy`, else `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// `KUBERNETES_SERVICE_HOST`: set in every pod.
    pub service_host: Option<String>,
    /// `KUBERNETES_SERVICE_PORT`.
    pub service_port: Option<String>,
    /// `POD_NAMESPACE`, the first place where client-go looks for a pod's namespace.
    pub pod_namespace: Option<String>,
    /// The directory with a pod's `token`, `ca.crt` and `namespace`.
    pub service_account: PathBuf,
    /// Whether a credential plugin may talk to someone through stdin.
    pub stdin_is_terminal: bool,
}

impl Env {
    /// The environment of this process.
    pub fn from_process() -> Env {
        // Lower case wins, and an empty variable is no variable.
        // Source: golang.org/x/net/http/httpproxy (`FromEnvironment`, `getEnvAny`).
        let first = |names: [&str; 2]| names.into_iter().find_map(variable);
        Env {
            kubeconfig: std::env::var_os("KUBECONFIG").filter(|list| !list.is_empty()),
            home: std::env::home_dir(),
            http_proxy: first(["http_proxy", "HTTP_PROXY"]),
            https_proxy: first(["https_proxy", "HTTPS_PROXY"]),
            no_proxy: first(["no_proxy", "NO_PROXY"]),
            service_host: variable("KUBERNETES_SERVICE_HOST"),
            service_port: variable("KUBERNETES_SERVICE_PORT"),
            pod_namespace: variable("POD_NAMESPACE"),
            service_account: PathBuf::from(SERVICE_ACCOUNT),
            stdin_is_terminal: std::io::IsTerminal::is_terminal(&std::io::stdin()),
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
