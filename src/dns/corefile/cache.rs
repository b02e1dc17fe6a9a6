//! The `cache` plugin: how long a server repeats what it said.
//! Source: <https://coredns.io/plugins/cache/>, `plugin/cache/setup.go`, `plugin/cache/cache.go` (computeTTL, set).

use super::{ServerBlock, within, zone};

/// What the plugin is told. Times are seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The zones that it keeps answers of.
    pub zones: Vec<String>,
    /// How long it keeps records.
    pub success: Bounds,
    /// How long it keeps that there are none.
    pub denial: Bounds,
    /// How long it goes on with an answer that may no longer be kept, as written; `None` where it does not.
    pub serve_stale: Option<String>,
}

/// How long answers of one kind are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At least.
    pub least: u32,
    /// At most.
    pub most: u32,
    /// Not at all in these zones; the root is empty.
    pub except: Vec<String>,
}

/// Source: `plugin/cache/cache.go` (minTTL, minNTTL), `plugin/pkg/dnsutil/ttl.go`.
const LEAST: u32 = 5;
/// Records, where the Corefile does not say. Source: the same (maxTTL).
const MOST_SUCCESS: u32 = 3600;
/// Absences, likewise (maxNTTL).
const MOST_DENIAL: u32 = 1800;

impl Bounds {
    fn kept(&self, name: &str, ttl: u32) -> Option<u32> {
        let excepted = self.except.iter().any(|zone| within(name, zone));
        let seconds = ttl.max(self.least).min(self.most);
        (!excepted && seconds > 0).then_some(seconds)
    }
}

impl Cache {
    /// Seconds that a record of this name is repeated without looking again; `None` where it is not kept.
    /// `ttl`: the record's own.
    pub fn keeps(&self, name: &str, ttl: u32) -> Option<u32> {
        self.success.kept(name, ttl).filter(|_| self.covers(name))
    }

    /// The same of its absence. `ttl`: that of the SOA record.
    pub fn keeps_denial(&self, name: &str, ttl: u32) -> Option<u32> {
        self.denial.kept(name, ttl).filter(|_| self.covers(name))
    }

    fn covers(&self, name: &str) -> bool {
        self.zones.iter().any(|zone| within(name, zone))
    }
}

impl ServerBlock {
    /// Its `cache` plugin.
    pub fn cache(&self) -> Option<Cache> {
        // CoreDNS takes one a block.
        let plugin = self.plugins("cache").next()?;
        // A number is the time, and zones follow it.
        let own = plugin.number(0);
        let zones = &plugin.arguments[usize::from(own.is_some())..];
        let bounds = |kind: &str, most: u32| {
            let line = plugin.lines(kind).last();
            let told = |at| line.and_then(|line| line.number(at));
            // Behind the kind stand how many answers, then times.
            let disabled = plugin
                .lines("disable")
                .filter(|line| line.arguments.first().is_some_and(|word| word == kind));
            let except = disabled.last().map(|line| match &line.arguments[1..] {
                [] => vec![String::new()],
                named => named.iter().flat_map(|zone| zone::zones(zone)).collect(),
            });
            Bounds {
                least: told(2).unwrap_or(LEAST),
                most: told(1).or(own).unwrap_or(most),
                except: except.unwrap_or_default(),
            }
        };
        let stale = plugin.lines("serve_stale").last();
        Some(Cache {
            zones: self.origins(zones),
            success: bounds("success", MOST_SUCCESS),
            denial: bounds("denial", MOST_DENIAL),
            serve_stale: stale.map(|line| line.arguments.first().map_or("1h", String::as_str).to_owned()),
        })
    }

    /// Seconds that this server repeats that a name of the cluster does not exist, before it looks again; `None` where it looks
    /// each time. The SOA record's time, within the cache's bounds.
    pub fn repeats_denial(&self, name: &str) -> Option<u32> {
        let ttl = self.kubernetes().filter(|plugin| plugin.serves(name))?.denial_ttl();
        self.cache()?.keeps_denial(name, ttl)
    }

    /// The same of a record that it has.
    pub fn repeats(&self, name: &str) -> Option<u32> {
        let ttl = self.kubernetes().filter(|plugin| plugin.serves(name))?.ttl;
        self.cache()?.keeps(name, ttl)
    }
}
