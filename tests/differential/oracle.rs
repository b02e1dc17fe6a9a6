//! The oracle as a child process: lines in, lines out.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kubectl_sts::controller::canonical;
use serde_json::Value;

/// One process; it ends when its input does.
pub struct Oracle {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start() -> Self {
        let built = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/testbed/bin/oracle");
        let path = std::env::var_os("KUBECTL_STS_ORACLE").map_or_else(built, PathBuf::from);
        let child = Command::new(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            panic!("no oracle at {}: {error}; tests/testbed/build makes it", path.display());
        });
        let to = child.stdin.take();
        let from = BufReader::new(child.stdout.take().unwrap());
        Self { child, to, from }
    }

    pub fn ask(&mut self, states: &[Value]) -> Vec<Value> {
        let (to, from) = (self.to.as_mut().unwrap(), &mut self.from);
        std::thread::scope(|scope| {
            // Written beside reading: neither pipe holds a whole chunk.
            scope.spawn(move || {
                // As Go's encoder writes it: the controller compares the bytes of revisions.
                let lines: String = states.iter().map(|state| canonical(state) + "\n").collect();
                to.write_all(lines.as_bytes()).unwrap();
                to.flush().unwrap();
            });
            states
                .iter()
                .map(|_| {
                    let mut line = String::new();
                    from.read_line(&mut line).unwrap();
                    serde_json::from_str(&line).unwrap()
                })
                .collect()
        })
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}
