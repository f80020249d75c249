//! A duration as Go's `time.ParseDuration` reads it (`time/format.go`).

/// The units, and how many nanoseconds each has.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// The longest positive duration in nanoseconds, plus one.
const LIMIT: u128 = 1 << 63;

/// Returns the nanoseconds that a text stands for; `None` where Go refuses it.
pub fn go_duration(text: &str) -> Option<i64> {
    let is_negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut all: u128 = 0;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let end = after.find(|it: char| it == '.' || it.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let unit = u128::from(UNITS.iter().find(|(name, _)| *name == unit)?.1);
        let whole = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()? };
        all += whole.checked_mul(unit).filter(|it| whole <= LIMIT && *it <= LIMIT)?;
        all += part(fraction, unit);
        if all > LIMIT {
            return None;
        }
        rest = after;
    }
    if is_negative {
        return i64::try_from(-i128::try_from(all).ok()?).ok();
    }
    i64::try_from(all).ok()
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len()))
}

/// Returns that fraction of a unit, without what is less than a nanosecond.
fn part(fraction: &str, unit: u128) -> u128 {
    /// No unit has that many digits of nanoseconds.
    const DIGITS: usize = 18;
    let kept = &fraction[..fraction.len().min(DIGITS)];
    let scale = (0..kept.len()).fold(1_u128, |scale, _| scale * 10);
    kept.parse::<u128>().unwrap_or(0) * unit / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_reads_them() {
        for (text, wanted) in [
            ("0", 0),
            ("-0", 0),
            ("5m0s", 300_000_000_000),
            ("1.5h", 5_400_000_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("-1h2m", -3_720_000_000_000),
            ("+3µs", 3_000),
            ("3us", 3_000),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("0.100000000000000000000h", 360_000_000_000),
        ] {
            assert_eq!(go_duration(text), Some(wanted), "{text}");
        }
        for bad in [
            "",
            "5",
            "5 m",
            "m",
            ".s",
            "-",
            "1d",
            "5M",
            "1h2",
            "--1s",
            " 1s",
            "1s ",
            "0x1s",
            "1e3s",
            "9223372036854775808ns",
            "3000000h",
            "99999999999999999999999999999999999999999s",
            "１s",
        ] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }
}
