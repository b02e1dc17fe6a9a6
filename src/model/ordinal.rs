//! What a pod's name says: its parent and its ordinal, as the controller reads them.

/// Parent and ordinal of a pod's name: `("", -1)` where there is no number behind a last dash, and -1 where the number
/// is beyond an `int32`.
/// Source: `pkg/controller/statefulset/stateful_set_utils.go` (getParentNameAndOrdinal).
pub fn parent_and_ordinal(name: &str) -> (&str, i64) {
    match name.rsplit_once('-') {
        Some((parent, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            (parent, digits.parse::<i32>().map_or(-1, i64::from))
        }
        _ => ("", -1),
    }
}

/// The same for names that have an ordinal.
pub fn numbered(name: &str) -> Option<(&str, i64)> {
    Some(parent_and_ordinal(name)).filter(|(_, ordinal)| *ordinal >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_are_read_as_the_controller_reads_them() {
        assert_eq!(parent_and_ordinal("foo-1"), ("foo", 1));
        assert_eq!(parent_and_ordinal("foo-1-07"), ("foo-1", 7));
        assert_eq!(parent_and_ordinal("1-bar"), ("", -1));
        assert_eq!(parent_and_ordinal("foo-"), ("", -1));
        assert_eq!(parent_and_ordinal("foo-99999999999"), ("foo", -1));
        assert_eq!(parent_and_ordinal("-0"), ("", 0));
        assert_eq!(numbered("my-db-12"), Some(("my-db", 12)));
        assert_eq!(numbered("db"), None);
        assert_eq!(numbered("db-99999999999"), None);
    }
}
