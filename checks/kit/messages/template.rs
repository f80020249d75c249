//! Templates: texts and commands with `{name}` where a value goes.

use serde_json::{Map, Value};

/// Replaces each `{name}`; other braces stay as they are. `None` when a value is unknown.
///
/// `value` receives the name, and whether it is a word of its own outside quotes.
pub(super) fn fill(template: &str, value: impl Fn(&str, bool) -> Option<String>) -> Option<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        filled.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find('}').unwrap_or(0);
        let name = rest.get(1..end).unwrap_or_default();
        if !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            let before = &template[..template.len() - rest.len()];
            let open =
                before.matches('"').count() % 2 == 1 || before.matches('\'').count() % 2 == 1;
            let begins = before.is_empty() || before.ends_with(' ');
            let ends = rest[end + 1..].chars().next().is_none_or(|next| " ;".contains(next));
            filled.push_str(&value(name, begins && ends && !open)?);
            rest = &rest[end + 1..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    Some(filled)
}

/// Returns a text with its values filled in. A part in `[…]` is left out when one of its values is
/// unknown.
pub(super) fn text(template: &str, value: impl Fn(&str) -> Option<String>) -> Option<String> {
    let fill = |part: &str| fill(part, |name, _| value(name));
    let (mut filled, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('[') {
        let (optional, after) = after.split_once(']').unwrap_or((after, ""));
        filled += &fill(before)?;
        filled += &fill(optional).unwrap_or_default();
        rest = after;
    }
    Some(filled + &fill(rest)?)
}

/// Stands for an empty list: no value holds it, for a value is made safe to print.
const NOTHING: &str = "\u{0}";

/// Returns a command with its values filled in: the same in every language.
///
/// A value with characters that a shell interprets is quoted when it is a word of its own. Anywhere
/// else it cannot be written safely, and there is no command: a value may come from a malicious
/// server.
pub(super) fn command(template: &str, values: &[&Map<String, Value>]) -> Option<String> {
    let is_known = |name: &str| values.iter().any(|values| values.contains_key(name));
    fill(&only(template, is_known), |name, alone| {
        let value = values.iter().find_map(|values| values.get(name))?;
        match value {
            Value::String(text) if alone || is_plain(text) => word(text),
            Value::Number(number) => Some(number.to_string()),
            Value::Array(words) if alone && words.is_empty() => Some(NOTHING.to_owned()),
            Value::Array(words) if alone => {
                let words: Option<Vec<_>> =
                    words.iter().map(|word| Some(quoted(word.as_str()?))).collect();
                Some(words?.join(" "))
            }
            _ => None,
        }
    })
    // An empty list takes the space behind it along.
    .map(|command| command.replace(&format!("{NOTHING} "), "").replace(NOTHING, ""))
    .map(|command| command.trim_end().to_owned())
}

/// Returns a command with each of its parts, as it is where every value is known.
pub fn every_part(template: &str) -> String {
    only(template, |_| true)
}

/// Returns a command without the parts that need what is not known: behind `{?name}` stands one, up to
/// the next or to the end.
fn only(template: &str, is_known: impl Fn(&str) -> bool) -> String {
    let mut parts = template.split("{?");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}') {
            Some((name, part)) if is_known(name) => kept += part,
            _ => {}
        }
    }
    kept
}

/// Returns a value as one word of a command; `None` where it cannot be one.
pub fn word(value: &str) -> Option<String> {
    // What was cut or escaped names something else, and a terminal does not show what it is.
    let is_changed = value.contains('…') || value.contains("\\u{");
    // A program may take it for an option, or for the name of a file (az: `@FILE`).
    let is_more = value.starts_with(['-', '@']);
    let is_hidden = value.contains(char::is_control);
    (!is_changed && !is_more && !is_hidden).then(|| quoted(value))
}

/// Returns a value as one word of a POSIX shell.
fn quoted(value: &str) -> String {
    if is_plain(value) { value.to_owned() } else { format!("'{}'", value.replace('\'', r"'\''")) }
}

/// Returns whether a POSIX shell leaves the value unchanged, inside quotes and outside.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+%".contains(c);
    !value.is_empty() && value.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn other_braces_stand_for_themselves() {
        let value = |name: &str, _| (name == "acr").then(|| "contoso".to_owned());
        assert_eq!(
            fill("az -n {acr} --query {n:name} {}", value).unwrap(),
            "az -n contoso --query {n:name} {}"
        );
        assert_eq!(fill("{unknown}", value), None);
        assert_eq!(fill("{", value).unwrap(), "{");
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let value = |name: &str| (name == "status").then(|| "[429]".to_owned());
        assert_eq!(text("→ {status}[ {said}][ ({status})]", value).unwrap(), "→ [429] ([429])");
        assert_eq!(text("[{status}] {said}", value), None);
    }

    #[test]
    fn a_part_of_a_command_is_left_out_where_its_value_is_not_known() {
        let template = "make it{?v} && name {v}";
        let Value::Object(values) = json!({ "v": "deployment/web" }) else { unreachable!() };
        assert_eq!(command(template, &[&values]).unwrap(), "make it && name deployment/web");
        assert_eq!(command(template, &[]).unwrap(), "make it");
    }

    #[test]
    fn no_value_escapes_its_word() {
        let with = |template: &str, value: &str| {
            let Value::Object(values) = json!({ "v": value }) else { unreachable!() };
            command(template, &[&values])
        };
        assert_eq!(with("run {v}", "team/app:v1").unwrap(), "run team/app:v1");
        assert_eq!(with("run {v} on", "$(reboot)").unwrap(), "run '$(reboot)' on");
        assert_eq!(with("run {v}", "a'b").unwrap(), r"run 'a'\''b'");
        assert_eq!(with("run {v}", "").unwrap(), "run ''");
        assert_eq!(with("run {v} on", "a  b").unwrap(), "run 'a  b' on");
        assert_eq!(with("run {v}", "@/etc/passwd"), None);
        assert_eq!(with("run {v}", "--all"), None);
        assert_eq!(with("run \"[?x=='{v}']\"", "ok").unwrap(), "run \"[?x=='ok']\"");
        for template in
            ["run \"[?x=='{v}']\"", "run \"a {v} b\"", "run https://{v}/", "run 'a {v} b'"]
        {
            assert_eq!(with(template, "$(reboot)"), None, "{template}");
        }
    }
}
