//! Ages as kubectl writes them, from the snapshot's time.

use jiff::Timestamp;

/// The time from `since` to `now` in at most two units: `45s`, `3m20s`, `23m`, `5h`, `12d`. A little clock skew is 0.
/// Source: `staging/src/k8s.io/apimachinery/pkg/util/duration/duration.go` (HumanDuration).
pub fn age(now: Timestamp, since: Timestamp) -> String {
    seconds(now.duration_since(since).as_secs())
}

/// A number of seconds in the same way.
pub fn seconds(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, small_unit: &str| match small {
        0 => format!("{big}{unit}"),
        small => format!("{big}{unit}{small}{small_unit}"),
    };
    match () {
        () if seconds < 120 => format!("{seconds}s"),
        () if minutes < 10 => two(minutes, "m", seconds % 60, "s"),
        () if minutes < 180 => format!("{minutes}m"),
        () if hours < 8 => two(hours, "h", minutes % 60, "m"),
        () if hours < 48 => format!("{hours}h"),
        () if days < 8 => two(days, "d", hours % 24, "h"),
        () if days < 730 => format!("{days}d"),
        () => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_as_kubectl_s() {
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        let ages = [5, 119, 200, 601, 11_000, 30_000, 200_000, 900_000, 80_000_000]
            .map(|ago| age(now, Timestamp::from_second(1_000_000_000 - ago).unwrap()));
        assert_eq!(ages, ["5s", "119s", "3m20s", "10m", "3h3m", "8h", "2d7h", "10d", "2y"]);
        assert_eq!(age(now, Timestamp::from_second(1_000_000_003).unwrap()), "0s");
    }
}
