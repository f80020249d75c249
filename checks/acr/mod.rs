//! What does the control plane say of the registry?

mod asked_registry;
mod content;
mod credential;
mod firewall;
mod network_rules;
mod private_endpoint;
mod problem;
mod resource;

use serde_json::{Value, json};

use crate::{
    arm::ControlPlane,
    image::ImageTarget,
    kit::{
        Cx, NoFact, StepResult,
        target::{AcrHostKind, ResourceId},
    },
};
pub use content::{
    Content, deleted_entries, explain as content, next_deleted_page, part_below, vault,
};
pub use credential::{Credentials, check as credential, lets_read};
pub use firewall::{Firewall, compare as firewall};
pub use private_endpoint::{PrivateEndpoints, compare as private_endpoint};
pub use problem::Problem;
pub use resource::Registry;

/// The version of the API for registries: the first that is not a preview and has
/// `roleAssignmentMode`.
const API: &str = "2025-11-01";
/// The kind of the resource.
const KIND: &str = "Microsoft.ContainerRegistry/registries";

/// How many registries of one name are looked at.
const MAX_NAMESAKES: usize = 8;

/// Finds the registry: by the id that the user gave, or by its login server among all registries
/// that the caller can read.
pub async fn find(
    cx: &Cx,
    control_plane: &ControlPlane,
    image_target: &ImageTarget,
) -> StepResult<Registry> {
    let host = &image_target.asked.host;
    let server = host.azure().map_or_else(|| host.name.clone(), |name| name.login_server());
    let given = cx.target.control_plane.registry.clone();
    let ids = match given.clone() {
        Some(id) => vec![id],
        None => {
            let wanted = [("properties.loginServer", server.as_str())];
            control_plane.find(cx, KIND, &wanted).await?
        }
    };
    // A login server is unique in its cloud, but Resource Graph may show a registry that is gone.
    let mut found = None;
    for id in ids.iter().take(MAX_NAMESAKES) {
        found = found.or(control_plane.get(cx, id, API).await?.map(Registry::of));
    }
    let Some(registry) = found else {
        return Err(missing(cx, control_plane, image_target, given.as_ref()).await);
    };
    if !registry.login_server().eq_ignore_ascii_case(&server) {
        let (id, meant) = (registry.id().to_string(), registry.login_server().to_owned());
        let host = host.to_string();
        return Err(NoFact::could_not_tell(Problem::OtherRegistry { id, meant, host }));
    }
    Ok(registry)
}

/// Returns what it means that the caller does not see the registry: that it does not exist, because
/// Azure says that its name is free, or nothing. Names the registry of that name whose login server
/// has a hash.
async fn missing(
    cx: &Cx,
    control_plane: &ControlPlane,
    image_target: &ImageTarget,
    id: Option<&ResourceId>,
) -> NoFact {
    let host = &image_target.asked.host;
    let name = host.azure().map(|name| name.registry()).unwrap_or_default();
    let not_seen = || {
        let (host, who) = (host.to_string(), control_plane.who.clone());
        NoFact::could_not_tell(Problem::NotSeen { host, who })
    };
    // What cannot be read leaves one of these causes open.
    let known = |no_fact| cx.add_not_read(no_fact);
    let namesakes = control_plane.find(cx, KIND, &[("name", name)]).await;
    let namesakes = namesakes.map_err(known).unwrap_or_default();
    for id in namesakes.iter().take(MAX_NAMESAKES) {
        let found = control_plane.get(cx, id, API).await.map_err(known).ok().flatten();
        let found = found.map(Registry::of);
        let meant = found.map(|registry| registry.login_server().to_owned());
        if let Some(meant) = meant.filter(|meant| meant.starts_with(&format!("{name}-"))) {
            let (repaired, host) = (image_target.at(&meant), host.to_string());
            cx.add_finding(Problem::LoginServerHasHash { host, meant, repaired });
            return not_seen();
        }
    }
    let (host, name) = (host.to_string(), name.to_owned());
    let subscription = match id.map(ResourceId::subscription) {
        Some(own) => Some(own.to_owned()),
        None => control_plane.a_subscription(cx).await.map_err(known).ok().flatten(),
    };
    // Whether a name with a hash is free depends on more than the name.
    if let Some(subscription) = subscription
        && image_target.asked.host.kind() == AcrHostKind::LoginServer
        && is_name_free(cx, control_plane, &subscription, &name).await.map_err(known) == Ok(true)
    {
        cx.add_finding(Problem::RegistryDeletedOrMoved { host, name });
    }
    not_seen()
}

/// Returns whether Azure says that no registry has this name, in whatever tenant.
async fn is_name_free(
    cx: &Cx,
    control_plane: &ControlPlane,
    subscription: &str,
    name: &str,
) -> StepResult<bool> {
    let provider = "providers/Microsoft.ContainerRegistry/checkNameAvailability";
    let path = format!("/subscriptions/{subscription}/{provider}");
    let body = json!({ "name": name, "type": KIND });
    let answer = control_plane.post(cx, &path, API, &body).await?;
    Ok(answer.get("nameAvailable") == Some(&Value::Bool(true)))
}
