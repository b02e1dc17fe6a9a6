//! Label selectors as people type them after `-l`.

use super::objects::{LabelSelector, SelectorRequirement};

/// Parses `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b)`, `a` and `!a`, separated by commas.
/// Source: `staging/src/k8s.io/apimachinery/pkg/labels/selector.go`.
///
/// # Errors
/// The part that is no requirement.
pub fn parse(text: &str) -> Result<LabelSelector, String> {
    let mut selector = LabelSelector::default();
    for part in split(text) {
        let requirement = requirement(part.trim()).ok_or_else(|| part.trim().to_owned())?;
        selector.match_expressions.push(requirement);
    }
    Ok(selector)
}

/// Commas inside parentheses separate values, not requirements.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn requirement(part: &str) -> Option<SelectorRequirement> {
    let made = |key: &str, operator: &str, values: Vec<&str>| {
        let key = key.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        (!key.is_empty() && key.chars().all(plain)).then(|| SelectorRequirement {
            key: key.to_owned(),
            operator: operator.to_owned(),
            values: values.into_iter().map(|value| value.trim().to_owned()).collect(),
        })
    };
    for (word, operator) in [(" notin ", "NotIn"), (" in ", "In")] {
        if let Some((key, list)) = part.split_once(word) {
            let list = list.trim().strip_prefix('(')?.strip_suffix(')')?;
            return made(key, operator, list.split(',').collect());
        }
    }
    if let Some((key, value)) = part.split_once("!=") {
        return made(key, "NotIn", vec![value]);
    }
    if let Some((key, value)) = part.split_once('=') {
        return made(key, "In", vec![value.strip_prefix('=').unwrap_or(value)]);
    }
    match part.strip_prefix('!') {
        Some(key) => made(key, "DoesNotExist", Vec::new()),
        None => made(part, "Exists", Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn all_forms_select() {
        let labels = BTreeMap::from([
            ("app".to_owned(), "db".to_owned()),
            ("tier".to_owned(), "prod".to_owned()),
        ]);
        let holds = |text: &str| parse(text).unwrap().matches(&labels);
        for text in [
            "app=db",
            "app==db,tier",
            "app!=web",
            "tier in (test, prod),app",
            "tier notin (test)",
            "!zone",
        ] {
            assert!(holds(text), "{text}");
        }
        for text in ["app=web", "!app", "tier notin (prod,test)", "zone"] {
            assert!(!holds(text), "{text}");
        }
        assert_eq!(parse("app=db,(").unwrap_err(), "(");
    }
}
