//! A folder of its own for one test, with kubeconfigs that point at a fake server, and an environment that holds
//! nothing of the user's.

use std::path::PathBuf;

use kubectl_sts::cluster::connect::{ConnectArgs, Connection, Env, connect_with};

use super::fake_api::{FakeApi, TLS_NAME, tls_file};

pub struct Scene {
    pub folder: PathBuf,
    pub env: Env,
    pub args: ConnectArgs,
}

impl Scene {
    /// `name` is the test's, which makes the folder its own.
    pub fn new(name: &str) -> Scene {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("connect").join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let env = Env {
            home: Some(folder.join("home")),
            service_account: folder.join("account"),
            ..Env::default()
        };
        Scene {
            folder,
            env,
            args: ConnectArgs::default(),
        }
    }

    /// A kubeconfig for a plain server.
    pub fn plain(name: &str, api: &FakeApi) -> Scene {
        Scene::with(name, &format!("server: http://{}", api.address), "")
    }

    /// A kubeconfig for a TLS server, and this user.
    pub fn tls(name: &str, api: &FakeApi, user: &str) -> Scene {
        let (ca, address) = (tls_file("ca.pem"), api.address);
        let cluster = format!(
            "server: https://{address}, tls-server-name: {TLS_NAME}, certificate-authority: {}",
            ca.display()
        );
        Scene::with(name, &cluster, user)
    }

    /// A kubeconfig with one context; cluster and user in flow style.
    pub fn with(name: &str, cluster: &str, user: &str) -> Scene {
        let mut scene = Scene::new(name);
        scene.kubeconfig(
            "config",
            &format!(
                "current-context: one\n\
                 contexts: [{{name: one, context: {{cluster: c, user: u, namespace: shop}}}}]\n\
                 clusters: [{{name: c, cluster: {{{cluster}}}}}]\n\
                 users: [{{name: u, user: {{{user}}}}}]\n"
            ),
        );
        scene
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes a kubeconfig and makes it the only one of the environment.
    pub fn kubeconfig(&mut self, name: &str, text: &str) {
        let path = self.write(name, text);
        self.env.kubeconfig = Some(path.into_os_string());
    }

    pub async fn connect(&self) -> Connection {
        connect_with(&self.args, &self.env)
            .await
            .unwrap_or_else(|err| panic!("{err:#}"))
    }

    /// The whole text of a connection that does not come about, causes included.
    pub async fn refusal(&self) -> String {
        match connect_with(&self.args, &self.env).await {
            Ok(connection) => panic!("connected to {}", connection.server),
            Err(err) => format!("{err:#}"),
        }
    }
}
