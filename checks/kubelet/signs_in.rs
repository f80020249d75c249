//! Who signs in for an image, by the file that the credential provider is given.

use std::rc::Rc;

use super::{
    azure_json::{AzureJson, SignInMethod},
    names,
    node::{Application, AzureEnvironment, KubeletSignIn, MirrorSignIn, Node, NodeLocation},
    problem::{MissedBy, Problem},
    provider::{NotReplayed, Provider},
    version::ProviderBuild,
};
use crate::{
    image::ImageTarget,
    kit::{
        Cx,
        azure::Endpoints,
        rules::Malformed,
        target::AcrHostKind,
        world::{CREDENTIAL_PROVIDERS, yaml},
    },
};

/// The file in which AKS writes the endpoints of a custom cloud.
const ENVIRONMENT: &str = "/etc/kubernetes/akscustom.json";
/// The provider that the kubelet asks for an image.
pub(super) struct ProviderCall {
    /// The pattern that matches the image; `None` when the call is only assumed.
    pub(super) pattern: Option<String>,
    /// The file that holds the node's identity.
    pub(super) file: String,
    /// The file that configures the call.
    pub(super) config: String,
    /// How it is configured; `None` when the call is only assumed.
    pub(super) provider: Option<Provider>,
    pub(super) build: ProviderBuild,
}

/// Returns the identity that the credential provider uses.
pub(super) async fn signs_in(
    cx: &Cx,
    image_target: &ImageTarget,
    asked: ProviderCall,
    azure_json: AzureJson,
) -> Result<Node, KubeletSignIn> {
    let file = asked.file.clone();
    if let Some(endpoint) = azure_json.asks_for_endpoints {
        let (what, written) = (NotReplayed::EndpointsAskedFor, endpoint);
        cx.add_finding(Problem::ProviderNotReplayed { file, what, written });
        return Err(KubeletSignIn::Unknown);
    }
    let mirror = asked.provider.as_ref().and_then(|it| it.mirror(&image_target.asked.registry));
    if let Some(host) = mirror.map(str::to_owned) {
        return at_mirror(cx, host, asked, azure_json).await;
    }
    let (patterns, told) = match asked.provider {
        Some(provider) => (provider.patterns, provider.environment),
        None => (vec![], None),
    };
    let (endpoints, known) = endpoints(cx, &azure_json.cloud, told).await;
    let name = image_target.asked.host.azure();
    let other_cloud = name.is_some_and(|name| name.suffix != endpoints.suffix);
    if other_cloud {
        let (cloud, suffix) = (endpoints.cloud.clone(), endpoints.suffix.clone());
        let registry = image_target.asked.registry.clone();
        cx.add_finding(Problem::RegistryOtherCloud { registry, cloud, suffix });
    }
    let registry = &image_target.asked.registry;
    let recognized = names::recognizes(&asked.build, registry, &endpoints.suffix);
    if recognized.is_none() {
        let (what, written) = (NotReplayed::ProviderVersionUnknown, registry.clone());
        let file = asked.build.program;
        cx.add_finding(Problem::ProviderNotReplayed { file, what, written });
        return Err(KubeletSignIn::Unknown);
    }
    if recognized == Some(false) {
        if known && !other_cloud && asked.pattern.is_some() {
            let is_regional = name.is_some_and(|name| name.kind == AcrHostKind::RegionalEndpoint);
            if asked.build.knows_its_suffix() == Some(false) && !is_regional {
                let (program, version) = (asked.build.program, asked.build.version);
                let (registry, version) = (registry.clone(), version.unwrap_or_default());
                cx.add_finding(Problem::ProviderTooOldForName { registry, program, version });
            } else {
                let file = CREDENTIAL_PROVIDERS.to_owned();
                tell_missed(cx, image_target, MissedBy::Provider, file, patterns);
            }
        }
        return Err(if known && name.is_some() {
            KubeletSignIn::Anonymous
        } else {
            KubeletSignIn::Unknown
        });
    }
    let cloud = Some(endpoints.cloud.clone());
    let place = NodeLocation { node_group: azure_json.group, pool: pool(cx).await };
    let tenant = Some(azure_json.tenant.unwrap_or_default());
    let version = asked.build.version.clone();
    let around = AzureEnvironment {
        file: file.clone(),
        tenant,
        endpoints: Rc::new(endpoints),
        place,
        provider: Some(asked.build),
    };
    let signs_in = match azure_json.names {
        SignInMethod::Managed(which) => KubeletSignIn::Managed(which, around),
        SignInMethod::Anonymous => {
            cx.add_finding(Problem::AzurejsonMissingOrCorrupt {
                file,
                said: Malformed::NamesNoIdentity.to_string(),
            });
            return Err(KubeletSignIn::Anonymous);
        }
        // The provider gives out user names and passwords only for `*.azurecr.io` and the like, not
        // for names with more labels.
        SignInMethod::Application { .. } | SignInMethod::Placeholder { .. }
            if name.is_some_and(|name| name.kind == AcrHostKind::RegionalEndpoint) =>
        {
            tell_regional(cx, image_target, MissedBy::ServicePrincipal);
            return Err(KubeletSignIn::Anonymous);
        }
        SignInMethod::Application { client_id, secret } => {
            KubeletSignIn::Application(Application { client_id, secret, around })
        }
        SignInMethod::Placeholder { user, password } => {
            cx.add_finding(Problem::NapMiFlagFalse { file: file.clone() });
            KubeletSignIn::Placeholder { user, password, file: file.clone() }
        }
    };
    let provider_version = version;
    Ok(Node {
        pattern: asked.pattern,
        file: Some(file),
        cloud,
        provider_version,
        ..Node::new(signs_in)
    })
}

