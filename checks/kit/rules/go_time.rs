//! Times in JSON as Go reads them.

/// Returns whether Go's `time.Time` accepts a text such as `2026-11-28T08:49:51.5Z`. It is not as
/// strict as RFC 3339: the hour may have one digit, a comma may begin the fraction (time,
/// `parseStrictRFC3339`, which is lenient until go.dev/issue/54580 ends).
pub(super) fn is_time(text: &str) -> bool {
    read(text).is_some()
}

fn read(text: &str) -> Option<()> {
    let mut rest = text;
    let year = number(&mut rest, 4, 4)?;
    let month = after('-', &mut rest, 2)?;
    let day = after('-', &mut rest, 2)?;
    let hour = after('T', &mut rest, 1)?;
    let minute = after(':', &mut rest, 2)?;
    let second = after(':', &mut rest, 2)?;
    let fraction =
        rest.strip_prefix(['.', ',']).filter(|r| r.starts_with(|c: char| c.is_ascii_digit()));
    if let Some(fraction) = fraction {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let is_date = (1..=12).contains(&month) && (1..=days).contains(&day);
    (is_date && hour < 24 && minute < 60 && second < 60).then_some(())?;
    if rest == "Z" {
        return Some(());
    }
    rest = rest.strip_prefix(['+', '-'])?;
    let hours = number(&mut rest, 2, 2)?;
    rest = rest.strip_prefix(':')?;
    let minutes = number(&mut rest, 2, 2)?;
    (rest.is_empty() && hours <= 24 && minutes <= 60).then_some(())
}

/// Takes a separator, and a number of two digits, or of one where that suffices.
fn after(separator: char, rest: &mut &str, least: usize) -> Option<u32> {
    *rest = rest.strip_prefix(separator)?;
    number(rest, least, 2)
}

/// Takes a number of as many digits.
fn number(rest: &mut &str, least: usize, most: usize) -> Option<u32> {
    let digits = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, behind) = rest.split_at_checked(digits).filter(|_| digits >= least)?;
    *rest = behind;
    number.parse().ok()
}
