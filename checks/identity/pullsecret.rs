//! A pull secret's file: the credentials for one image, as the kubelet finds them
//! (kubernetes, pkg/credentialprovider).
//!
//! All entries are read first: one that is malformed spoils the whole secret, and with it the pull.
//! Of those whose key matches the image, the kubelet tries each, in the reverse order of their keys.

use std::path::Path;

use super::{
    credential_file::{Found, read},
    entry::password,
    near_miss::{Near, Reader, near, shown},
    problem::Problem,
    secret::{self, Held},
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx,
        rules::{Fields, Pattern},
    },
};

/// What the file holds for that image.
pub(super) async fn find(
    cx: &Cx,
    file: &Path,
    image_target: &ImageTarget,
) -> Result<Vec<Found>, Problem> {
    let name = file.display().to_string();
    let malformed = |said: &str, key: Option<&str>| Problem::PullsecretMalformed {
        file: name.clone(),
        said: said.to_owned(),
        key: key.map(str::to_owned),
    };
    let bytes = read(cx, file).await?;
    let held = secret::open(&bytes, file).map_err(|said| malformed(&said, None))?;
    let auths = match &held {
        Held::Nothing => return Ok(vec![]),
        Held::WrongType { kind } => {
            cx.add_finding(Problem::PullsecretWrongType { file: name, kind: kind.clone() });
            return Ok(vec![]);
        }
        Held::Config(config) => {
            let fields = Fields::of(config).ok_or_else(|| malformed("not-an-object", None))?;
            let auths = fields.map("auths").map_err(|said| malformed(said, None))?;
            if fields.get("auths").is_none() {
                cx.add_finding(Problem::PullsecretWithoutAuths {
                    file: name,
                    keys: legacy_keys(&fields),
                });
                return Ok(vec![]);
            }
            auths
        }
        Held::Legacy(auths) => {
            Fields::of(auths).ok_or_else(|| malformed("not-an-object", None))?.all()
        }
    };
    let mut entries = vec![];
    for (key, entry) in auths {
        let credential = password(entry).map_err(|said| malformed(said, Some(&shown(key))))?;
        entries.push((key, credential, entry));
    }
    let asked = &image_target.asked;
    let keys: Vec<&str> = entries.iter().map(|(key, ..)| *key).collect();
    let matching = matching(&keys, &image_target.pattern());
    let mut found = vec![];
    for key in &matching {
        let Some((_, credential, entry)) = entries.iter().find(|(known, ..)| known == key) else {
            continue;
        };
        let key = shown(key);
        found.extend(
            credential.clone().map(|credential| Found { credential, key: Some(key.clone()) }),
        );
        let unused = ["identitytoken", "registrytoken"].into_iter();
        let unused = unused
            .filter(|field| Fields::of(entry).is_some_and(|entry| entry.get(field).is_some()));
        if let Some(holds) = unused.into_iter().next() {
            cx.add_finding(Problem::PullsecretHoldsToken { file: name.clone(), key, holds });
        }
    }
    if matching.is_empty() {
        match near(&keys, asked, Reader::Kubelet) {
            Some(Near::Hash { login_server }) => {
                image_target.tell_hash_missing(cx, &login_server, &name);
            }
            Some(Near::Key { key, differs }) => {
                let due = asked.registry.clone();
                cx.add_finding(Problem::PullsecretServerMismatch { file: name, key, due, differs });
            }
            None => {}
        }
    }
    Ok(found)
}

/// The keys that match, in the order in which the kubelet tries them.
fn matching<'a>(keys: &[&'a str], image: &Pattern) -> Vec<&'a str> {
    let patterns = keys.iter().filter_map(|key| Some((Pattern::of_key(key)?, *key)));
    let mut patterns: Vec<_> =
        patterns.map(|(pattern, key)| (pattern.to_string(), key, pattern)).collect();
    patterns.sort_by(|one, other| (&other.0, other.1).cmp(&(&one.0, one.1)));
    let keys = |wanted: &dyn Fn(&Pattern) -> bool| -> Vec<&'a str> {
        patterns.iter().filter(|(.., pattern)| wanted(pattern)).map(|(_, key, _)| *key).collect()
    };
    let found = keys(&|pattern| pattern.matches(image));
    // Docker Hub goes by a name of its own there, too.
    if found.is_empty() && image.host() == "docker.io" {
        return keys(&|pattern| pattern.to_string() == "index.docker.io");
    }
    found
}

/// The keys of the entries, where they stand as in the old form of the file: with nothing around them.
fn legacy_keys(fields: &Fields<'_>) -> Option<Vec<String>> {
    let is_entry = |value| {
        Fields::of(value).is_some_and(|entry| entry.get("auth").or(entry.get("password")).is_some())
    };
    let entries = fields.all().into_iter().filter(|(_, value)| is_entry(value));
    let keys: Vec<String> = entries.map(|(key, _)| shown(key)).collect();
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_match_counts_the_longest_key_first() {
        let image = Pattern::read("contoso.azurecr.io/team/app").unwrap();
        let keys = [
            "*.azurecr.io",
            "contoso.azurecr.io",
            "contoso.azurecr.io/team",
            "https://contoso.azurecr.io/v2/",
            "fabrikam.azurecr.io",
        ];
        assert_eq!(
            matching(&keys, &image),
            [
                "contoso.azurecr.io/team",
                "https://contoso.azurecr.io/v2/",
                "contoso.azurecr.io",
                "*.azurecr.io"
            ]
        );
    }

    #[test]
    fn docker_hub_by_either_name() {
        let image = Pattern::read("docker.io/library/nginx").unwrap();
        assert_eq!(
            matching(&["https://index.docker.io/v1/"], &image),
            ["https://index.docker.io/v1/"]
        );
        assert_eq!(matching(&["index.docker.io", "docker.io"], &image), ["docker.io"]);
        assert!(matching(&["registry-1.docker.io"], &image).is_empty());
    }
}
