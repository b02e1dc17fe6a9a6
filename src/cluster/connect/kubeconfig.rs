//! Which cluster, user and namespace: kubeconfig files, the flags over them, or the pod's service account.
//! Reads files and decides; connects to nothing and runs nothing.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail};
use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};
use serde::{Serialize, de::DeserializeOwned};

use super::{ConnectArgs, Env};

/// What the files and the flags name together.
pub(super) struct Target {
    /// The context's name; `in-cluster` in a pod, empty where only `--server` or `--cluster` says where to go.
    pub(super) context: String,
    /// Whether the pod's own service account says where to go.
    pub(super) in_cluster: bool,
    /// The context's or the pod's namespace.
    pub(super) namespace: Option<String>,
    pub(super) cluster: Cluster,
    pub(super) user: AuthInfo,
}

/// Source: `client-go/tools/clientcmd/client_config.go` (`getContext`, `getCluster`, `getAuthInfo`).
pub(super) fn target(args: &ConnectArgs, env: &Env) -> Result<Target> {
    let files = files(args, env)?;
    let config = read(&files)?;
    let names = Names(&config);

    let context_name = args.context.as_ref().or(config.current_context.as_ref());
    let context = match context_name {
        Some(name) => names.context(name).ok_or_else(|| names.unknown_context(name, &files))?,
        None => Context::default(),
    };
    let cluster = match args.cluster.as_deref().or(non_empty(&context.cluster)) {
        Some(name) => names
            .cluster(name)
            .ok_or_else(|| names.unknown_cluster(name, context_name))?,
        None if args.server.is_some() => Cluster::default(),
        None => return in_cluster(args, env).unwrap_or_else(|| Err(names.nothing(&files))),
    };
    // A context's user that no file has is an anonymous request to kubectl, a user given by name is a mistake.
    let user = match (&args.user, &context.user) {
        (Some(name), _) => names.user(name).ok_or_else(|| names.unknown_user(name))?,
        (None, Some(name)) => names.user(name).unwrap_or_default(),
        (None, None) => AuthInfo::default(),
    };
    Ok(Target {
        context: context_name.cloned().unwrap_or_default(),
        in_cluster: false,
        namespace: context.namespace.filter(|namespace| !namespace.is_empty()),
        cluster: with_cluster_flags(without_empty(cluster)?, args)?,
        user: with_user_flags(without_empty(user)?, args)?,
    })
}

/// The files to read: `--kubeconfig` must exist, the others need not.
/// Source: `client-go/tools/clientcmd/loader.go` (`NewDefaultClientConfigLoadingRules`, `Load`).
fn files(args: &ConnectArgs, env: &Env) -> Result<Vec<PathBuf>> {
    if let Some(file) = &args.kubeconfig {
        if !file.exists() {
            bail!("the kubeconfig {} does not exist (--kubeconfig)", file.display());
        }
        return Ok(vec![file.clone()]);
    }
    let list = match &env.kubeconfig {
        Some(list) => std::env::split_paths(list)
            .filter(|file| !file.as_os_str().is_empty())
            .collect(),
        None => Vec::from_iter(env.home.as_ref().map(|home| home.join(".kube").join("config"))),
    };
    Ok(list)
}

/// The files merged: the first to name a context, cluster, user or current context wins.
fn read(files: &[PathBuf]) -> Result<Kubeconfig> {
    let mut merged = Kubeconfig::default();
    for file in files {
        let mut config = match Kubeconfig::read_from(file) {
            Ok(config) => config,
            // kube stops at a missing file, kubectl goes on.
            Err(KubeconfigError::ReadConfig(err, _)) if err.kind() == ErrorKind::NotFound => continue,
            Err(err) => return Err(unreadable(err, file)),
        };
        config.current_context = config.current_context.filter(|name| !name.is_empty());
        merged = merged
            .merge(config)
            .with_context(|| format!("cannot merge the kubeconfig {} with those before it", file.display()))?;
    }
    Ok(merged)
}

/// A parser's own words quote what it read, and a kubeconfig holds tokens and keys: only the place is told.
fn unreadable(err: KubeconfigError, file: &Path) -> anyhow::Error {
    let file = file.display();
    match err {
        KubeconfigError::ReadConfig(err, _) => anyhow!("cannot read the kubeconfig {file}: {err}"),
        KubeconfigError::Parse(err) => match err.location() {
            Some(place) => anyhow!(
                "the kubeconfig {file} cannot be understood at line {}, column {}: not YAML, or not a kubeconfig",
                place.line(),
                place.column()
            ),
            None => anyhow!("the kubeconfig {file} cannot be understood: not YAML, or not a kubeconfig"),
        },
        other => anyhow!("the kubeconfig {file} cannot be used: {other}"),
    }
}

/// Look-ups by name, and what to say when there is none.
struct Names<'a>(&'a Kubeconfig);