/// Returns the identity with which the credential provider signs in at a mirror of Microsoft's registry,
/// which itself is asked as anonymous.
async fn at_mirror(
    cx: &Cx,
    host: String,
    asked: ProviderCall,
    azure_json: AzureJson,
) -> Result<Node, KubeletSignIn> {
    let told = asked.provider.and_then(|provider| provider.environment);
    let (endpoints, _) = endpoints(cx, &azure_json.cloud, told).await;
    let is_known = names::recognizes(&asked.build, &host, &endpoints.suffix) == Some(true);
    let identity = match azure_json.names {
        SignInMethod::Managed(identity) if is_known => identity,
        _ => {
            let (file, what) = (asked.config, NotReplayed::RegistryMirror);
            cx.add_finding(Problem::ProviderNotReplayed { file, what, written: host });
            return Err(KubeletSignIn::Unknown);
        }
    };
    let cloud = Some(endpoints.cloud.clone());
    let provider_version = asked.build.version.clone();
    let around = AzureEnvironment {
        file: asked.file.clone(),
        tenant: Some(azure_json.tenant.unwrap_or_default()),
        endpoints: Rc::new(endpoints),
        place: NodeLocation { node_group: azure_json.group, pool: pool(cx).await },
        provider: Some(asked.build),
    };
    Ok(Node {
        pattern: asked.pattern,
        file: Some(asked.file),
        cloud,
        provider_version,
        at_mirror: Some(MirrorSignIn { host, identity, around }),
        ..Node::new(KubeletSignIn::Anonymous)
    })
}

/// Returns the endpoints of the node's cloud, and whether they are certain.
async fn endpoints(cx: &Cx, cloud: &str, told: Option<String>) -> (Endpoints, bool) {
    let endpoints = Endpoints::named(cloud);
    if !Endpoints::are_in_a_file(cloud) {
        return (endpoints, true);
    }
    let told = told.or_else(|| cx.world.variables.get("AZURE_ENVIRONMENT_FILEPATH").cloned());
    let file = told.unwrap_or_else(|| ENVIRONMENT.to_owned());
    let read = cx.world.read(&cx.world.of_node(&file)).await.map_err(|error| error.to_string());
    match read.and_then(|bytes| yaml(&bytes).map_err(|said| said.to_string())) {
        Ok(said) => (endpoints.with_file(&said), true),
        Err(said) => {
            let (cloud, file) = (cloud.to_owned(), file);
            cx.add_finding(Problem::EnvironmentFileMissing { cloud, file, said });
            (endpoints, false)
        }
    }
}

/// Returns the node pool: AKS names its nodes `aks-POOL-NUMBER-vmss…`.
async fn pool(cx: &Cx) -> Option<String> {
    let name = cx.world.read(&cx.world.of_node("/etc/hostname")).await.ok()?;
    let name = String::from_utf8(name).ok()?;
    let mut parts = name.trim().strip_prefix("aks-")?.split('-');
    parts.next().filter(|pool| pool.chars().all(|c| c.is_ascii_alphanumeric())).map(str::to_owned)
}

pub(super) fn tell_missed(
    cx: &Cx,
    image_target: &ImageTarget,
    by: MissedBy,
    file: String,
    patterns: Vec<String>,
) {
    if image_target.asked.host.azure().map(|name| name.kind) == Some(AcrHostKind::RegionalEndpoint)
    {
        return tell_regional(cx, image_target, by);
    }
    let registry = image_target.asked.registry.clone();
    cx.add_finding(Problem::CredproviderMatchMiss { registry, by, file, patterns });
}

fn tell_regional(cx: &Cx, image_target: &ImageTarget, by: MissedBy) {
    let registry = image_target.asked.registry.clone();
    let login_server = image_target.asked.host.azure().map(|name| name.login_server());
    let global = image_target.at(&login_server.unwrap_or_else(|| registry.clone()));
    cx.add_finding(Problem::ImageRefRegionalEndpointOldNode { registry, global, by });
}
