//! A pull secret file that the user named, or the kubelet's own docker config: the credentials that
//! it holds for the image.

use std::path::Path;

use super::{
    credential_file::{Found, read},
    problem::Problem,
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx,
        keyring::{Entries, Near, PullSecret, Reader, near, shown},
    },
};

/// How many keys of a file are printed.
const MAX_SHOWN_KEYS: usize = 5;

/// Returns the credentials that the file holds for that image, in the order in which the kubelet
/// tries them.
pub(super) async fn find(
    cx: &Cx,
    file: &Path,
    image_target: &ImageTarget,
) -> Result<Vec<Found>, Problem> {
    let name = file.display().to_string();
    let bytes = read(cx, file).await?;
    let secret = PullSecret::read(&bytes, file).map_err(|broken| Problem::PullsecretMalformed {
        file: name.clone(),
        said: broken.said.to_string(),
        key: broken.key,
    })?;
    match secret {
        PullSecret::Entries(entries) => return Ok(matching(cx, &name, &entries, image_target)),
        PullSecret::Empty if is_named(cx) => {
            let due = image_target.asked.registry.clone();
            cx.add_finding(Problem::NoEntry { file: name, due, keys: vec![] });
        }
        PullSecret::Empty => {}
        PullSecret::WrongType { kind } => {
            cx.add_finding(Problem::PullsecretWrongType { file: name, kind });
        }
        PullSecret::WithoutAuths { keys } => {
            cx.add_finding(Problem::PullsecretWithoutAuths { file: name, keys });
        }
    }
    Ok(vec![])
}

/// Returns whether the user named the file. The kubelet's own config may lack the registry.
fn is_named(cx: &Cx) -> bool {
    cx.target.sign_in.auth_file.is_some()
}

fn matching(cx: &Cx, name: &str, entries: &Entries, image_target: &ImageTarget) -> Vec<Found> {
    let matching = entries.matching(&image_target.pattern());
    for entry in &matching {
        let (file, key) = (name.to_owned(), shown(&entry.key));
        match entry.unread_token {
            Some(holds) => cx.add_finding(Problem::PullsecretHoldsToken { file, key, holds }),
            None if entry.stored.is_none() => {
                cx.add_finding(Problem::PullsecretEntryIncomplete { file, key });
            }
            None => {}
        }
    }
    if matching.is_empty() {
        let asked = &image_target.asked;
        match near(&entries.keys(), asked, Reader::Kubelet) {
            Some(Near::Hash { login_server }) => {
                image_target.report_missing_hash(cx, &login_server, name);
            }
            Some(Near::Key { key, differs }) => {
                let (file, due) = (name.to_owned(), asked.registry.clone());
                cx.add_finding(Problem::PullsecretServerMismatch { file, key, due, differs });
            }
            None if is_named(cx) => {
                let (file, due) = (name.to_owned(), asked.registry.clone());
                let keys = entries.keys().into_iter().take(MAX_SHOWN_KEYS).map(shown).collect();
                cx.add_finding(Problem::NoEntry { file, due, keys });
            }
            None => {}
        }
    }
    let found = matching.into_iter().filter_map(|entry| {
        let credential = entry.stored.clone()?.into();
        Some(Found { credential, key: Some(shown(&entry.key)) })
    });
    found.collect()
}
