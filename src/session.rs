//! What every command gets: where to read from, and where and how to write.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::cluster::collect::{Asked, Collected, Keep, collect};
use crate::cluster::connect::{Connection, connect};
use crate::cluster::files::read_snapshot;
use crate::cluster::watch::Rounds;
use crate::global::{Colour, Global};
use crate::model::rounds::{Needs, as_asked};
use crate::model::snapshot::{Scope, Snapshot};
use crate::render::Layout;
use crate::render::cell::cell;
use crate::render::palette::Palette;

/// One run of a command.
#[derive(Debug)]
pub struct Session {
    pub(crate) global: Global,
    layout: Layout,
}

impl Session {
    /// A session that writes to standard output.
    pub fn new(global: Global) -> Self {
        let colour = match global.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never,
        };
        let terminal = std::io::stdout()
            .is_terminal()
            .then(terminal_size::terminal_size)
            .flatten();
        let width = terminal
            .map(|(width, _)| usize::from(width.0))
            .filter(|width| *width > 0);
        Self {
            global,
            layout: Layout {
                width,
                palette: Palette::new(colour),
            },
        }
    }

    /// Width and colours.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Reads from the cluster, or from the file that stands for it.
    /// `names`: the sets that the answer is about, as typed; none means all.
    pub async fn read<'n>(&self, needs: impl Into<Needs<'n>>, names: &[String]) -> Result<Snapshot> {
        match &self.global.from {
            Some(path) => {
                let mut snapshot = read_snapshot(path)?;
                self.within(&snapshot.scope)?;
                as_asked(&mut snapshot, needs.into());
                Ok(snapshot)
            }
            None => Ok(self.collect(needs.into(), names, Keep::Nothing).await?.snapshot),
        }
    }

    /// Refuses to answer for namespaces that a recording never looked at: it would say that nothing is there.
    fn within(&self, recorded: &Scope) -> Result<()> {
        let Some(only) = recorded.namespace() else {
            return Ok(());
        };
        let other = self
            .global
            .namespace
            .as_deref()
            .is_some_and(|namespace| namespace != only);
        if self.global.all_namespaces || other {
            bail!("the recording holds namespace {only} only");
        }
        Ok(())
    }

    /// Reads from the cluster again and again, for as long as `limit` says.
    pub async fn rounds<'a>(
        &self,
        needs: impl Into<Needs<'a>>,
        names: &'a [String],
        limit: Option<Duration>,
    ) -> Result<Rounds<'a>> {
        let needs = needs.into();
        let asked = |connection: &Connection| Asked {
            scope: self.scope(connection),
            needs,
            names,
            keep: Keep::Nothing,
        };
        Rounds::start(self.global.connect_args(), asked, limit).await
    }

    fn scope(&self, connection: &Connection) -> Scope {
        match self.global.all_namespaces {
            true => Scope::All,
            false => Scope::Namespace(connection.namespace.clone()),
        }
    }

    /// Connects, for a command that does more than read.
    pub async fn connect(&self) -> Result<Connection> {
        connect(&self.global.connect_args()).await
    }

    /// Reads from the cluster.
    pub async fn collect(&self, needs: Needs<'_>, names: &[String], keep: Keep) -> Result<Collected> {
        self.collect_over(&self.connect().await?, needs, names, keep).await
    }

    /// The same over a connection that there is.
    pub async fn collect_over(
        &self,
        connection: &Connection,
        needs: Needs<'_>,
        names: &[String],
        keep: Keep,
    ) -> Result<Collected> {
        let asked = Asked {
            scope: self.scope(connection),
            needs,
            names,
            keep,
        };
        Ok(collect(&connection.client, &connection.context, asked).await?)
    }

    /// The one namespace that is looked at; `None` for all of them.
    pub fn namespace<'s>(&'s self, snapshot: &'s Snapshot) -> Option<&'s str> {
        match &self.global.namespace {
            _ if self.global.all_namespaces => None,
            Some(namespace) => Some(namespace),
            None => snapshot.scope.namespace(),
        }
    }

    /// Writes the answer.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    /// Writes a remark beside the answer.
    pub fn remark(&self, text: &str) {
        // Without a standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), "{}", cell(text));
    }
}

/// Whether writing failed because nobody reads any more.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |io: &std::io::Error| io.kind() == std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(broken))
}
