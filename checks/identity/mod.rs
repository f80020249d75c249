//! Who signs in?

mod application;
mod az;
mod credential;
pub mod docker;
mod entry;
mod helper;
mod managed;
mod near;
mod pullsecret;
mod secret;
mod trouble;

use std::{path::Path, rc::Rc};

use futures::future::join;

use crate::{
    image::Understood,
    kit::{Cx, Finding, Got, Halt, Secret, Who, azure::{Endpoints, imds}},
    node::{Directory, Node, Place, SignsIn},
};
pub(crate) use credential::Application;
pub use credential::{Credential, Identity, Login};
pub use trouble::Trouble;

/// Credentials for the registry, and the key under which a file has them.
struct Found {
    credential: Credential,
    key: Option<String>,
}

/// Chooses: `--username`, else the pull secret's file that was named, else on a node its kubelet's identity, else the
/// pod's workload identity, else the docker config where it has this registry, else in a pod the one identity of
/// its machine, else nobody.
pub async fn choose(cx: &Cx, understood: &Understood, node: &Option<Rc<Node>>) -> Got<Identity> {
    let sign_in = &cx.subject.sign_in;
    let azures = |signing: Got<Identity>| only_for_azure(cx, understood, signing);
    match &sign_in.who {
        Who::Anonymous => Ok(Identity::nobody()),
        Who::Docker => Ok(from_file(cx, understood).await?.unwrap_or_else(|| nobody_here(cx))),
        Who::Az => azures(az::sign_in(cx).await),
        Who::Workload => azures(application::workload(cx).await),
        Who::ManagedIdentity(which) => {
            let (from, endpoints) = (imds::host().name, Rc::new(Endpoints::named("")));
            let (which, place) = (which.clone(), Place::default());
            let asked = managed::Asked { which, endpoints, tenant: None, from, place };
            azures(managed::sign_in(cx, asked).await)
        }
        Who::Node => match node {
            Some(node) => as_kubelet(cx, understood, node).await,
            None => Err(no_node_files(cx)),
        },
        Who::Auto => whoever_is_first(cx, understood, node).await,
    }
}

async fn whoever_is_first(
    cx: &Cx,
    understood: &Understood,
    node: &Option<Rc<Node>>,
) -> Got<Identity> {
    let sign_in = &cx.subject.sign_in;
    if let Some((user, password)) = &sign_in.given {
        let credential = Credential::Password { user: user.clone(), password: password.clone() };
        return Ok(Identity::new(credential, Some("--username".to_owned())));
    }
    // The kubelet tries the pod's pull secret before what it has itself.
    match (&sign_in.auth_file, node) {
        (None, None) => {}
        (None, Some(node)) => return as_kubelet(cx, understood, node).await,
        (Some(_), None) => {
            return Ok(from_file(cx, understood).await?.unwrap_or_else(|| nobody_here(cx)));
        }
        (Some(_), Some(node)) => {
            let own = as_kubelet(cx, understood, node).await?;
            return Ok(match from_file(cx, understood).await? {
                Some(secret) => secret.followed_by(own),
                None => own,
            });
        }
    }
    if cx.world.node_root != Path::new("/") {
        return Err(no_node_files(cx));
    }
    let mut instead_of = vec!["no-node-files"];
    let is_azures = understood.asked.host.azure().is_some();
    if is_azures && cx.world.variables.contains_key("AZURE_FEDERATED_TOKEN_FILE") {
        let identity = application::workload(cx).await?;
        // Who pulls for the pod is its node, which may be let in where the pod is not.
        return Ok(Identity { others_may: cx.world.in_pod, instead_of, ..identity });
    }
    instead_of.push("no-workload-identity");
    if let Some(identity) = from_file(cx, understood).await? {
        return Ok(Identity { others_may: cx.world.in_pod, instead_of, ..identity });
    }
    instead_of.push("no-docker-entry");
    if cx.world.in_pod && is_azures {
        if let Some(identity) = managed::the_only_one(cx).await {
            return Ok(Identity { others_may: true, instead_of, ..identity });
        }
        instead_of.push("no-single-identity");
    }
    Ok(Identity { others_may: cx.world.in_pod, instead_of, ..Identity::nobody() })
}

/// They were asked for, and are not there.
fn no_node_files(cx: &Cx) -> Halt {
    let folder = cx.world.of_node("/etc/kubernetes").display().to_string();
    Halt::broke(Trouble::NoNodeFiles { folder })
}

/// Nobody; but the node whose images these are may be somebody.
fn nobody_here(cx: &Cx) -> Identity {
    Identity { others_may: cx.world.in_pod || cx.world.on_node, ..Identity::nobody() }
}

