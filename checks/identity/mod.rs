//! Chooses the identity that signs in.

mod application;
mod az;
mod candidates;
mod credential;
mod credential_file;
mod docker;
mod helper;
mod late;
mod managed;
mod problem;
mod pull_secret;

use std::{path::Path, rc::Rc};

use crate::{
    image::ImageTarget,
    kit::{Cx, NoFact, StepResult, azure::imds, rules::Pattern, target::Who},
    kubelet::{AzureEnvironment, KubeletSignIn, Node},
};
pub(crate) use az::AZ_WAIT;
pub use candidates::{Absent, Identity};
pub use credential::{Candidate, CandidateKind, Credential, EntraToken};
use credential_file::Found;
pub(crate) use late::{Came, Late};
pub use problem::{Answered, ManagementAudience, Problem};

/// Chooses the identity. With `--identity auto`, the first of these that is available signs in:
///
/// `--username`; the pull secret file that the user named; on a node, its kubelet's identity; the
/// pod's workload identity; the docker config, if it has an entry for this registry; in a pod, the
/// single managed identity of its machine; anonymous.
pub async fn choose(
    cx: &Cx,
    image_target: &ImageTarget,
    node: &Option<Rc<Node>>,
) -> StepResult<Identity> {
    let sign_in = &cx.target.sign_in;
    let for_azure = |signing: StepResult<Candidate>| {
        only_for_azure(cx, image_target, signing).map(Identity::from)
    };
    match &sign_in.who {
        Who::Anonymous => Ok(Candidate::anonymous().called(CandidateKind::AnonymousAsAsked).into()),
        Who::Docker => Ok(from_file(cx, image_target)
            .await?
            .unwrap_or_else(|| anonymous_here(cx, CandidateKind::Anonymous))),
        Who::Az => for_azure(az::sign_in(cx).await),
        Who::Workload => for_azure(application::workload(cx).await),
        Who::ManagedIdentity(which) => {
            let around = AzureEnvironment::elsewhere(imds::host().name);
            let identity = managed::sign_in(cx, which.clone(), &around).await;
            for_azure(identity.map(|identity| match identity.credential {
                Credential::Entra(_) => identity.called(CandidateKind::ManagedIdentity),
                _ if identity.late.is_some() => identity,
                _ => identity.called(CandidateKind::MachineWithoutToken),
            }))
        }
        Who::Node => match node {
            Some(node) => as_kubelet(cx, image_target, node).await,
            None => Err(no_node_files(cx)),
        },
        Who::Auto => first_with_credentials(cx, image_target, node).await,
    }
}

async fn first_with_credentials(
    cx: &Cx,
    image_target: &ImageTarget,
    node: &Option<Rc<Node>>,
) -> StepResult<Identity> {
    let sign_in = &cx.target.sign_in;
    if let Some((user, password)) = &sign_in.given {
        let credential = Credential::Password { user: user.clone(), password: password.clone() };
        return Ok(Candidate::new(credential, Some("--username".to_owned())).into());
    }
    // The kubelet tries the pod's pull secret before its own credentials.
    match (&sign_in.auth_file, node) {
        (None, None) => {}
        (None, Some(node)) => return as_kubelet(cx, image_target, node).await,
        (Some(_), None) => {
            let anonymous = || anonymous_here(cx, CandidateKind::NoneInFile);
            return Ok(from_file(cx, image_target).await?.unwrap_or_else(anonymous));
        }
        (Some(_), Some(node)) => {
            let own = as_kubelet(cx, image_target, node).await?;
            return Ok(match from_file(cx, image_target).await? {
                Some(secret) => secret.followed_by(own),
                None => own,
            });
        }
    }
    if cx.world.node_root != Path::new("/") {
        return Err(no_node_files(cx));
    }
    // The node pulls, for a pod and for a cluster that the user named, and may be authorized even if
    // who signs in here is not.
    let others_may = cx.world.in_pod || cx.target.control_plane.cluster.is_some();
    let mut instead_of = vec![Absent::NoNodeFiles];
    let is_azures = image_target.asked.host.azure().is_some();
    if is_azures && cx.world.variables.contains_key("AZURE_FEDERATED_TOKEN_FILE") {
        let identity = Identity::from(application::workload(cx).await?);
        return Ok(Identity { instead_of, ..identity.others_may(others_may) });
    }
    instead_of.push(Absent::NoWorkloadIdentity);
    if let Some(identity) = from_file(cx, image_target).await? {
        return Ok(Identity { instead_of, ..identity.others_may(others_may) });
    }
    instead_of.push(Absent::NoDockerEntry);
    if cx.world.in_pod && is_azures {
        if let Some(login) = managed::only_attached(cx).await {
            let one =
                Candidate::by_token(login, CandidateKind::ManagedIdentity, &imds::host().name);
            return Ok(Identity { instead_of, ..Identity::from(one).others_may(true) });
        }
        instead_of.push(Absent::NoSingleIdentity);
    }
    let anonymous = Identity::from(Candidate::anonymous());
    Ok(Identity { instead_of, ..anonymous.others_may(others_may) })
}

/// Reports that the node's files were asked for but do not exist.
fn no_node_files(cx: &Cx) -> NoFact {
    let folder = cx.world.of_node("/etc/kubernetes").display().to_string();
    NoFact::could_not_tell(Problem::NoNodeFiles { folder })
}

