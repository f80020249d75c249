//! Which images a pattern matches, by the kubelet's rules for the keys of pull secrets and for the
//! `matchImages` of credential providers: `HOST[:PORT][/PATH]`, with globs in the host.
//!
//! Each label of the host is matched separately, so `*` does not cross a dot. Ports must be equal;
//! a missing port is not 443. The path must be an exact prefix of the image's path (kubernetes,
//! pkg/credentialprovider/keyring.go).

/// A pattern, or an image to match against one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    host: String,
    port: String,
    path: String,
}

/// The first part in which an image differs from a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differs {
    /// The host.
    Host,
    /// The port, or whether there is one.
    Port,
    /// The prefix of the path.
    Path,
}

impl Pattern {
    /// Parses a pattern of `matchImages`. `None` when `https://` and the pattern do not form a URL:
    /// such a pattern matches nothing.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = text.find('/').map_or((text, ""), |at| text.split_at(at));
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains(']'));
        let (host, port) =
            port_at.map_or((authority, ""), |at| (&authority[..at], &authority[at + 1..]));
        let of_host = |c: char| c.is_alphanumeric() || "-._~!$&'()*+,;=:[]".contains(c);
        let literal = host.starts_with('[') && host.ends_with(']');
        let sound = host.chars().all(of_host)
            && (literal || !host.contains(':'))
            && port.chars().all(|c| c.is_ascii_digit())
            && !path.chars().any(|c| c.is_control() || c == '%');
        let host = if literal { host.trim_matches(['[', ']']) } else { host };
        sound.then(|| Self { host: host.into(), port: port.into(), path: path.into() })
    }

    /// Parses the key of a pull secret. A scheme and the version of the registry API (`/v1/`,
    /// `/v2/`) are ignored.
    pub fn of_key(key: &str) -> Option<Self> {
        let bare = ["https://", "http://"].iter().find_map(|scheme| key.strip_prefix(scheme));
        let mut pattern = Self::read(bare.unwrap_or(key))?;
        if pattern.path.starts_with("/v1/") || pattern.path.starts_with("/v2/") {
            pattern.path.drain(..3);
        }
        if pattern.path == "/" {
            pattern.path.clear();
        }
        Some(pattern)
    }

    /// Returns an image as it is matched: its registry with the port that is written there, and its
    /// path.
    pub fn image(registry: &str, path: &str) -> Self {
        let unreadable = || Self { host: registry.into(), port: String::new(), path: path.into() };
        Self::read(&format!("{registry}{path}")).unwrap_or_else(unreadable)
    }

    /// Returns the host, without its port.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns whether the pattern matches the image.
    pub fn matches(&self, image: &Self) -> bool {
        self.differs(image).is_none()
    }

    /// Returns the first part in which the image differs from this pattern.
    pub fn differs(&self, image: &Self) -> Option<Differs> {
        let (labels, others) = (self.host.split('.'), image.host.split('.'));
        let same = labels.clone().count() == others.clone().count()
            && labels.zip(others).all(|(glob, label)| glob_matches(glob, label));
        if !same {
            Some(Differs::Host)
        } else if self.port != image.port {
            Some(Differs::Port)
        } else if image.path.starts_with(&self.path) {
            None
        } else {
            Some(Differs::Path)
        }
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let colon = if self.port.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}{}", self.host, self.port, self.path)
    }
}

/// Returns whether a glob matches a text: `*` stands for any characters, `[a-z]` for one.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let Some(glob) = signs_of(glob) else { return false };
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    // The last star, and how much of the text it matched so far: the only place to backtrack to.
    let mut star = None;
    while read < text.len() {
        match glob.get(at) {
            Some(Sign::Any) => {
                star = Some((at, read));
                at += 1;
            }
            Some(sign) if sign.is(text[read]) => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                (at, read) = (place + 1, taken + 1);
            }
        }
    }
    glob[at..].iter().all(|sign| matches!(sign, Sign::Any))
}

