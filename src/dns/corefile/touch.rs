//! Plugins that answer, or change the question, before `kubernetes` is asked. The order is that of `plugin.cfg`, whatever
//! the order in the Corefile: `rewrite`, `acl`, `cache`, `template`, `hosts`, and then `kubernetes`.

use super::{Directive, ServerBlock, within};

/// What a plugin does to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch<'a> {
    /// The plugin, or the line of it.
    pub plugin: &'a Directive,
    /// Whether that is sure. It is not where an expression, a file or the client's address decides.
    pub certain: bool,
}

impl ServerBlock {
    /// The plugins that keep questions of addresses of a name from `kubernetes`, or ask it something else.
    pub fn touches(&self, name: &str) -> Vec<Touch<'_>> {
        let mut found = Vec::new();
        for plugin in &self.plugins {
            let certain = match plugin.name.as_str() {
                "rewrite" => rewrite(plugin, name),
                "template" => self.template(plugin, name),
                "hosts" => self.hosts(plugin, name),
                "acl" => Some(false),
                _ => None,
            };
            found.extend(certain.map(|certain| Touch { plugin, certain }));
        }
        found
    }

    /// `template CLASS TYPE [ZONE…] { match REGEX…; fallthrough … }`. Where no expression matches the answer is SERVFAIL,
    /// unless it falls through. Source: <https://coredns.io/plugins/template/>.
    fn template(&self, plugin: &Directive, name: &str) -> Option<bool> {
        let [class, kind, zones @ ..] = plugin.arguments.as_slice() else {
            return None;
        };
        let asked = ["IN", "ANY"].contains(&class.as_str()) && ["A", "AAAA", "SRV", "ANY"].contains(&kind.as_str());
        let mine = self.origins(zones).iter().any(|zone| within(name, zone));
        let conditions = plugin
            .body
            .iter()
            .any(|line| ["match", "expr"].contains(&line.name.as_str()));
        let falls = plugin.fallthrough().iter().any(|zone| within(name, zone));
        (asked && mine).then_some(!(conditions && falls))
    }

    /// `hosts [FILE [ZONE…]] { ADDRESS NAME…; fallthrough … }`. Without an entry the answer is SERVFAIL, unless it falls
    /// through. Source: <https://coredns.io/plugins/hosts/>, `plugin/hosts/hosts.go`.
    fn hosts(&self, plugin: &Directive, name: &str) -> Option<bool> {
        let zones = plugin.arguments.get(1..).unwrap_or_default();
        if !self.origins(zones).iter().any(|zone| within(name, zone)) {
            return None;
        }
        let same = |entry: &String| entry.trim_end_matches('.').eq_ignore_ascii_case(name);
        let inline = plugin.body.iter().any(|line| line.arguments.iter().any(same));
        let falls = plugin.fallthrough().iter().any(|zone| within(name, zone));
        match (inline || !falls, plugin.arguments.is_empty()) {
            (true, _) => Some(true),
            (false, true) => None,
            // What the file holds is not known.
            (false, false) => Some(false),
        }
    }
}

/// `rewrite [continue|stop] name [exact|prefix|suffix|substring|regex] FROM TO …`, or the same as the first line of a block.
/// Source: <https://coredns.io/plugins/rewrite/>.
fn rewrite(plugin: &Directive, name: &str) -> Option<bool> {
    let own = plugin.arguments.iter().map(String::as_str);
    let block = plugin.body.first().into_iter();
    let block =
        block.flat_map(|line| std::iter::once(line.name.as_str()).chain(line.arguments.iter().map(String::as_str)));
    let words: Vec<&str> = own
        .chain(block)
        .skip_while(|word| ["continue", "stop"].contains(word))
        .collect();
    let ["name", rest @ ..] = words.as_slice() else {
        return None;
    };
    let (kind, from) = match rest {
        [kind @ ("exact" | "prefix" | "suffix" | "substring" | "regex"), from, ..] => (*kind, *from),
        [from, ..] => ("exact", *from),
        [] => return None,
    };
    let from = from.to_ascii_lowercase();
    let whole = from.trim_end_matches('.');
    let matched = match kind {
        "exact" => name == whole,
        "prefix" => name.starts_with(&from),
        "suffix" => name.ends_with(whole),
        "substring" => format!("{name}.").contains(&from),
        // Which names an expression means is not worked out here.
        _ => return Some(false),
    };
    matched.then_some(true)
}
