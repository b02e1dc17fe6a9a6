//! A Corefile: which of CoreDNS's server blocks answers a name, and with which plugins.
//!
//! Source: <https://coredns.io/manual/configuration/>; the grammar is that of `caddyfile/parse.go` in
//! <https://github.com/coredns/caddy>, zones and ports that of `core/dnsserver/register.go` and `plugin/normalize.go` in
//! <https://github.com/coredns/coredns>. CoreDNS does not start with a file that it cannot read, and goes on with its old one
//! where it runs; here what can be read is read, and what cannot is said.

mod cache;
mod kubernetes;
mod parse;
mod token;
mod touch;
mod zone;

use std::collections::BTreeMap;

pub use cache::Cache;
pub use kubernetes::Kubernetes;
pub use touch::Touch;
pub use zone::{Address, Transport, is_reverse, within};

/// What a Corefile says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Corefile {
    /// Its server blocks, in its order, with what they import.
    pub blocks: Vec<ServerBlock>,
    /// What could not be read, or hangs on what is not in the file.
    pub unread: Vec<Unread>,
    /// Patterns of imported files that nothing is known for. CoreDNS takes such a pattern as empty.
    pub empty_imports: Vec<String>,
}

/// Zones at ports, and how they are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerBlock {
    /// Zones, each at a port.
    pub addresses: Vec<Address>,
    /// Plugins, in the order of the file. CoreDNS asks them in the order in which it was built, see [`ServerBlock::touches`].
    pub plugins: Vec<Directive>,
    /// Its line.
    pub line: usize,
}

/// A plugin, or a line of its block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive {
    /// Its name.
    pub name: String,
    /// What follows on its line.
    pub arguments: Vec<String>,
    /// What its braces hold.
    pub body: Vec<Directive>,
    /// Its line, in the file that it stands in.
    pub line: usize,
}

/// Something that a Corefile does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// Its line.
    pub line: usize,
    /// What, in words.
    pub what: String,
}

impl Corefile {
    /// Reads a Corefile. `pieces`: by file name, what it may import.
    pub fn parse(text: &str, pieces: &BTreeMap<String, String>) -> Self {
        parse::parse(text, pieces)
    }

    /// The block that answers a name over plain DNS: that of the longest zone around it. `port`: where the server is asked;
    /// without it any port counts. Of several for the same zone, which `view` makes possible, the first that is for everybody.
    pub fn server(&self, name: &str, port: Option<u16>) -> Option<&ServerBlock> {
        let mut best: Option<(&Address, &ServerBlock)> = None;
        for block in &self.blocks {
            for address in &block.addresses {
                let fits = address.transport == Transport::Dns
                    && port.is_none_or(|port| port == address.port)
                    && within(name, &address.zone);
                let better = best.is_none_or(|(known, of)| {
                    let longer = address.zone.len() > known.zone.len();
                    longer || (address.zone == known.zone && of.for_some() && !block.for_some())
                });
                if fits && better {
                    best = Some((address, block));
                }
            }
        }
        best.map(|(_, block)| block)
    }

    /// The zones of its `kubernetes` plugins, in the order of the file.
    pub fn kubernetes_zones(&self) -> impl Iterator<Item = String> {
        let plugins = self.blocks.iter().filter_map(ServerBlock::kubernetes);
        plugins.flat_map(|kubernetes| kubernetes.zones)
    }
}

impl ServerBlock {
    /// Its plugins of this name.
    pub fn plugins<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Directive> {
        self.plugins.iter().filter(move |plugin| plugin.name == name)
    }

    /// Whether it has this plugin.
    pub fn has(&self, name: &str) -> bool {
        self.plugins(name).next().is_some()
    }

    /// Whether it answers some clients only.
    pub fn for_some(&self) -> bool {
        self.has("view")
    }

    /// Its zones, without what they are served at.
    fn zones(&self) -> impl Iterator<Item = &str> {
        self.addresses.iter().map(|address| address.zone.as_str())
    }

    /// Zones that a plugin names, or where it names none those of the block.
    /// Source: `plugin/normalize.go` (OriginsFromArgsOrServerBlock).
    fn origins(&self, arguments: &[String]) -> Vec<String> {
        match arguments {
            [] => self.zones().map(str::to_owned).collect(),
            named => named.iter().flat_map(|zone| zone::zones(zone)).collect(),
        }
    }
}

impl Directive {
    /// Lines of its block with this name.
    pub fn lines<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s Directive> {
        self.body.iter().filter(move |line| line.name == name)
    }

    /// The number at this place of its arguments.
    fn number(&self, at: usize) -> Option<u32> {
        self.arguments.get(at)?.parse().ok()
    }

    /// Zones for which it goes on to the next plugin where it finds nothing: none, those named, or all.
    /// Source: `plugin/pkg/fall/fall.go`.
    fn fallthrough(&self) -> Vec<String> {
        let zones = |line: &Directive| match line.arguments.as_slice() {
            [] => vec![String::new()],
            named => named.iter().flat_map(|zone| zone::zones(zone)).collect(),
        };
        // The last one counts.
        self.lines("fallthrough").last().map(zones).unwrap_or_default()
    }

    /// The plugin as it was written, in one line without its block.
    pub fn text(&self) -> String {
        let words = std::iter::once(&self.name).chain(&self.arguments);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests;
