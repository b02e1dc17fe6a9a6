//! The oracle as a child process: lines in, lines out.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kubectl_sts::controller::canonical;
use serde_json::Value;

use crate::versions::Version;

/// One process; it ends when its input does.
pub struct Oracle {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Oracle {
    pub fn start(version: Version) -> Self {
        let path = version.binary();
        let child = Command::new(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| {
            let name = path.file_name().unwrap_or_default().display();
            panic!(
                "no oracle at {}: {error}; tests/testbed/build {name} makes it",
                path.display()
            );
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
