//! What differs between two JSON trees, leaf by leaf, with paths as people write them.

use serde::Serialize;
use serde_json::{Map, Value};

/// One place in which two trees differ.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// For instance `spec.containers[app].image`: items of a list by their name where all have one, else by place.
    pub path: String,
    /// Before; `None` where it was absent.
    pub from: Option<Value>,
    /// After; `None` where it is absent.
    pub to: Option<Value>,
}

/// Every difference, in the order of the keys. What was added or removed as a whole is one.
pub fn changes(from: &Value, to: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    compare(String::new(), Some(from), Some(to), &mut found);
    found
}

fn compare(path: String, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Change>) {
    match (from, to) {
        (from, to) if from == to => {}
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            for key in both(old.keys(), new.keys()) {
                compare(below(&path, key), old.get(key), new.get(key), found);
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => match (by_name(old), by_name(new)) {
            (Some(old), Some(new)) if !(old.is_empty() || new.is_empty()) => {
                for name in both(old.iter().map(|(name, _)| *name), new.iter().map(|(name, _)| *name)) {
                    compare(format!("{path}[{name}]"), item(&old, name), item(&new, name), found);
                }
                let order =
                    |list: &[(&str, &Value)]| list.iter().map(|(name, _)| (*name).into()).collect::<Vec<Value>>();
                let (old, new) = (order(&old), order(&new));
                let same =
                    |list: &[Value], other: &[Value]| list.iter().filter(|n| other.contains(n)).cloned().collect();
                let (kept_old, kept_new): (Vec<Value>, Vec<Value>) = (same(&old, &new), same(&new, &old));
                if kept_old != kept_new {
                    push(format!("{path} (order)"), Some(&old.into()), Some(&new.into()), found);
                }
            }
            _ if old.len() == new.len() && old.iter().chain(new).all(Value::is_object) => {
                for (at, (old, new)) in old.iter().zip(new).enumerate() {
                    compare(format!("{path}[{at}]"), Some(old), Some(new), found);
                }
            }
            // Words of a command, or another number of things without a name: only the whole makes sense.
            _ => push(path, from, to, found),
        },
        _ => push(path, from, to, found),
    }
}

fn push(path: String, from: Option<&Value>, to: Option<&Value>, found: &mut Vec<Change>) {
    let (from, to) = (from.cloned(), to.cloned());
    found.push(Change { path, from, to });
}

/// The words of two lists, each once: those of the first in their order, then what only the second has.
fn both<'k, K: PartialEq + ?Sized + 'k>(
    old: impl Iterator<Item = &'k K>,
    new: impl Iterator<Item = &'k K>,
) -> Vec<&'k K> {
    let mut all: Vec<&K> = old.collect();
    for key in new {
        if !all.contains(&key) {
            all.push(key);
        }
    }
    all
}

/// Keys of labels and annotations hold dots.
fn below(path: &str, key: &str) -> String {
    if key.contains(['.', '/', '[']) {
        format!("{path}[{key}]")
    } else if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The items of a list by their names; `None` where one has no name, or two have the same.
fn by_name(list: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let named: Vec<_> = list
        .iter()
        .map(|item| Some((item.get("name")?.as_str()?, item)))
        .collect::<Option<_>>()?;
    let twice = |(at, (name, _)): (usize, &(&str, &Value))| named[..at].iter().any(|(other, _)| other == name);
    (!named.iter().enumerate().any(twice)).then_some(named)
}

fn item<'v>(list: &[(&str, &'v Value)], name: &str) -> Option<&'v Value> {
    list.iter().find(|(known, _)| *known == name).map(|(_, item)| *item)
}

/// The tree with its keys in order, as kubectl prints it.
pub fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut entries: Vec<_> = fields.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let sorted = entries.into_iter().map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(from: Value, to: Value) -> Vec<String> {
        let text = |value: &Option<Value>| value.as_ref().map_or("-".to_owned(), Value::to_string);
        let line = |change: &Change| format!("{}: {} {}", change.path, text(&change.from), text(&change.to));
        changes(&from, &to).iter().map(line).collect()
    }

    #[test]
    fn named_items_are_compared_by_name() {
        let from = json!({"spec": {"containers": [{"name": "app", "image": "a:1"}, {"name": "side", "image": "s:1"}]}});
        let to = json!({"spec": {"containers": [{"name": "new", "image": "n:1"}, {"name": "app", "image": "a:2"}]}});
        assert_eq!(
            said(from, to),
            [
                r#"spec.containers[app].image: "a:1" "a:2""#,
                r#"spec.containers[side]: {"image":"s:1","name":"side"} -"#,
                r#"spec.containers[new]: - {"image":"n:1","name":"new"}"#,
            ]
        );
    }

    #[test]
    fn an_order_that_changes_is_a_difference() {
        let list = |names: &[&str]| json!({"env": names.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()});
        assert_eq!(
            said(list(&["A", "B"]), list(&["B", "A"])),
            [r#"env (order): ["A","B"] ["B","A"]"#]
        );
    }

    #[test]
    fn words_of_a_command_are_one_thing_and_keys_with_dots_are_in_brackets() {
        let from = json!({"args": ["a", "b"], "annotations": {"example.com/at": "1"}});
        let to = json!({"args": ["a"], "annotations": {"example.com/at": "2"}, "more": null});
        assert_eq!(
            said(from, to),
            [
                r#"annotations[example.com/at]: "1" "2""#,
                r#"args: ["a","b"] ["a"]"#,
                r#"more: - null"#,
            ]
        );
    }

    #[test]
    fn equal_trees_do_not_differ() {
        let tree = json!({"a": [1, {"b": null}]});
        assert_eq!(changes(&tree, &tree), []);
        assert_eq!(sorted(&tree), tree);
    }
}
