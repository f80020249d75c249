//! What would this node's kubelet sign in with?
//!
//! The files are those that AKS writes (Azure/AgentBaker). The kubelet's flags are not looked at, so that nobody
//! is named in its configuration is only ever suspected.

pub mod azure_json;
mod program;
pub mod provider;

use std::rc::Rc;

use serde::Serialize;

use crate::{
    image::Understood,
    kit::{
        AZURE_JSON, CREDENTIAL_PROVIDERS, Cx, Got, Kind, Secret, Unread,
        azure::{Endpoints, imds::Which},
        yaml,
    },
};
use azure_json::{AzureJson, Who};
use provider::{Provider, Providers, login_server};

/// What can be wrong with a node's files.
#[derive(Serialize, strum::VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Trouble {
    /// They are there, and we may not read them: could not tell.
    FilesNotReadable {
        /// The first of them.
        file: String,
    },
    /// There is no configuration of credential providers: the kubelet may have none.
    CredproviderNotConfigured {
        /// Where it would be.
        file: String,
    },
    /// That configuration does not parse; the kubelet goes on with what it read when it started.
    CredproviderConfigUnreadable {
        /// The file.
        file: String,
        /// What is wrong with it, in words that do not quote it.
        said: String,
    },
    /// The kubelet has Azure's provider, and does not ask it for this image; or it asks, and the provider
    /// takes the image for another's.
    CredproviderMatchMiss {
        /// The image's registry.
        registry: String,
        /// Who passes it over, as a word.
        by: &'static str,
        /// The file.
        file: String,
        /// Its patterns.
        patterns: Vec<String>,
    },
    /// The same for the endpoint of one region, which older node images do not know.
    ImageRefRegionalEndpointOldNode {
        /// The image's registry.
        registry: String,
        /// The same image by the registry's own name.
        global: String,
        /// Who passes it over, as a word.
        by: &'static str,
    },
    /// The provider's program is not there, or cannot run.
    CredproviderMissingOrCrashing {
        /// The program.
        program: String,
        /// Why not, as a word.
        said: String,
    },
    /// The provider signs in as the pod's service account, which is not known here: could not tell.
    ServiceAccountDecides {
        /// The file that says so.
        file: String,
    },
    /// The file that says who this node is cannot be read.
    AzurejsonMissingOrCorrupt {
        /// The file.
        file: String,
        /// Why not, in words that do not quote it.
        said: String,
    },
    /// This cloud's endpoints are in a file that is not there.
    EnvironmentFileMissing {
        /// As the node calls the cloud.
        cloud: String,
        /// Where the file would be.
        file: String,
        /// Why it was not read.
        said: String,
    },
    /// The image's registry is in another cloud than the node.
    RegistryOtherCloud {
        /// The image's registry.
        registry: String,
        /// As the node calls its cloud.
        cloud: String,
        /// What the names of registries end in there.
        suffix: String,
    },
    /// `useManagedIdentityExtension` is off, and what stands for a managed identity is sent as name and password.
    NapMiFlagFalse {
        /// The file.
        file: String,
    },
}

/// What this node's kubelet signs in with.
#[derive(Serialize)]
pub struct Node {
    #[serde(skip)]
    pub(crate) signs_in: SignsIn,
    /// The same, as a word.
    how: &'static str,
    /// The pattern by which it asks its provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    /// The file that says who the node is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// As the node calls its cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud: Option<String>,
}

/// Who signs in for a node.
#[derive(Clone)]
pub(crate) enum SignsIn {
    /// A managed identity.
    Managed(Which, Directory),
    /// An application, by name and password.
    Application {
        client_id: String,
        secret: Secret,
        directory: Directory,
    },
    /// What stands for a managed identity, as name and password.
    Literally(&'static str),
    /// Nobody: the image is pulled without credentials.
    Nobody,
    /// It cannot be told from the files.
    Unknown,
}

/// The cloud and the directory in which a node is.
#[derive(Clone)]
pub(crate) struct Directory {
    pub(crate) tenant: Option<String>,
    pub(crate) endpoints: Rc<Endpoints>,
    pub(crate) place: Place,
}

/// Where a node is in Azure, as far as it knows: for commands that mend it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Place {
    /// The resource group of the cluster's nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    node_group: Option<String>,
    /// The node pool, by the node's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
}

