//! Docker's `config.json`, and the credentials that it holds for the registry.
//!
//! If docker cannot read the config, it prints a warning and continues without it. So an unreadable
//! file that the user did not name fails no pull, but it may be why the pull is anonymous.

use std::path::Path;

use super::{
    credential::Credential,
    credential_file::{Found, read},
    helper,
    problem::Problem,
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx,
        keyring::{DockerConfig, Near, Reader, near, shown},
    },
};

/// Returns the credentials that the file holds for that registry. `named` tells whether the user
/// named the file.
pub(super) async fn find(
    cx: &Cx,
    file: &Path,
    named: bool,
    image_target: &ImageTarget,
) -> Result<Vec<Found>, Problem> {
    let name = file.display().to_string();
    let unusable = |said: String, key: Option<String>| {
        cx.add_finding(Problem::DockerConfigUnusable { file: name.clone(), said, key });
        Ok(vec![])
    };
    let bytes = match read(cx, file).await {
        Ok(bytes) => bytes,
        Err(Problem::AuthFileUnreadable { said, .. }) if !named => return unusable(said, None),
        Err(problem) => return Err(problem),
    };
    let config = match DockerConfig::read(&bytes) {
        Ok(config) => config,
        Err(said) => return unusable(said.to_string(), None),
    };
    let due = DockerConfig::key_of(&image_target.asked);
    if let Some(helper) = config.helper(due) {
        let program = format!("docker-credential-{helper}");
        let credential = helper::ask(helper, due).await.map_err(|said| Problem::HelperFailed {
            file: name.clone(),
            helper: program.clone(),
            program: helper::is_a_name(helper).then_some(program),
            said: said.to_string(),
        })?;
        return Ok(found(credential, None));
    }
    let (key, stored) = match config.find(due) {
        Some((key, Ok(stored))) => (shown(key), stored),
        Some((key, Err(said))) => return unusable(said.to_string(), Some(shown(key))),
        None => {
            tell_what_is_near(cx, &config, &name, image_target);
            return Ok(vec![]);
        }
    };
    if let (Some((key, said)), Some(_)) = (config.first_malformed(), &stored) {
        let (said, key) = (said.to_string(), Some(key));
        cx.add_finding(Problem::DockerConfigUnusable { file: name, said, key });
    }
    Ok(found(stored.map(Credential::from), Some(key)))
}

fn found(credential: Option<Credential>, key: Option<String>) -> Vec<Found> {
    credential.map(|credential| Found { credential, key }).into_iter().collect()
}

fn tell_what_is_near(cx: &Cx, config: &DockerConfig, file: &str, image_target: &ImageTarget) {
    let due = DockerConfig::key_of(&image_target.asked).to_owned();
    let file = file.to_owned();
    match near(&config.keys(), &image_target.asked, Reader::Docker) {
        Some(Near::Hash { login_server }) => {
            image_target.report_missing_hash(cx, &login_server, &file);
        }
        Some(Near::Key { key, differs }) => {
            cx.add_finding(Problem::DockerServerMismatch { file, key, due, differs });
        }
        None => {}
    }
}