/// Returns the anonymous identity. The node that pulls these images may have credentials.
fn anonymous_here(cx: &Cx, kind: CandidateKind) -> Identity {
    let others_may = cx.world.in_pod || cx.world.on_node;
    Identity::from(Candidate::anonymous().called(kind)).others_may(others_may)
}

/// Signs in as the node's kubelet does: first with its own docker config, then with its credential
/// provider.
async fn as_kubelet(cx: &Cx, image_target: &ImageTarget, node: &Node) -> StepResult<Identity> {
    let provided = from_provider(cx, image_target, node).await?;
    let config = cx.world.of_node("/var/lib/kubelet/config.json");
    if !cx.world.has_file(&config).await {
        return Ok(provided);
    }
    // The kubelet continues without a config that it cannot read.
    let found = pull_secret::find(cx, &config, image_target).await.unwrap_or_default();
    Ok(match chain(found, &config.display().to_string()) {
        Some(own) => own.followed_by(provided),
        None => provided,
    })
}

/// Signs in with the credentials from the kubelet's credential provider.
async fn from_provider(cx: &Cx, image_target: &ImageTarget, node: &Node) -> StepResult<Identity> {
    let candidate = match node.signs_in.clone() {
        KubeletSignIn::Anonymous => {
            let anonymous = Candidate::anonymous().called(CandidateKind::KubeletAnonymous);
            let at_mirror = match &node.at_mirror {
                None => None,
                Some(at) => {
                    // No other host is asked with it, so nothing can be asked meanwhile.
                    let who = managed::sign_in(cx, at.identity.clone(), &at.around).await?;
                    Some((at.host.clone(), who.when_it_came().await))
                }
            };
            let identity = Identity { at_mirror, ..Identity::from(anonymous) };
            return Ok(identity.others_may(node.others_may));
        }
        KubeletSignIn::Unknown => {
            let anonymous = Candidate::anonymous().called(CandidateKind::KubeletUnknown);
            return Ok(Identity::from(anonymous).others_may(true));
        }
        KubeletSignIn::Managed(which, around) => managed::sign_in(cx, which, &around).await?,
        KubeletSignIn::Application(application) => Candidate::of(application),
        KubeletSignIn::Placeholder { user, password, file } => {
            let credential = Credential::Password { user, password };
            Candidate::new(credential, Some(file)).called(CandidateKind::ServicePrincipal)
        }
    };
    // The provider also returns an empty entry, which matches only names of three parts.
    let blank =
        Pattern::read("*.azurecr.*").is_some_and(|blank| blank.matches(&image_target.pattern()));
    let identity = Identity::from(candidate).others_may(node.others_may);
    let anonymous = || Identity::from(Candidate::anonymous());
    Ok(if blank { identity.followed_by(anonymous()) } else { identity })
}

/// Returns the anonymous candidate in place of an Entra token if the registry is not an Azure
/// registry.
fn only_for_azure(
    cx: &Cx,
    image_target: &ImageTarget,
    signing: StepResult<Candidate>,
) -> StepResult<Candidate> {
    let identity = signing?;
    let registry = image_target.asked.registry.clone();
    let by_token = matches!(identity.credential, Credential::Entra(_)) || identity.late.is_some();
    if by_token && image_target.asked.host.azure().is_none() {
        cx.add_finding(Problem::NotAnAzureRegistry { registry, who: identity.name() });
        return Ok(Candidate::anonymous());
    }
    Ok(identity)
}

/// Returns what the file that the user named holds for the registry, or else docker's own config.
async fn from_file(cx: &Cx, image_target: &ImageTarget) -> StepResult<Option<Identity>> {
    let sign_in = &cx.target.sign_in;
    let mut files: Vec<&Path> = sign_in.auth_file.as_deref().into_iter().collect();
    let is_named = !files.is_empty();
    for config in &cx.world.docker_configs {
        if !is_named && cx.world.has_file(config).await {
            files.push(config);
        }
    }
    for file in files {
        if let Some(found) = from_this_file(cx, image_target, file, is_named).await? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn from_this_file(
    cx: &Cx,
    image_target: &ImageTarget,
    file: &Path,
    is_named: bool,
) -> StepResult<Option<Identity>> {
    let found = if is_named && cx.target.sign_in.who != Who::Docker {
        pull_secret::find(cx, file, image_target).await?
    } else {
        docker::find(cx, file, is_named, image_target).await?
    };
    let name = file.display().to_string();
    for Found { credential, key } in &found {
        if let (Some(key), true) = (key, ends_in_newline(credential)) {
            cx.add_finding(Problem::PasswordEndsInNewline { file: name.clone(), key: key.clone() });
        }
    }
    Ok(chain(found, &name))
}

/// Returns the credentials of a file for a registry, in the order in which they are tried.
fn chain(found: Vec<Found>, file: &str) -> Option<Identity> {
    let candidate = |Found { credential, key }| {
        let candidate = Candidate::new(credential, Some(file.to_owned()));
        Candidate { key, ..candidate }
    };
    Identity::of(found.into_iter().map(candidate).collect())
}

/// Returns whether a password ends with a line break. Then a whole line was encoded instead of only
/// the password.
fn ends_in_newline(credential: &Credential) -> bool {
    match credential {
        Credential::Password { password, .. } => password.expose().ends_with(['\r', '\n']),
        _ => false,
    }
}
