//! Which controllers the model is held against.

use std::path::PathBuf;

/// One oracle.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// As in its binary's name, such as `1.34`.
    pub minor: &'static str,
    /// The version that it was built from; the modules of `tests/testbed` say the same.
    pub full: &'static str,
}

const NEWEST: &str = "1.36";

pub const ALL: [Version; 4] = [
    Version {
        minor: "1.33",
        full: "v1.33.13",
    },
    Version {
        minor: "1.34",
        full: "v1.34.4",
    },
    Version {
        minor: "1.35",
        full: "v1.35.4",
    },
    Version {
        minor: NEWEST,
        full: "v1.36.3",
    },
];

impl Version {
    /// Those that `KUBECTL_STS_VERSIONS` names (`1.33,1.35`, or `all`), otherwise the newest and one older.
    pub fn wanted() -> Vec<Self> {
        let names = std::env::var("KUBECTL_STS_VERSIONS").unwrap_or_else(|_| "1.34,1.36".to_owned());
        if names == "all" {
            return ALL.to_vec();
        }
        let find = |name| ALL.into_iter().find(|version| version.minor == name);
        let known = |name| find(name).unwrap_or_else(|| panic!("no oracle of version {name}; there are {ALL:?}"));
        names.split(',').map(known).collect()
    }

    /// The oracle's binary.
    pub fn binary(self) -> PathBuf {
        let name = match self.minor {
            NEWEST => "oracle".to_owned(),
            older => format!("oracle-{older}"),
        };
        PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("target/testbed/bin")
            .join(name)
    }

    /// Whether the sync is told the time; older ones read the clock, and moments are then not exact.
    pub fn told_the_time(self) -> bool {
        self.minor >= "1.35"
    }

    /// Whether templates are stored with a creation time that is never set.
    pub fn writes_null_timestamps(self) -> bool {
        self.minor <= "1.33"
    }

    /// Whether the controller has this gate.
    pub fn compares_semantically(self) -> bool {
        self.minor >= "1.34"
    }
}