impl Names<'_> {
    fn context(&self, name: &str) -> Option<Context> {
        let named = self.0.contexts.iter().find(|named| named.name == name)?;
        Some(named.context.clone().unwrap_or_default())
    }

    fn cluster(&self, name: &str) -> Option<Cluster> {
        let named = self.0.clusters.iter().find(|named| named.name == name)?;
        Some(named.cluster.clone().unwrap_or_default())
    }

    fn user(&self, name: &str) -> Option<AuthInfo> {
        let named = self.0.auth_infos.iter().find(|named| named.name == name)?;
        Some(named.auth_info.clone().unwrap_or_default())
    }

    fn contexts(&self) -> String {
        listed("contexts", self.0.contexts.iter().map(|named| named.name.as_str()))
    }

    fn unknown_context(&self, name: &str, files: &[PathBuf]) -> anyhow::Error {
        anyhow!(
            "context {name:?} does not exist in {}; {}",
            searched(files),
            self.contexts()
        )
    }

    fn unknown_cluster(&self, name: &str, context: Option<&String>) -> anyhow::Error {
        let clusters = listed("clusters", self.0.clusters.iter().map(|named| named.name.as_str()));
        match context {
            Some(context) => {
                anyhow!(
                    "cluster {name:?} of context {context:?} does not exist; {clusters}; {}",
                    self.contexts()
                )
            }
            None => anyhow!("cluster {name:?} does not exist; {clusters}"),
        }
    }

    fn unknown_user(&self, name: &str) -> anyhow::Error {
        let users = listed("users", self.0.auth_infos.iter().map(|named| named.name.as_str()));
        anyhow!("user {name:?} does not exist; {users}")
    }

    fn nothing(&self, files: &[PathBuf]) -> anyhow::Error {
        if self.0.contexts.is_empty() {
            anyhow!(
                "no cluster to talk to: {} holds no context, and this is no pod; \
                 set KUBECONFIG, or give --kubeconfig FILE or --server URL",
                searched(files)
            )
        } else {
            anyhow!(
                "no current context is set in {}; {}; choose one with --context",
                searched(files),
                self.contexts()
            )
        }
    }
}

fn listed<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() {
        format!("there are no {what}")
    } else {
        format!("{what}: {}", names.join(", "))
    }
}

fn searched(files: &[PathBuf]) -> String {
    let files: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    if files.is_empty() {
        "the kubeconfig (no home directory)".to_owned()
    } else {
        files.join(", ")
    }
}

/// Flags over the cluster's entry. Choosing another authority, or none, drops the one in the file; another server
/// drops the file's TLS name.
/// Source: `client-go/tools/clientcmd/client_config.go` (`getCluster`).
fn with_cluster_flags(mut cluster: Cluster, args: &ConnectArgs) -> Result<Cluster> {
    if args.insecure_skip_tls_verify || args.certificate_authority.is_some() {
        cluster.insecure_skip_tls_verify = Some(args.insecure_skip_tls_verify);
        cluster.certificate_authority = args.certificate_authority.as_deref().map(text).transpose()?;
        cluster.certificate_authority_data = None;
    }
    if args.tls_server_name.is_some() || args.server.is_some() {
        cluster.tls_server_name = args.tls_server_name.clone();
    }
    if args.server.is_some() {
        cluster.server = args.server.clone();
    }
    Ok(cluster)
}

/// Flags over the user's entry. A token given by hand is meant to be used: whatever else would log in is dropped, but
/// not a client certificate, which kubectl keeps too.
/// Source: `client-go/tools/clientcmd/client_config.go` (`getAuthInfo`).
fn with_user_flags(mut user: AuthInfo, args: &ConnectArgs) -> Result<AuthInfo> {
    if let Some(token) = &args.token {
        user.token = Some(token.clone().into());
        (user.token_file, user.exec, user.auth_provider) = (None, None, None);
        (user.username, user.password) = (None, None);
    }
    if let Some(file) = &args.client_certificate {
        user.client_certificate = Some(text(file)?);
        user.client_certificate_data = None;
    }
    if let Some(file) = &args.client_key {
        user.client_key = Some(text(file)?);
        user.client_key_data = None;
    }
    user.impersonate = args.impersonate.clone().or(user.impersonate);
    user.impersonate_uid = args.impersonate_uid.clone().or(user.impersonate_uid);
    if !args.impersonate_groups.is_empty() {
        user.impersonate_groups = Some(args.impersonate_groups.clone());
    }
    Ok(user)
}

fn text(file: &Path) -> Result<String> {
    file.to_str()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("the file name {} is not UTF-8", file.display()))
}

/// A pod's own connection, if this is a pod.
/// Source: `client-go/rest/config.go` (`InClusterConfig`), `client-go/tools/clientcmd/client_config.go`
/// (`inClusterClientConfig`).
fn in_cluster(args: &ConnectArgs, env: &Env) -> Option<Result<Target>> {
    let (host, port) = (env.service_host.as_ref()?, env.service_port.as_ref()?);
    let token = env.service_account.join("token");
    if !token.is_file() {
        return None;
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let namespace = env
        .pod_namespace
        .clone()
        .or_else(|| std::fs::read_to_string(env.service_account.join("namespace")).ok());
    let target = || {
        let cluster = Cluster {
            server: Some(format!("https://{host}:{port}")),
            certificate_authority: Some(text(&env.service_account.join("ca.crt"))?),
            ..Cluster::default()
        };
        let user = AuthInfo {
            token_file: Some(text(&token)?),
            ..AuthInfo::default()
        };
        Ok(Target {
            context: "in-cluster".to_owned(),
            in_cluster: true,
            namespace: namespace
                .map(|name| name.trim().to_owned())
                .filter(|name| !name.is_empty()),
            cluster: with_cluster_flags(cluster, args)?,
            user: with_user_flags(user, args)?,
        })
    };
    Some(target())
}

fn non_empty(name: &str) -> Option<&str> {
    Some(name).filter(|name| !name.is_empty())
}

/// The entry without its empty strings: kubectl takes `token: ""` as no token, kube would send it.
fn without_empty<T: Serialize + DeserializeOwned>(entry: T) -> Result<T> {
    let mut value = serde_json::to_value(entry).map_err(|_| anyhow!("an entry of the kubeconfig cannot be used"))?;
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| field.as_str() != Some(""));
    }
    // The error would quote the entry.
    serde_json::from_value(value).map_err(|_| anyhow!("an entry of the kubeconfig cannot be used"))
}
