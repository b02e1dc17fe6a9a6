//! From words to server blocks. Source: `caddyfile/parse.go` of <https://github.com/coredns/caddy>.

use std::collections::BTreeMap;

use super::token::{Token, tokens};
use super::{Corefile, Directive, ServerBlock, Unread, zone};

/// Imports that are followed, and words that are read, at most: files import each other in circles.
const MOST_IMPORTS: usize = 200;
const MOST_TOKENS: usize = 100_000;
/// Braces within braces, at most.
const MOST_NESTING: usize = 16;

pub(super) fn parse(text: &str, pieces: &BTreeMap<String, String>) -> Corefile {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        pieces,
        snippets: BTreeMap::new(),
        imports: 0,
        found: Corefile::default(),
    };
    parser.tokens.truncate(MOST_TOKENS);
    while parser.at < parser.tokens.len() {
        parser.block();
    }
    parser.found
}

struct Parser<'p> {
    tokens: Vec<Token>,
    at: usize,
    pieces: &'p BTreeMap<String, String>,
    snippets: BTreeMap<String, Vec<Token>>,
    imports: usize,
    found: Corefile,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn text(&self) -> &str {
        self.peek().map_or("", |token| token.text.as_str())
    }

    fn line(&self) -> usize {
        let last = self.tokens.last();
        self.peek().or(last).map_or(1, |token| token.line)
    }

    fn unread(&mut self, line: usize, what: String) {
        self.found.unread.push(Unread { line, what });
    }

    /// The word here, which is gone past. What the environment gives it is not known.
    fn take(&mut self) -> String {
        let text = self.text().to_owned();
        if has_variable(&text) {
            self.unread(self.line(), format!("{text} is set by the server's environment"));
        }
        self.at += 1;
        text
    }

    /// Zones, and what is in their braces; or a snippet.
    fn block(&mut self) {
        let line = self.line();
        let mut keys: Vec<(String, usize)> = Vec::new();
        let mut another = true;
        while let Some(token) = self.peek() {
            if token.first && token.text == "import" {
                self.import();
                continue;
            }
            let ends = token.text == "{" || (token.first && !another);
            if ends {
                break;
            }
            let line = token.line;
            if token.text == "}" {
                self.at += 1;
                self.unread(line, "a brace closes nothing".to_owned());
                continue;
            }
            let key = self.take();
            another = key.ends_with(',');
            let key = key.strip_suffix(',').unwrap_or(&key);
            if !key.is_empty() {
                keys.push((key.to_owned(), line));
            }
        }
        if let [(name, _)] = keys.as_slice()
            && let Some(name) = name.strip_prefix('(').and_then(|name| name.strip_suffix(')'))
        {
            let name = name.to_owned();
            return self.snippet(name, line);
        }
        if keys.is_empty() && self.peek().is_none() {
            return;
        }
        let braces = self.text() == "{";
        if braces {
            self.at += 1;
        }
        let plugins = self.directives(0, braces, line);
        let mut addresses = Vec::new();
        for (key, line) in keys {
            match zone::addresses(&key) {
                Some(more) => addresses.extend(more),
                None => self.unread(line, format!("{key:?} is no zone")),
            }
        }
        self.found.blocks.push(ServerBlock {
            addresses,
            plugins,
            line,
        });
    }

    /// Lines until the brace that closes them, which is gone past.
    fn directives(&mut self, nesting: usize, braces: bool, opened: usize) -> Vec<Directive> {
        let mut found = Vec::new();
        while let Some(token) = self.peek() {
            let line = token.line;
            match token.text.as_str() {
                "}" => {
                    self.at += 1;
                    if braces {
                        return found;
                    }
                    self.unread(line, "a brace closes nothing".to_owned());
                }
                "{" => {
                    self.at += 1;
                    self.unread(line, "a brace opens what has no name".to_owned());
                    if nesting < MOST_NESTING {
                        self.directives(nesting + 1, true, line);
                    }
                }
                "import" => self.import(),
                _ => found.push(self.directive(nesting)),
            }
        }
        if braces {
            self.unread(opened, "a brace is not closed".to_owned());
        }
        found
    }

    /// One name with its arguments, and with its block where there is one.
    fn directive(&mut self, nesting: usize) -> Directive {
        let line = self.line();
        let name = self.take();
        let mut directive = Directive {
            name,
            line,
            ..Directive::default()
        };
        while let Some(token) = self.peek() {
            match token.text.as_str() {
                "{" if nesting < MOST_NESTING => {
                    let opened = token.line;
                    self.at += 1;
                    directive.body = self.directives(nesting + 1, true, opened);
                    break;
                }
                "}" => break,
                _ if token.first => break,
                _ => {
                    let argument = self.take();
                    directive.arguments.push(argument);
                }
            }
        }
        directive
    }

    /// Keeps the words between braces under a name.
    fn snippet(&mut self, name: String, line: usize) {
        if self.text() != "{" {
            return self.unread(line, format!("the snippet {name} has no block"));
        }
        let from = self.at + 1;
        let mut depth = 0_usize;
        let mut until = None;
        for (n, token) in self.tokens.iter().enumerate().skip(self.at) {
            match token.text.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                until = Some(n);
                break;
            }
        }
        let end = until.unwrap_or(self.tokens.len());
        if until.is_none() {
            self.unread(line, format!("the snippet {name} is not closed"));
        }
        self.snippets.insert(name, self.tokens[from..end].to_vec());
        self.at = end + 1;
    }

    /// Puts what is imported in the place of the import.
    fn import(&mut self) {
        let (from, line) = (self.at, self.line());
        self.at += 1;
        let named = self.peek().is_some_and(|token| !token.first && token.text != "}");
        if !named {
            return self.unread(line, "an import names nothing".to_owned());
        }
        let pattern = self.take();
        let mut more: Vec<Token> = Vec::new();
        self.imports += 1;
        if self.imports > MOST_IMPORTS {
            self.unread(line, format!("import {pattern}: more imports than are followed"));
        } else if let Some(snippet) = self.snippets.get(&pattern) {
            more.clone_from(snippet);
        } else {
            let matching = self.pieces.iter().filter(|(name, _)| matches(&pattern, name));
            let known: Vec<_> = matching.map(|(_, text)| tokens(text)).collect();
            match (known.is_empty(), pattern.contains(['*', '?', '['])) {
                (true, true) => self.found.empty_imports.push(pattern),
                (true, false) => self.unread(
                    line,
                    format!("import {pattern}: neither a snippet nor a file that is known"),
                ),
                (false, _) => more = known.into_iter().flatten().collect(),
            }
        }
        if self.tokens.len() + more.len() > MOST_TOKENS {
            more.clear();
            self.unread(line, "the imports are longer than is read".to_owned());
        }
        // What follows on the line of an import is refused by CoreDNS; what begins it begins a line.
        self.tokens.splice(from..self.at, more);
        self.at = from;
    }
}

fn has_variable(text: &str) -> bool {
    ["{$", "{%"].iter().any(|start| text.contains(start))
}

/// Whether a file's name is meant by the last part of a pattern; one star may stand for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let last = pattern.rsplit('/').next().unwrap_or_default();
    match last.split_once('*') {
        Some((before, after)) => {
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
        None => last == name,
    }
}
