//! The bytes of a ControllerRevision and the name they give: JSON as Go's encoder writes it, and the hash over it.

use std::fmt::Write;

use serde_json::{Number, Value};

use crate::model::objects::Revision;

/// JSON with sorted keys, no spaces, and Go's escapes and numbers.
/// Source: Go's `encoding/json` (Marshal of a generic map), called by `stateful_set_utils.go` (getPatch).
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // serde_json's map keeps insertion order when any crate of the build asks for that.
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_bytes());
            out.push('{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(key, out);
                out.push(':');
                write_value(item, out);
            }
            out.push('}');
        }
    }
}

/// Every number went through a 64-bit float.
fn write_number(number: &Number, out: &mut String) {
    let float = number.as_f64().unwrap_or(0.0);
    let size = float.abs();
    // Writing to a String cannot fail.
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{float:e}");
        out.push_str(&if size >= 1e21 { text.replace('e', "e+") } else { text });
    } else {
        let _ = write!(out, "{float}");
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// The hash of a revision's bytes and the number of name collisions so far.
/// Source: `pkg/controller/history/controller_history.go` (HashControllerRevision): 32-bit FNV-1, spelled safely.
pub fn hash(bytes: &str, collisions: i32) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut state: u32 = 2_166_136_261;
    for byte in bytes.bytes().chain(collisions.to_string().bytes()) {
        state = state.wrapping_mul(16_777_619) ^ u32::from(byte);
    }
    let spell = |digit: u8| char::from(ALPHABET[usize::from(digit) % ALPHABET.len()]);
    state.to_string().bytes().map(spell).collect()
}

/// The name of a set's revision.
/// Source: `pkg/controller/history/controller_history.go` (ControllerRevisionName).
pub fn revision_name(set: &str, hash: &str) -> String {
    // Names of sets are ASCII; `get` spares a panic should one not be.
    let prefix = set.get(..223).unwrap_or(set);
    format!("{prefix}-{hash}")
}

/// The hash that a revision is labelled with, where it happens to be a number: only then have controllers until 1.33
/// compared it. Source: `pkg/controller/history/controller_history.go` (EqualRevision).
pub(super) fn hash_label(revision: &Revision) -> Option<i32> {
    number(revision.metadata.labels.get("controller.kubernetes.io/hash")?)
}

/// As Go parses a decimal number of 32 bits.
pub(super) fn number(hash: &str) -> Option<i32> {
    hash.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bytes_are_those_of_go() {
        let value = json!({"b": "<a> & \u{2028}\u{7f}\u{1}\n\r\t\u{8}\u{c}\"\\", "a": [1, 1.5, 1e21, 1e-7, -0.25, 100000, true, null], "Z": {}});
        let wanted = "{\"Z\":{},\"a\":[1,1.5,1e+21,1e-7,-0.25,100000,true,null],\
                      \"b\":\"\\u003ca\\u003e \\u0026 \\u2028\u{7f}\\u0001\\n\\r\\t\\b\\f\\\"\\\\\"}";
        assert_eq!(canonical(&value), wanted);
    }

    #[test]
    fn hash_is_that_of_a_revision_the_controller_made() {
        let data = json!({"spec": {"template": {"$patch": "replace",
            "metadata": {"annotations": {"test": "value"}, "labels": {"app": "foo"}},
            "spec": {"containers": [{"image": "test", "imagePullPolicy": "Always", "name": "test", "resources": {},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": 30}}}});
        assert_eq!(revision_name("test", &hash(&canonical(&data), 0)), "test-776999688b");
    }
}
