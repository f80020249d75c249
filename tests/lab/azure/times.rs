//! Times in a scenario's resources that count from now.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// Returns a value in which every text `$DAYS(N)` is the time in N days; a negative N is past.
pub(crate) fn from_now(value: &Value) -> Value {
    match value {
        Value::String(text) => time(text).map_or_else(|| value.clone(), Value::String),
        Value::Array(all) => all.iter().map(from_now).collect(),
        Value::Object(all) => {
            let all = all.iter().map(|(key, value)| (key.clone(), from_now(value)));
            Value::Object(all.collect())
        }
        _ => value.clone(),
    }
}

fn time(text: &str) -> Option<String> {
    let days: i64 = text.strip_prefix("$DAYS(")?.strip_suffix(')')?.parse().ok()?;
    let time = Timestamp::now().checked_add(SignedDuration::from_hours(24 * days)).ok()?;
    Some(time.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn days_from_now() {
        let read = from_now(&json!({ "a": ["$DAYS(-3)"], "b": "$DAYS(x)", "c": 1 }));
        let past: Timestamp = read["a"][0].as_str().unwrap().parse().unwrap();
        assert!(past < Timestamp::now());
        assert_eq!(read["b"], "$DAYS(x)");
    }
}