/// One element of a glob.
enum Sign {
    /// `*`
    Any,
    /// `[a-z]`: one of these ranges. Negated classes do not matter: no host contains a `^`.
    Class(Vec<(char, char)>),
}

impl Sign {
    fn is(&self, one: char) -> bool {
        match self {
            Sign::Any => true,
            Sign::Class(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&one)),
        }
    }
}

/// Parses a glob; a plain character is a class of one. `None` when a class is not closed.
fn signs_of(glob: &str) -> Option<Vec<Sign>> {
    let mut signs = vec![];
    let mut rest = glob.chars();
    while let Some(sign) = rest.next() {
        signs.push(match sign {
            '*' => Sign::Any,
            '[' => {
                let (class, after) = rest.as_str().split_once(']')?;
                rest = after.chars();
                Sign::Class(ranges(class))
            }
            sign => Sign::Class(vec![(sign, sign)]),
        });
    }
    Some(signs)
}

/// Parses the inside of a class: `a-z` and single characters.
fn ranges(class: &str) -> Vec<(char, char)> {
    let class: Vec<char> = class.chars().collect();
    let (mut ranges, mut rest) = (vec![], &class[..]);
    while let [from, after @ ..] = rest {
        let (to, after) = match after {
            ['-', to, after @ ..] => (to, after),
            _ => (from, after),
        };
        ranges.push((*from, *to));
        rest = after;
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(key: &str, image: &str) -> bool {
        Pattern::of_key(key).is_some_and(|key| key.matches(&Pattern::read(image).unwrap()))
    }

    #[test]
    fn keys_and_images() {
        for (key, image) in [
            ("contoso.azurecr.io", "contoso.azurecr.io/team/app"),
            ("https://contoso.azurecr.io", "contoso.azurecr.io/team/app"),
            ("http://contoso.azurecr.io/", "contoso.azurecr.io/team/app"),
            ("https://contoso.azurecr.io/v2/", "contoso.azurecr.io/team/app"),
            ("contoso.azurecr.io/v1/team", "contoso.azurecr.io/team/app"),
            ("contoso.azurecr.io/team", "contoso.azurecr.io/team/app"),
            ("contoso.azurecr.io/tea", "contoso.azurecr.io/team/app"),
            ("*.azurecr.io", "contoso.azurecr.io/team/app"),
            ("con*o.azurecr.*", "contoso.azurecr.io/team/app"),
            ("*.*.geo.azurecr.io", "contoso.eastus.geo.azurecr.io/app"),
            ("con[r-t]oso.azurecr.io", "contoso.azurecr.io/app"),
            ("localhost:5000", "localhost:5000/app"),
            ("[::1]:5000", "[::1]:5000/app"),
            ("user@contoso.azurecr.io", "contoso.azurecr.io/app"),
        ] {
            assert!(matches(key, image), "{key} is for {image}");
        }
        for (key, image) in [
            ("contoso", "contoso.azurecr.io/app"),
            ("*", "contoso.azurecr.io/app"),
            ("*.io", "contoso.azurecr.io/app"),
            ("*.azurecr.io", "contoso.eastus.geo.azurecr.io/app"),
            ("contoso.azurecr.io:443", "contoso.azurecr.io/app"),
            ("contoso.azurecr.io", "contoso.azurecr.io:443/app"),
            ("Contoso.azurecr.io", "contoso.azurecr.io/app"),
            ("contoso.azurecr.io/other", "contoso.azurecr.io/team/app"),
            ("contoso.azurecr.io/v2", "contoso.azurecr.io/team/app"),
            ("contoso.azurecr.io:port", "contoso.azurecr.io/app"),
            ("con oso.azurecr.io", "contoso.azurecr.io/app"),
            ("con[toso.azurecr.io", "contoso.azurecr.io/app"),
            ("con[^a]oso.azurecr.io", "contoso.azurecr.io/app"),
            ("https://index.docker.io/v1/", "docker.io/library/app"),
            ("", "contoso.azurecr.io/app"),
        ] {
            assert!(!matches(key, image), "{key} is not for {image}");
        }
    }
}
