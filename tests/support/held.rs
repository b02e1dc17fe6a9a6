//! A control plane of the testbed, held in the state of a scenario, and its kubectl.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A control plane in the state of a scenario; it goes with this value, also on a panic.
pub struct Held {
    testbed: Child,
    /// Of the scenario's user.
    pub kubeconfig: String,
    pub admin: String,
    /// Addresses of the processes behind the pods of the cluster's DNS, by pod.
    #[allow(dead_code, reason = "not every test asks them")]
    pub dns: BTreeMap<String, String>,
}

impl Held {
    /// By the name of a scenario, or the path of its file.
    pub fn start(name: &str) -> Result<Self, String> {
        let program = root().join("target/testbed/bin/testbed");
        let mut command = Command::new(&program);
        command
            .args(["run", name])
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut testbed = command
            .spawn()
            .map_err(|error| format!("{}: {error}; run tests/testbed/build", program.display()))?;
        let mut line = String::new();
        let answered = BufReader::new(testbed.stdout.take().unwrap()).read_line(&mut line);
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let said = testbed
                .wait_with_output()
                .map(|out| String::from_utf8_lossy(&out.stderr).into_owned());
            return Err(format!("the testbed did not bring it up ({answered:?}): {said:?}"));
        };
        let text = |field: &str| ready[field].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            testbed,
            kubeconfig: text("kubeconfig"),
            admin: text("adminKubeconfig"),
            dns: serde_json::from_value(ready["dns"].clone()).unwrap_or_default(),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // The testbed ends when its standard input closes.
        drop(self.testbed.stdin.take());
        let _ = self.testbed.wait();
    }
}

/// The real kubectl.
pub fn kubectl(kubeconfig: &str, words: &[&str]) -> Output {
    Command::new(root().join("target/testbed/bin/kubectl"))
        .args(words)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
