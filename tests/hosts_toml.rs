//! Checks that `hosts.toml` is read as containerd reads it: against what two versions of containerd
//! made of a table of files (`tests/real/hosts-toml/record`).
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use checks::untrusted::HostsFile;
use serde::Deserialize;

const RECORDED: &str = include_str!("real/hosts-toml/recorded.json");

#[derive(Deserialize)]
struct Case {
    toml: String,
    #[serde(rename = "1.7")]
    older: Vec<String>,
    #[serde(rename = "2.2")]
    newer: Vec<String>,
}

/// Returns what we make of a file; `None` where we say that we cannot tell.
fn ours(text: &str) -> Option<Vec<String>> {
    if text.is_empty() {
        return Some(vec!["https://contoso.azurecr.io/v2 resolve pull".into()]);
    }
    let Ok(file) = HostsFile::read(text.as_bytes(), "/certs.d/contoso.azurecr.io") else {
        return Some(vec!["ignored".into()]);
    };
    if !file.not_replayed.is_empty() {
        return None;
    }
    if file.hosts.iter().any(|host| host.ca.len() + host.client.len() > 0) {
        // Every certificate file that the table names is missing.
        return Some(vec!["fails".into()]);
    }
    let shown = file.hosts.iter().map(|host| {
        let own = || "https://contoso.azurecr.io".to_owned();
        let url = host.url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let (mut url, mut skips) = (url.unwrap_or_else(own), host.skip_verify == Some(true));
        if host.tries_tls() {
            (url, skips) = (url.replace("http://", "https://"), false);
        }
        let path = if host.path.is_empty() { "/" } else { &host.path };
        let flags = [
            (host.resolves, " resolve"),
            (host.pulls, " pull"),
            (skips, " skip-verify"),
            (!host.headers.is_empty(), " header"),
        ];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, flag)| *flag).collect();
        format!("{url}{path}{flags}")
    });
    Some(normal(&shown.collect::<Vec<_>>()))
}

/// Returns an answer with hosts as URLs normalize them.
fn normal(answer: &[String]) -> Vec<String> {
    let lower = |line: &String| match line.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
            format!("{scheme}://{}/{path}", host.to_lowercase())
        }
        None => line.clone(),
    };
    let without = |line: String| match line.split_once("://") {
        Some(("https", _)) => line.replacen(":443/", "/", 1),
        Some(_) => line.replacen(":80/", "/", 1),
        None => line,
    };
    let mut seen: Vec<String> = vec![];
    for line in answer.iter().map(lower).map(without) {
        // containerd 2 asks a host again where its settings stand apart; one time is enough.
        if !seen.contains(&line) {
            seen.push(line);
        }
    }
    seen
}

#[test]
fn each_file_is_read_as_containerd_reads_it() {
    let cases: Vec<Case> = serde_json::from_str(RECORDED).unwrap();
    let (mut wrong, mut told) = (vec![], 0);
    for Case { toml, older, newer } in &cases {
        let Some(ours) = ours(toml) else { continue };
        told += 1;
        let newer = normal(newer);
        let same = ours == newer && ours == normal(older);
        if !same {
            wrong.push(format!("{toml}\n ours {ours:?}\n  1.7 {older:?}\n  2.2 {newer:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    // The versions differ in most of the others; the rest are URLs and TOML that nobody writes.
    assert!(told >= 61, "only {told} of {} cases are told", cases.len());
}