impl Node {
    fn new(signs_in: SignsIn) -> Self {
        let how = match signs_in {
            SignsIn::Managed(Which::Unnamed, _) => "managed-identity-unnamed",
            SignsIn::Managed(..) => "managed-identity",
            SignsIn::Application { .. } => "service-principal",
            SignsIn::Literally(_) => "msi-literally",
            SignsIn::Nobody => "kubelet-asks-nobody",
            SignsIn::Unknown => "kubelet-unknown",
        };
        Self { signs_in, how, pattern: None, file: None, cloud: None }
    }
}

/// Reads the node's files as the kubelet and its provider do.
pub async fn read(cx: &Cx, understood: &Understood) -> Got<Node> {
    let registry = || understood.asked.registry.clone();
    let file = shown(cx, CREDENTIAL_PROVIDERS);
    let config = match cx.world.read(&cx.world.of_node(CREDENTIAL_PROVIDERS)).await {
        Ok(bytes) => bytes,
        Err(Unread::Missing) => {
            if understood.asked.host.azure().is_some() {
                cx.tell(Trouble::CredproviderNotConfigured { file });
            }
            return who_signs_in(cx, understood, AZURE_JSON, None).await;
        }
        Err(Unread::Forbidden) => return Ok(not_readable(cx, file)),
        Err(Unread::Failed(said)) => return Ok(unreadable(cx, file, said)),
    };
    let read = yaml(&config).and_then(|config| Providers::read(&config).map_err(str::to_owned));
    let providers = match read {
        Ok(providers) => providers,
        Err(said) => return Ok(unreadable(cx, file, said)),
    };
    let image = understood.pattern();
    // Another provider's word counts as well, and is not known here.
    let nobody = if providers.another(&image).is_some() { SignsIn::Unknown } else { SignsIn::Nobody };
    let azures = understood.asked.host.azure();
    let Some(azure) = providers.azures() else {
        if azures.is_some() {
            let (registry, by) = (registry(), "kubelet");
            cx.tell(Trouble::CredproviderMatchMiss { registry, by, file, patterns: vec![] });
        }
        return Ok(Node::new(if azures.is_some() { nobody } else { SignsIn::Unknown }));
    };
    let Some(pattern) = azure.matching(&image) else {
        if azures.is_none() {
            // No registry of Azure's as far as the name tells: a pull secret may be for it.
            return Ok(Node::new(SignsIn::Unknown));
        }
        missed(cx, understood, "kubelet", file, azure);
        return Ok(Node::new(nobody));
    };
    if azure.by_service_account {
        cx.tell(Trouble::ServiceAccountDecides { file });
        return Ok(Node::new(SignsIn::Unknown));
    }
    if let Some((program, said)) = program::cannot_run(cx, &azure.name).await {
        cx.tell(Trouble::CredproviderMissingOrCrashing { program, said });
        return Ok(Node::new(nobody));
    }
    let Some(file) = azure.config_file() else {
        let (file, said) = (AZURE_JSON.to_owned(), "not-in-the-arguments".to_owned());
        cx.tell(Trouble::AzurejsonMissingOrCorrupt { file, said });
        return Ok(Node::new(nobody));
    };
    who_signs_in(cx, understood, file, Some((azure, pattern))).await
}

/// Whom the provider signs in as.
async fn who_signs_in(
    cx: &Cx,
    understood: &Understood,
    file: &str,
    asked: Option<(&Provider, &str)>,
) -> Got<Node> {
    let name = shown(cx, file);
    let corrupt = |said: String| {
        cx.tell(Trouble::AzurejsonMissingOrCorrupt { file: name.clone(), said });
        Ok(Node::new(SignsIn::Nobody))
    };
    let bytes = match cx.world.read(&cx.world.of_node(file)).await {
        Ok(bytes) => bytes,
        Err(Unread::Forbidden) => return Ok(not_readable(cx, name)),
        Err(unread) => return corrupt(unread.to_string()),
    };
    let read = yaml(&bytes).and_then(|file| AzureJson::read(&file).map_err(str::to_owned));
    let azure_json = match read {
        Ok(azure_json) => azure_json,
        Err(said) => return corrupt(said),
    };
    let (endpoints, known) = endpoints(cx, &azure_json).await;
    let endpoints = Rc::new(endpoints);
    let azures = understood.asked.host.azure();
    let image = format!("{}/", understood.asked.registry);
    let other_cloud = azures.is_some_and(|name| name.suffix != endpoints.suffix);
    if other_cloud {
        let (cloud, suffix) = (endpoints.cloud.clone(), endpoints.suffix.clone());
        let registry = understood.asked.registry.clone();
        cx.tell(Trouble::RegistryOtherCloud { registry, cloud, suffix });
    }
    if login_server(&image, &endpoints.suffix).is_none() {
        if let Some((provider, _)) = asked.filter(|_| known && !other_cloud) {
            missed(cx, understood, "provider", shown(cx, CREDENTIAL_PROVIDERS), provider);
        }
        let certain = known && azures.is_some();
        return Ok(Node::new(if certain { SignsIn::Nobody } else { SignsIn::Unknown }));
    }
    let cloud = endpoints.cloud.clone();
    let place = Place { node_group: azure_json.group, pool: pool(cx).await };
    let directory = Directory { tenant: azure_json.tenant, endpoints, place };
    let signs_in = match azure_json.who {
        Who::Managed(which) => SignsIn::Managed(which, directory),
        Who::Nobody => return corrupt("names-nobody".to_owned()),
        // Names and passwords are given out for `*.azurecr.io` and the like: for no name with more parts.
        Who::Application { .. } | Who::NeitherNor
            if azures.is_some_and(|name| name.kind == Kind::RegionalEndpoint) =>
        {
            tell_regional(cx, understood, "service-principal");
            SignsIn::Nobody
        }
        Who::Application { client_id, secret } => {
            SignsIn::Application { client_id, secret, directory }
        }
        Who::NeitherNor => {
            cx.tell(Trouble::NapMiFlagFalse { file: name.clone() });
            SignsIn::Literally("msi")
        }
    };
    let pattern = asked.map(|(_, pattern)| pattern.to_owned());
    Ok(Node { pattern, file: Some(name), cloud: Some(cloud), ..Node::new(signs_in) })
}

