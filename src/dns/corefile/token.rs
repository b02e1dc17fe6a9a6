//! Words of a Corefile. Source: `caddyfile/lexer.go` of <https://github.com/coredns/caddy>, which CoreDNS reads with.

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    /// Without its quotes.
    pub text: String,
    /// Where it begins, from 1.
    pub line: usize,
    /// Whether it is the first of its line.
    pub first: bool,
}

/// Splits a text at white space. What begins with a quote goes to the next one, over lines too, and only a quote can be
/// escaped in it; `#` begins a comment wherever it stands outside of quotes.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found: Vec<Token> = Vec::new();
    let mut word = String::new();
    // Where the word began, where the last one ended, where we are.
    let (mut began, mut ended, mut line) = (1, 0, 1);
    let (mut quoted, mut escaped, mut comment) = (false, false, false);
    let mut push = |word: &mut String, began: usize, line: usize| {
        let first = ended < began;
        ended = line;
        let text = std::mem::take(word);
        found.push(Token {
            text,
            line: began,
            first,
        });
    };
    for c in text.strip_prefix('\u{feff}').unwrap_or(text).chars() {
        if quoted {
            match c {
                '\\' if !escaped => {
                    escaped = true;
                    continue;
                }
                '"' if !escaped => {
                    quoted = false;
                    push(&mut word, began, line);
                    continue;
                }
                _ => {}
            }
            line += usize::from(c == '\n');
            if escaped && c != '"' {
                word.push('\\');
            }
            word.push(c);
            escaped = false;
        } else if c == '\r' {
            // The end of a line that Windows wrote.
        } else if c.is_whitespace() {
            if !word.is_empty() {
                push(&mut word, began, line);
            }
            line += usize::from(c == '\n');
            comment &= c != '\n';
        } else if comment || c == '#' {
            comment = true;
        } else {
            if word.is_empty() {
                began = line;
                quoted = c == '"';
            }
            if !quoted {
                word.push(c);
            }
        }
    }
    if !word.is_empty() {
        push(&mut word, began, line);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mark = |token: Token| match token.first {
            true => format!("{}:{}", token.line, token.text),
            false => token.text,
        };
        tokens(text).into_iter().map(mark).collect()
    }

    #[test]
    fn words_are_caddy_s() {
        assert_eq!(words(". {\r\n errors # why\n}"), ["1:.", "{", "2:errors", "3:}"]);
        assert_eq!(words("a#b c\nd"), ["1:a", "2:d"]);
        assert_eq!(words(r#"x "a \"b\" \d" y"#), ["1:x", r#"a "b" \d"#, "y"]);
        assert_eq!(words("\u{feff}x \"a\nb\" y\nz"), ["1:x", "a\nb", "y", "3:z"]);
        assert_eq!(words("x \"\" y\""), ["1:x", "", "y\""]);
        assert_eq!(words("x \"never closed"), ["1:x", "never closed"]);
        assert!(words(" \n#only this\n").is_empty());
    }
}
