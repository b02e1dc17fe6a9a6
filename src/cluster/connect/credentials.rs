//! Credentials in a form that kube sends as they are. A credential plugin is run here, once: kube would run it three
//! times for one client, and never shows its install hint.
//!
//! Sources: `client-go/plugin/pkg/client/auth/exec/exec.go`, `client-go/tools/clientcmd/validation.go`,
//! <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins>

use std::process::Stdio;

use anyhow::{Context as _, Result, anyhow, bail};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;

use super::Env;

/// What a plugin may be asked in; client-go dropped `v1alpha1` in 1.24.
const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// The user's entry ready to be sent, and until when it is valid if a plugin said so.
pub(super) async fn resolve(
    mut user: AuthInfo,
    cluster: &Cluster,
    tls: bool,
    env: &Env,
) -> Result<(AuthInfo, Option<Timestamp>)> {
    let extras = user.impersonate_uid.is_some() || user.impersonate_groups.is_some();
    if user.impersonate.is_none() && (extras || user.impersonate_user_extra.is_some()) {
        bail!("--as-group and --as-uid only go with --as");
    }
    if !tls {
        // As kubectl: nothing that logs in is sent over a connection that anyone can read.
        return Ok((impersonation_only(user), None));
    }
    refuse_removed_providers(&user)?;
    read_token_file(&mut user)?;
    let certificate = user.client_certificate.is_some() || user.client_certificate_data.is_some();
    let key = user.client_key.is_some() || user.client_key_data.is_some();
    match (certificate, key) {
        (true, false) => bail!("a client certificate is given without its key (client-key)"),
        (false, true) => bail!("a client key is given without its certificate (client-certificate)"),
        _ => {}
    }
    let exec = user.exec.take();
    let known = user.token.is_some() || user.token_file.is_some() || user.username.is_some() || certificate;
    match exec {
        Some(exec) if !known => {
            let credential = run(&exec, cluster, env).await?;
            let valid_until = credential.expiration_timestamp;
            store(credential, &mut user)?;
            Ok((user, valid_until))
        }
        _ => Ok((user, None)),
    }
}

fn impersonation_only(user: AuthInfo) -> AuthInfo {
    AuthInfo {
        impersonate: user.impersonate,
        impersonate_uid: user.impersonate_uid,
        impersonate_groups: user.impersonate_groups,
        impersonate_user_extra: user.impersonate_user_extra,
        ..AuthInfo::default()
    }
}

/// client-go knows only `oidc` since 1.26; kube would run gcp's command as often as a plugin.
fn refuse_removed_providers(user: &AuthInfo) -> Result<()> {
    match user.auth_provider.as_ref().map(|provider| provider.name.as_str()) {
        None | Some("oidc") => Ok(()),
        Some("gcp") => bail!("the auth provider \"gcp\" is gone since kubectl 1.26: use gke-gcloud-auth-plugin"),
        Some("azure") => bail!("the auth provider \"azure\" is gone since kubectl 1.26: use kubelogin"),
        Some(name) => bail!("the auth provider {name:?} is not known"),
    }
}

/// The file beats the token beside it, and a newline at its end is no part of the token. kube does neither.
/// Source: `client-go/transport/token_source.go` (`fileTokenSource`), `client-go/tools/clientcmd/api/types.go`.
fn read_token_file(user: &mut AuthInfo) -> Result<()> {
    let Some(file) = &user.token_file else { return Ok(()) };
    match std::fs::read_to_string(file) {
        Ok(token) if token.trim().is_empty() && user.token.is_none() => bail!("the token file {file} is empty"),
        Ok(token) if token.trim().is_empty() => user.token_file = None,
        // Left to kube, which reads it again every minute.
        Ok(token) if token.trim() == token => user.token = None,
        Ok(token) => {
            user.token = Some(token.trim().into());
            user.token_file = None;
        }
        Err(_) if user.token.is_some() => user.token_file = None,
        Err(err) => bail!("cannot read the token file {file}: {err}"),
    }
    Ok(())
}

/// What a plugin prints.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Credential>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Credential {
    expiration_timestamp: Option<Timestamp>,
    token: String,
    client_certificate_data: String,
    client_key_data: String,
}

/// Runs a plugin. Its stderr is the terminal's; its stdout holds secrets and gets into no error.
async fn run(exec: &ExecConfig, cluster: &Cluster, env: &Env) -> Result<Credential> {
    let name = exec.command.as_deref().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| anyhow!("the credential plugin of this user names no command"))?;
    let version = exec.api_version.as_deref().unwrap_or_default();
    if !VERSIONS.contains(&version) {
        bail!(
            "the credential plugin {name} is asked in version {version:?}; known are {}",
            VERSIONS.join(" and ")
        );
    }
    let interactive = interactive(exec, env).with_context(|| format!("cannot run the credential plugin {name}"))?;
    let mut spec = json!({ "interactive": interactive });
    if exec.provide_cluster_info {
        spec["cluster"] = serde_json::to_value(ExecAuthCluster::try_from(cluster)?)?;
    }
    let info = json!({ "kind": "ExecCredential", "apiVersion": version, "spec": spec });

    let mut command = tokio::process::Command::new(name);
    command.args(exec.args.iter().flatten());
    for entry in exec.env.iter().flatten() {
        if let (Some(name), Some(value)) = (entry.get("name"), entry.get("value")) {
            command.env(name, value);
        }
    }
    command.env("KUBERNETES_EXEC_INFO", info.to_string());
    command.stdin(if interactive { Stdio::inherit() } else { Stdio::null() });
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    let child = command.spawn().map_err(|err| not_started(name, exec, &err))?;
    let output = child
        .wait_with_output()
        .await
        .with_context(|| format!("the credential plugin {name} was lost"))?;
    if !output.status.success() {
        bail!("the credential plugin {name} failed: {}", output.status);
    }
    parse(&output.stdout, version).with_context(|| format!("the credential plugin {name} gave no usable answer"))
}

