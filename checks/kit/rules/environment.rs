//! The environment of a process or of a systemd unit.

/// Returns the variables in the `environ` file of a process.
pub fn environ(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\0').filter_map(assignment).collect()
}

/// Reads the assignments of one key (`Environment`, `DefaultEnvironment`) in a systemd file, and adds
/// them to those of earlier files. Returns whether all of them were understood: escapes, specifiers
/// and continued lines are not (systemd.exec(5), systemd.syntax(7)).
pub fn systemd_environment(text: &str, key: &str, found: &mut Vec<(String, String)>) -> bool {
    let mut understood = true;
    for line in text.lines().map(str::trim) {
        let Some((name, value)) = line.split_once('=') else { continue };
        if name.trim_end() != key {
            continue;
        }
        if value.trim().is_empty() {
            // An empty assignment resets the list.
            found.clear();
            continue;
        }
        understood &= !value.contains('\\') && !value.replace("%%", "").contains('%');
        match words(value) {
            Some(words) => found.extend(words.iter().filter_map(|word| assignment(word))),
            None => understood = false,
        }
    }
    understood
}

/// Splits a value into words, each of which may stand in quotes as a whole or in part; `None` when a
/// quote does not end.
fn words(value: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote, mut is_word) = (vec![], String::new(), None, false);
    for c in value.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => (quote, is_word) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if std::mem::take(&mut is_word) {
                    words.push(std::mem::take(&mut word));
                }
            }
            (c, None) => {
                word.push(c);
                is_word = true;
            }
        }
    }
    if is_word {
        words.push(word);
    }
    quote.is_none().then(|| words.iter().map(|word| word.replace("%%", "%")).collect())
}

fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, String)>, bool) {
        let mut found = vec![];
        let understood = systemd_environment(text, "DefaultEnvironment", &mut found);
        (found, understood)
    }

    #[test]
    fn a_systemd_file_as_aks_writes_it() {
        let text = "[Manager]\nDefaultEnvironment=\"HTTP_PROXY=http://p:3128\"\n\
            DefaultEnvironment=\"NO_PROXY=a,b c\" 'X=%%'  Y=1\n#DefaultEnvironment=Z=1\n";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let all = vec![
            pair("HTTP_PROXY", "http://p:3128"),
            pair("NO_PROXY", "a,b c"),
            pair("X", "%"),
            pair("Y", "1"),
        ];
        assert_eq!(read(text), (all, true));
        assert_eq!(read(&format!("{text}DefaultEnvironment=\n")), (vec![], true));
    }

    #[test]
    fn what_systemd_expands_is_not_understood() {
        for odd in ["\"A=b", "A=%h", "A=b \\", "A=\\x41"] {
            assert!(!read(&format!("DefaultEnvironment={odd}")).1, "{odd}");
        }
    }

    #[test]
    fn an_environ_file() {
        let found = environ(b"PATH=/bin\0HTTPS_PROXY=http://p\0garbage\0\0");
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].1, "http://p");
    }
}
