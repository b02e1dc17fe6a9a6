//! Sizes as the API spells them, for comparison only: what is shown is always the text as it was written.

/// The value of a quantity such as `10Gi`, `10G` or `1.5e9`, in its base unit; `None` for what is none. A float holds
/// every size that a volume can have, up to 8 PiB to the byte.
/// Source: `staging/src/k8s.io/apimachinery/pkg/api/resource/quantity.go`, `suffix.go`.
pub fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 15] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
    ];
    let suffix = SUFFIXES.iter().find(|(suffix, _)| text.ends_with(suffix));
    let (number, factor) = match suffix {
        Some((suffix, factor)) => (text.strip_suffix(suffix)?, *factor),
        None => (text, 1.0),
    };
    // The standard parser also takes `inf` and `nan`, which are no quantities.
    let plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    number.parse::<f64>().ok().filter(|_| plain).map(|value| value * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_binary_suffixes_differ() {
        assert!(quantity("10G").unwrap() < quantity("10Gi").unwrap());
        assert_eq!(quantity("10240Mi"), quantity("10Gi"));
        assert_eq!(quantity("1.5e9"), quantity("1500M"));
        assert_eq!(quantity("128974848000m"), quantity("128974848"));
        assert_eq!(quantity("1E"), Some(1e18));
    }

    #[test]
    fn what_is_no_quantity_is_none() {
        for text in ["", "Gi", "inf", "nan", "10 Gi", "ten"] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }
}