/// Source: `exec.go` (`isInteractive`). Where the mode is missing, what v1beta1 means by it.
fn interactive(exec: &ExecConfig, env: &Env) -> Result<bool> {
    match exec.interactive_mode {
        Some(ExecInteractiveMode::Never) => Ok(false),
        Some(ExecInteractiveMode::Always) if !env.stdin_is_terminal => {
            bail!("it must ask something (interactiveMode: Always), and standard input is not a terminal")
        }
        Some(ExecInteractiveMode::Always) => Ok(true),
        Some(ExecInteractiveMode::IfAvailable) | None => Ok(env.stdin_is_terminal),
    }
}

fn not_started(name: &str, exec: &ExecConfig, err: &std::io::Error) -> anyhow::Error {
    if err.kind() != std::io::ErrorKind::NotFound {
        return anyhow!("cannot run the credential plugin {name}: {err}");
    }
    // The hint comes from a file that may be someone else's: no escape sequences, but its own lines.
    let clean = |hint: &String| {
        hint.trim()
            .replace(|c: char| c.is_control() && c != '\n' && c != '\t', "\u{fffd}")
    };
    match exec.install_hint.as_ref().map(clean).filter(|hint| !hint.is_empty()) {
        Some(hint) => anyhow!("the credential plugin {name} is not installed\n\n{hint}"),
        None => anyhow!("the credential plugin {name} is not installed, or not on the PATH"),
    }
}

/// A parser's error would quote the token: none is passed on.
fn parse(output: &[u8], version: &str) -> Result<Credential> {
    let output = std::str::from_utf8(output).map_err(|_| anyhow!("its output is not text"))?;
    let answer: ExecCredential =
        serde_yaml::from_str(output).map_err(|_| anyhow!("its output is not an ExecCredential in JSON or YAML"))?;
    if answer.kind.as_deref() != Some("ExecCredential") {
        bail!("its output is not an ExecCredential");
    }
    match answer.api_version {
        Some(given) if given == version => {}
        given => bail!(
            "it was asked in {version} and answered in {:?}",
            given.unwrap_or_default()
        ),
    }
    let credential = answer.status.ok_or_else(|| anyhow!("its output has no status"))?;
    match (
        credential.client_certificate_data.is_empty(),
        credential.client_key_data.is_empty(),
    ) {
        (true, true) if credential.token.is_empty() => bail!("it gave neither a token nor a client certificate"),
        (true, false) | (false, true) => bail!("it gave only one of certificate and key"),
        _ => Ok(credential),
    }
}

fn store(credential: Credential, user: &mut AuthInfo) -> Result<()> {
    if !credential.token.is_empty() {
        user.token = Some(credential.token.into());
    }
    if !credential.client_certificate_data.is_empty() {
        user.client_certificate_data = Some(base64(credential.client_certificate_data)?);
        user.client_key_data = Some(base64(credential.client_key_data)?.into());
    }
    Ok(())
}

/// As the API writes bytes.
fn base64(text: String) -> Result<String> {
    Ok(serde_json::from_value(serde_json::to_value(ByteString(
        text.into_bytes(),
    ))?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "client.authentication.k8s.io/v1";

    fn refusal(output: &str) -> String {
        match parse(output.as_bytes(), V1) {
            Ok(_) => panic!("accepted {output}"),
            Err(err) => format!("{err:?}"),
        }
    }

    #[test]
    fn json_and_yaml_are_read() {
        let json = format!(r#"{{"kind":"ExecCredential","apiVersion":"{V1}","status":{{"token":"t"}}}}"#);
        assert_eq!(parse(json.as_bytes(), V1).unwrap().token, "t");
        let yaml = format!(
            "kind: ExecCredential\napiVersion: {V1}\nstatus:\n  token: t\n  expirationTimestamp: 2030-01-01T00:00:00Z\n"
        );
        assert!(parse(yaml.as_bytes(), V1).unwrap().expiration_timestamp.is_some());
    }

    #[test]
    fn an_answer_that_cannot_be_used_is_named_and_not_quoted() {
        let answer = |version: &str, status: &str| {
            refusal(&format!(
                r#"{{"kind":"ExecCredential","apiVersion":"{version}",{status}}}"#
            ))
        };
        assert!(refusal("s3cret").contains("not an ExecCredential"));
        assert!(answer(V1, r#""spec":{}"#).contains("no status"));
        assert!(answer(V1, r#""status":{}"#).contains("neither a token"));
        assert!(answer(V1, r#""status":{"clientKeyData":"s3cret"}"#).contains("only one of"));
        assert!(answer("client.authentication.k8s.io/v1beta1", r#""status":{"token":"s3cret"}"#).contains("v1beta1"));
        let texts = [refusal("s3cret"), answer(V1, r#""status":{"token":["s3cret"]}"#)];
        assert!(texts.iter().all(|text| !text.contains("s3cret")), "{texts:?}");
    }
}
