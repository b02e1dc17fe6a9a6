//! Every string from a cluster goes through here: it may hold control characters that move cursors and change titles.

/// The text with control and invisible formatting characters made visible.
pub fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Whether a terminal would act on the character instead of showing it.
pub fn is_hidden(c: char) -> bool {
    c.is_control() || is_formatting(c)
}

/// Bidirectional overrides and zero-width characters: they reorder or hide what stands beside them.
fn is_formatting(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// The text at most `most` characters long.
pub fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// A command as it can be pasted into a shell.
pub fn shell(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b))
    };
    let quoted = words.iter().map(|word| match plain(word) {
        true => word.clone(),
        false => format!("'{}'", cell(word).replace('\'', r"'\''")),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_visible() {
        assert_eq!(cell("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
        assert_eq!(cell("größe 容器"), "größe 容器");
    }

    #[test]
    fn commands_survive_a_shell() {
        let words = |line: &[&str]| line.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        assert_eq!(
            shell(&words(&["kubectl", "get", "pod", "web-0"])),
            "kubectl get pod web-0"
        );
        assert_eq!(
            shell(&words(&["a", "{\"b\":1}", "it's", ""])),
            r#"a '{"b":1}' 'it'\''s' ''"#
        );
    }
}