/// Signs in as the node's kubelet does: with what its own docker config has, then with what its provider gives.
async fn as_kubelet(cx: &Cx, understood: &Understood, node: &Node) -> Got<Identity> {
    let provided = from_provider(cx, node).await?;
    let config = cx.world.of_node("/var/lib/kubelet/config.json");
    if !cx.world.has_file(&config).await {
        return Ok(provided);
    }
    // One that it cannot read it goes on without.
    let found = pullsecret::find(cx, &config, understood).await.unwrap_or_default();
    Ok(match chain(found, &config.display().to_string()) {
        Some(own) => own.followed_by(provided),
        None => provided,
    })
}

/// Signs in with what the kubelet's provider gives.
async fn from_provider(cx: &Cx, node: &Node) -> Got<Identity> {
    let file = node.file.clone().unwrap_or_default();
    let identity = match node.signs_in.clone() {
        SignsIn::Nobody => return Ok(Identity::nobody().called("kubelet-as-nobody")),
        SignsIn::Unknown => {
            let identity = Identity::nobody().called("kubelet-unknown");
            return Ok(Identity { others_may: true, ..identity });
        }
        SignsIn::Managed(which, Directory { tenant, endpoints, place }) => {
            // The provider sends what the file has for it, be it nothing.
            let tenant = Some((tenant.unwrap_or_default(), file.clone()));
            let asked = managed::Asked { which, endpoints, tenant, from: file, place };
            let identity = managed::sign_in(cx, asked).await?;
            let signed_in = matches!(identity.credential, Credential::Entra(_));
            identity.called(if signed_in { "kubelet-identity" } else { "kubelet-without-token" })
        }
        SignsIn::Application { client_id, secret, directory } => {
            let Directory { tenant, endpoints, place } = directory;
            Identity::of(Application { client_id, secret, tenant, endpoints, place }, file)
        }
        SignsIn::Literally(word) => {
            let credential = Credential::Password { user: word.to_owned(), password: Secret::new(word) };
            Identity::new(credential, Some(file)).called("service-principal")
        }
    };
    Ok(identity.and_then_nobody())
}

/// A token of Entra's is shown to Azure's registries only.
fn only_for_azure(cx: &Cx, understood: &Understood, signing: Got<Identity>) -> Got<Identity> {
    let identity = signing?;
    let registry = understood.asked.registry.clone();
    let is_entras = matches!(identity.credential, Credential::Entra(_));
    if is_entras && understood.asked.host.azure().is_none() {
        cx.tell(Trouble::NotAnAzureRegistry { registry, who: identity.name() });
        return Ok(Identity::nobody());
    }
    Ok(identity)
}

/// Says why a registry refuses an application: what Entra has against it; or that the node was left behind, where
/// its machine has a kubelet's identity by now.
pub(crate) async fn tell_why_refused(cx: &Cx, application: &Application) {
    let (why, attached) =
        join(application::why_refused(cx, application), managed::the_only_one(cx)).await;
    let kubelets = attached.and_then(|attached| match &attached.credential {
        Credential::Entra(login) if login.principal.is_called_like_a_kubelets() => {
            login.principal.name.clone()
        }
        _ => None,
    });
    match (why, kubelets) {
        (why, Some(attached)) => {
            let said = why.and_then(|why| Finding::from(why).code.split('/').next_back().map(str::to_owned));
            let (client_id, place) = (application.client_id.clone(), application.place.clone());
            cx.tell(Trouble::NodeStillSpMode { client_id, attached, said, place });
        }
        (Some(why), None) => cx.tell(why),
        (None, None) => {}
    }
}

/// What the file that was named has for the registry, else docker's own.
async fn from_file(cx: &Cx, understood: &Understood) -> Got<Option<Identity>> {
    let sign_in = &cx.subject.sign_in;
    let named = sign_in.auth_file.as_deref();
    let mut file = named;
    for config in &cx.world.docker_configs {
        if file.is_none() && cx.world.has_file(config).await {
            file = Some(config);
        }
    }
    let Some(file) = file else { return Ok(None) };
    let found = if named.is_some() && sign_in.who != Who::Docker {
        pullsecret::find(cx, file, understood).await?
    } else {
        docker::find(cx, file, named.is_some(), understood).await?
    };
    let name = file.display().to_string();
    for Found { credential, key } in &found {
        if let (Some(key), true) = (key, entry::ends_in_newline(credential)) {
            cx.tell(Trouble::PasswordEndsInNewline { file: name.clone(), key: key.clone() });
        }
    }
    Ok(chain(found, &name))
}

/// What a file has for a registry, in the order in which it is tried.
fn chain(found: Vec<Found>, file: &str) -> Option<Identity> {
    let last_first = found.into_iter().rev();
    last_first.fold(None, |next: Option<Identity>, Found { credential, key }| {
        let identity = Identity::new(credential, Some(file.to_owned()));
        Some(Identity { key, next: next.map(Rc::new), ..identity })
    })
}

/// All of a file of credentials.
async fn read(cx: &Cx, file: &Path) -> Result<Vec<u8>, Trouble> {
    let file_name = || file.display().to_string();
    cx.world.read(file).await.map_err(|unread| {
        let said = unread.to_string();
        Trouble::AuthFileUnreadable { file: file_name(), said }
    })
}
