//! The environment of a process or of a systemd unit.

/// Returns the variables in the `environ` file of a process.
pub fn environ(bytes: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(bytes);
    text.split('\0').filter_map(assignment).collect()
}

/// The settings of a section of a systemd file, in order.
pub struct SystemdSection(Vec<(String, String)>);

impl SystemdSection {
    /// Reads a section: a line that ends in a backslash which is not escaped goes on in the next one that is
    /// no comment (systemd.syntax(7)).
    pub fn read(text: &str, section: &str) -> Self {
        let (mut settings, mut open, mut is_within) = (vec![], None::<String>, false);
        let mut add =
            |whole: &str| match whole.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
                Some(name) => is_within = name == section,
                None if is_within => settings.extend(
                    whole
                        .split_once('=')
                        .map(|(name, value)| (name.trim_end().to_owned(), value.trim().to_owned())),
                ),
                None => {}
            };
        for line in text.lines() {
            let line = line.trim_start();
            if line.starts_with(['#', ';']) || (line.is_empty() && open.is_none()) {
                continue;
            }
            let slashes = line.bytes().rev().take_while(|it| *it == b'\\').count();
            let mut whole = open.take().unwrap_or_default();
            if slashes % 2 == 1 {
                whole.push_str(line.strip_suffix('\\').unwrap_or(line));
                whole.push(' ');
                open = Some(whole);
                continue;
            }
            whole.push_str(line.trim_end());
            add(&whole);
        }
        open.iter().for_each(|whole| add(whole));
        Self(settings)
    }

    /// Returns the values that it assigns to a key, in order; an empty one resets those before.
    pub fn values<'a>(&'a self, key: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
        self.0.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// Reads the assignments of one key (`Environment`, `DefaultEnvironment`), and adds them to those of
    /// earlier files. Returns whether all of them were understood: escapes and specifiers are not
    /// (systemd.exec(5)).
    pub fn environment(&self, key: &str, found: &mut Vec<(String, String)>) -> bool {
        let mut understood = true;
        for value in self.values(key) {
            if value.is_empty() {
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
}

/// Reads a file that systemd's `EnvironmentFile` names, and adds its variables to those of before.
/// Returns whether all of it was understood: escapes and continued lines are not (systemd.exec(5)).
pub fn environment_file(text: &str, found: &mut Vec<(String, String)>) -> bool {
    let mut understood = true;
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else { continue };
        let (name, value) = (name.trim(), value.trim());
        understood &= !value.contains('\\');
        let quoted = ['"', '\''].iter().find_map(|quote| {
            value.strip_prefix(*quote)?.strip_suffix(*quote).filter(|it| !it.contains(*quote))
        });
        understood &= quoted.is_some() || !value.starts_with(['"', '\'']);
        found.push((name.to_owned(), quoted.unwrap_or(value).to_owned()));
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
        let understood =
            SystemdSection::read(text, "Manager").environment("DefaultEnvironment", &mut found);
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
        for odd in ["\"A=b", "A=%h", "A=\\x41"] {
            assert!(!read(&format!("[Manager]\nDefaultEnvironment={odd}")).1, "{odd}");
        }
    }

    #[test]
    fn a_file_of_variables_as_aks_writes_it() {
        let mut found = vec![];
        let text = "# proxies\nHTTPS_PROXY=\"http://p:3128\"\n; x=1\nNO_PROXY=a,b c\nnothing\n";
        assert!(environment_file(text, &mut found));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(found, [pair("HTTPS_PROXY", "http://p:3128"), pair("NO_PROXY", "a,b c")]);
        for odd in ["A=x\\", "A=\"x", "A='x'y'"] {
            assert!(!environment_file(odd, &mut vec![]), "{odd}");
        }
    }

    #[test]
    fn a_line_goes_on_behind_a_backslash() {
        let values = |text: &str| -> Vec<String> {
            let section = SystemdSection::read(text, "Service");
            section.values("ExecStart").map(str::to_owned).collect()
        };
        let two =
            "ExecStart=/z\n[Service]\nExecStart=\nExecStart = /x -c y\n[Unit]\nExecStart=/z\n";
        assert_eq!(values(two), ["", "/x -c y"]);
        let long = "[Service]\nExecStart=/x \\\n  -a \\\n# why\n;why\n  -b\n-c\nExecStart=/y \\";
        let spread: Vec<Vec<String>> = values(long)
            .iter()
            .map(|line| line.split_whitespace().map(str::to_owned).collect())
            .collect();
        assert_eq!(spread, [vec!["/x", "-a", "-b"], vec!["/y"]]);
        assert_eq!(values("[Service]\nExec=1\nExecStart"), [""; 0]);
        // Neither goes on.
        assert_eq!(values("[Service]\nA=x\\\\\nExecStart=/x"), ["/x"]);
        assert_eq!(values("[Service]\nA=x\\ \nExecStart=/x"), ["/x"]);
    }

    #[test]
    fn an_environ_file() {
        let found = environ(b"PATH=/bin\0HTTPS_PROXY=http://p\0garbage\0\0");
        assert_eq!(found.len(), 2);
        assert_eq!(found[1].1, "http://p");
    }
}