/// The node pool: AKS calls its nodes `aks-POOL-NUMBER-vmss…`.
async fn pool(cx: &Cx) -> Option<String> {
    let name = cx.world.read(&cx.world.of_node("/etc/hostname")).await.ok()?;
    let name = String::from_utf8(name).ok()?;
    let mut parts = name.trim().strip_prefix("aks-")?.split('-');
    parts.next().filter(|pool| pool.chars().all(|c| c.is_ascii_alphanumeric())).map(str::to_owned)
}

/// What the cloud of the node calls its hosts, and whether that is known here: a node may also ask for it.
async fn endpoints(cx: &Cx, azure_json: &AzureJson) -> (Endpoints, bool) {
    let endpoints = Endpoints::named(&azure_json.cloud);
    if !Endpoints::are_in_a_file(&azure_json.cloud) {
        return (endpoints, !azure_json.asks_for_endpoints);
    }
    let named = cx.world.variables.get("AZURE_ENVIRONMENT_FILEPATH").map(String::as_str);
    let file = named.unwrap_or(ENVIRONMENT);
    let read = cx.world.read(&cx.world.of_node(file)).await.map_err(|unread| unread.to_string());
    match read.and_then(|bytes| yaml(&bytes)) {
        Ok(said) => (endpoints.with_file(&said), !azure_json.asks_for_endpoints),
        Err(said) => {
            let (cloud, file) = (azure_json.cloud.clone(), shown(cx, file));
            cx.tell(Trouble::EnvironmentFileMissing { cloud, file, said });
            (endpoints, false)
        }
    }
}

/// Where AKS writes the endpoints of a cloud that has no name.
const ENVIRONMENT: &str = "/etc/kubernetes/akscustom.json";

fn missed(cx: &Cx, understood: &Understood, by: &'static str, file: String, azure: &Provider) {
    let regional = understood.asked.host.azure().map(|name| name.kind);
    if regional == Some(Kind::RegionalEndpoint) {
        return tell_regional(cx, understood, by);
    }
    let (registry, patterns) = (understood.asked.registry.clone(), azure.patterns.clone());
    cx.tell(Trouble::CredproviderMatchMiss { registry, by, file, patterns });
}

fn tell_regional(cx: &Cx, understood: &Understood, by: &'static str) {
    let registry = understood.asked.registry.clone();
    let login_server = understood.asked.host.azure().map(|name| name.login_server());
    let global = understood.at(&login_server.unwrap_or_else(|| registry.clone()));
    cx.tell(Trouble::ImageRefRegionalEndpointOldNode { registry, global, by });
}

fn not_readable(cx: &Cx, file: String) -> Node {
    cx.tell(Trouble::FilesNotReadable { file });
    Node::new(SignsIn::Unknown)
}

fn unreadable(cx: &Cx, file: String, said: String) -> Node {
    cx.tell(Trouble::CredproviderConfigUnreadable { file, said });
    Node::new(SignsIn::Unknown)
}

/// The path of a node's file, as it is from here.
fn shown(cx: &Cx, file: &str) -> String {
    cx.world.of_node(file).display().to_string()
}
