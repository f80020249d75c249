//! Which cluster is asked, and who asks it?

mod azure;
mod credentials;
mod file;
mod problem;
mod program;
mod user;

use std::{path::PathBuf, rc::Rc};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use serde_json::{Map, Value};

use crate::kit::{
    Cx, Host, HostPurpose, NoFact, Secret, StepResult, World,
    kube::{Cluster, Impersonate, KUBE_WAIT, KubeOptions, Server},
    rules::{ProxyUrl, is_object_name},
    world::{FILE_WAIT, Proxy},
};
pub use azure::of_azure;
use credentials::Credentials;
use file::{Entry, Kubeconfig};
pub use problem::{AksName, EntryFault, Problem};
use user::{bytes, credentials};

/// Where Kubernetes mounts the account of a pod.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The field of a cluster's extensions that is for the programs that sign in (client-go,
/// `tools/clientcmd/client_config.go`).
const FOR_PROGRAMS: &str = "client.authentication.k8s.io/exec";

/// How long reading may take: each of a few files, and the program that signs in.
pub const READ_SECONDS: u64 = 12 * FILE_WAIT.as_secs() + program::PROGRAM_WAIT.as_secs();

/// Reads which cluster is asked, and signs in to it.
pub async fn read(cx: &Cx, options: &KubeOptions) -> StepResult<Cluster> {
    let found = read_config(cx, options).await;
    found.map_err(NoFact::could_not_tell)
}

/// Returns the namespace that a run uses, without asking the cluster or signing in.
///
/// # Errors
/// Returns why the kubeconfig does not tell.
pub async fn namespace(world: &World, options: &KubeOptions) -> Result<String, Problem> {
    const USUAL: &str = "default";
    if let Some(namespace) = &options.namespace {
        return Ok(namespace.clone());
    }
    // No kubeconfig of this machine has a part in a run that Azure leads to its cluster.
    if options.in_azure {
        return Ok(USUAL.to_owned());
    }
    let own = match Kubeconfig::read(world, &options.files, options.is_named).await? {
        Some(config) => {
            let name = options.context.as_ref().unwrap_or(&config.current_context);
            config.context(name).map(namespace_of).transpose()?.flatten()
        }
        None if options.in_cluster.is_some() => {
            let text = world.read(&PathBuf::from(ACCOUNT).join("namespace")).await.ok();
            text.map(|text| text_of(&text))
        }
        None => None,
    };
    Ok(own.unwrap_or_else(|| USUAL.to_owned()))
}

async fn read_config(cx: &Cx, options: &KubeOptions) -> Result<Cluster, Problem> {
    let Some(config) = Kubeconfig::read(&cx.world, &options.files, options.is_named).await? else {
        return in_cluster(cx, options).await;
    };
    let sign_in = async |user: &Entry, cluster: &Value| credentials(cx, user, cluster).await;
    select(cx, &config, options, sign_in).await
}

/// Returns the cluster of the selected context, and the credentials of its user.
async fn select(
    cx: &Cx,
    config: &Kubeconfig,
    options: &KubeOptions,
    sign_in: impl AsyncFn(&Entry, &Value) -> Result<Credentials, Problem>,
) -> Result<Cluster, Problem> {
    let contexts = config.contexts();
    let name = options.context.clone().unwrap_or_else(|| config.current_context.clone());
    if name.is_empty() {
        return Err(Problem::NoContext { contexts });
    }
    let Some(context) = config.context(&name) else {
        return Err(Problem::ContextNotFound { context: name, contexts });
    };
    let unnamed = |list, name: &str| Problem::EntryNotFound {
        context: context.name.clone(),
        list,
        name: name.to_owned(),
    };
    let cluster = config.of_context(context, "cluster")?;
    let cluster = cluster.ok_or_else(|| unnamed("clusters", "(none)"))?;
    let user = config.of_context(context, "user")?;
    let namespace = options.namespace.clone().or(namespace_of(context)?);
    let server = server(cx, cluster).await?;
    // kubectl reads and sends credentials only where the URL says https (client-go,
    // `tools/clientcmd/client_config.go`, before it looks at certificates).
    let signs_in = user.filter(|_| !server.host.plain);
    let Credentials { authorization, certificate } = match signs_in {
        Some(user) => sign_in(user, &for_programs(cx, cluster).await?).await?,
        None => Credentials::default(),
    };
    Ok(Cluster {
        server,
        context: name,
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        user: signs_in.map_or_else(|| "system:anonymous".to_owned(), |user| user.name.clone()),
        authorization,
        certificate,
        impersonate: options.impersonate.or(user.map(impersonate).unwrap_or_default()),
        request_timeout: options.request_timeout.unwrap_or(KUBE_WAIT),
    })
}

/// Returns the namespace of a context. It becomes a part of paths.
fn namespace_of(context: &Entry) -> Result<Option<String>, Problem> {
    let namespace = context.text("namespace");
    match namespace.filter(|name| !is_object_name(name)) {
        Some(_) => Err(Problem::EntryUnusable {
            name: context.name.clone(),
            field: "namespace",
            fault: EntryFault::NotAName,
        }),
        None => Ok(context.text("namespace")),
    }
}

/// Returns what a program that signs in may be told of a cluster (client-go, `rest/exec.go`).
async fn for_programs(cx: &Cx, cluster: &Entry) -> Result<Value, Problem> {
    let mut told = Map::new();
    let fields = ["server", "tls-server-name", "insecure-skip-tls-verify", "proxy-url"];
    let fields = fields.into_iter().chain(["disable-compression"]);
    for field in fields.filter(|field| cluster.is_true(field) || cluster.text(field).is_some()) {
        told.insert(field.to_owned(), cluster.fields[field].clone());
    }
    if let Some(pem) = bytes(cx, cluster, "certificate-authority").await? {
        told.insert("certificate-authority-data".to_owned(), BASE64_STANDARD.encode(pem).into());
    }
    let extensions = cluster.fields.get("extensions").and_then(Value::as_array);
    let own = extensions.into_iter().flatten().find(|one| one["name"] == FOR_PROGRAMS);
    told.extend(own.map(|one| ("config".to_owned(), one["extension"].clone())));
    Ok(told.into())
}

/// Returns the API server of a cluster.
async fn server(cx: &Cx, cluster: &Entry) -> Result<Server, Problem> {
    let unusable =
        |field, fault| Problem::EntryUnusable { name: cluster.name.clone(), field, fault };
    let text = cluster.text("server").ok_or_else(|| unusable("server", EntryFault::NotAUrl))?;
    // kubectl takes plain HTTP where no scheme is named, whatever else the cluster has.
    let url = if text.contains("://") { text } else { format!("http://{text}") };
    let url = url::Url::parse(&url).map_err(|_| unusable("server", EntryFault::NotAUrl))?;
    let host = Host::of(&url, HostPurpose::Other)
        .ok_or_else(|| unusable("server", EntryFault::NotAUrl))?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err(unusable("server", EntryFault::NotAUrl));
    }
    let pem = bytes(cx, cluster, "certificate-authority").await?;
    let authorities: Vec<_> = pem.iter().flat_map(|pem| authorities(pem)).collect();
    if pem.is_some() && authorities.is_empty() {
        return Err(unusable("certificate-authority", EntryFault::NotPem));
    }
    Ok(Server {
        host,
        path: url.path().trim_end_matches('/').to_owned(),
        certificate_name: cluster.text("tls-server-name"),
        authorities,
        verifies: !cluster.is_true("insecure-skip-tls-verify"),
        proxy: proxy(cluster)?,
    })
}

/// Returns the proxy of a cluster, which client-go uses for every host (`parseProxyURL`).
fn proxy(cluster: &Entry) -> Result<Option<Rc<Proxy>>, Problem> {
    let Some(text) = cluster.text("proxy-url") else { return Ok(None) };
    let url = ProxyUrl::read(&text).ok();
    let is_usable = |url: &ProxyUrl| {
        let scheme = url.scheme.as_str();
        let begins = text.to_ascii_lowercase().starts_with(&format!("{scheme}://"));
        // What Go's variables take without a scheme is none here, nor a port that is no number.
        begins && url::Url::parse(&text).is_ok() && ["http", "https", "socks5"].contains(&scheme)
    };
    let url = url.filter(is_usable).ok_or_else(|| Problem::EntryUnusable {
        name: cluster.name.clone(),
        field: "proxy-url",
        fault: EntryFault::NotAUrl,
    })?;
    Ok(Some(Rc::new(Proxy { variable: "proxy-url", url })))
}

/// Returns whom a user of a kubeconfig impersonates.
fn impersonate(user: &Entry) -> Impersonate {
    let texts = |of: Option<&Value>| -> Vec<String> {
        let list = of.and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let extra = user.fields.get("as-user-extra").and_then(Value::as_object).into_iter().flatten();
    let extra = extra.flat_map(|(key, values)| {
        texts(Some(values)).into_iter().map(|value| (key.clone(), value))
    });
    Impersonate {
        user: user.text("as"),
        groups: texts(user.fields.get("as-groups")),
        uid: user.text("as-uid"),
        extra: extra.collect(),
    }
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().to_owned()
}

fn authorities(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

/// Returns the cluster that this pod runs in, as the account that Kubernetes gives it.
async fn in_cluster(cx: &Cx, options: &KubeOptions) -> Result<Cluster, Problem> {
    let file = |name: &str| PathBuf::from(ACCOUNT).join(name);
    let read = async |name: &str| cx.world.read(&file(name)).await.ok();
    let nothing = || Problem::NoKubeconfig {
        looked: options.files.iter().map(|file| file.display().to_string()).collect(),
    };
    let (name, port) = options.in_cluster.clone().ok_or_else(nothing)?;
    let token = read("token").await.ok_or_else(nothing)?;
    let authorities = read("ca.crt").await.map(|pem| authorities(&pem));
    let own = read("namespace").await.map(|text| text_of(&text));
    let namespace = options.namespace.clone().or(own);
    Ok(Cluster {
        server: Server {
            host: Host::secure(name, port, HostPurpose::Other),
            path: String::new(),
            certificate_name: None,
            authorities: authorities.unwrap_or_default(),
            verifies: true,
            proxy: None,
        },
        context: String::new(),
        namespace: namespace.unwrap_or_else(|| "default".to_owned()),
        user: "service account".to_owned(),
        authorization: Some(Secret::new(text_of(&token)).bearer()),
        certificate: None,
        impersonate: options.impersonate.clone(),
        request_timeout: options.request_timeout.unwrap_or(KUBE_WAIT),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(fields: Value) -> Entry {
        Entry { name: "one".into(), fields, folder: PathBuf::from("/") }
    }

    #[test]
    fn a_user_impersonates_as_its_entry_says() {
        let user = entry(json!({
            "as": "jane", "as-groups": ["dev"], "as-uid": "7",
            "as-user-extra": { "acme.com/team": ["a", "b"] },
        }));
        let found = Impersonate::default().or(impersonate(&user));
        assert_eq!((found.user.as_deref(), &found.groups[..]), (Some("jane"), &["dev".into()][..]));
        assert_eq!((found.uid.as_deref(), found.extra.len()), (Some("7"), 2));
        let asked = Impersonate { user: Some("root".into()), ..Impersonate::default() };
        let found = asked.or(impersonate(&user));
        assert_eq!((found.user.as_deref(), found.groups.len()), (Some("root"), 1));
        // Groups without a name impersonate nobody.
        let nobody = impersonate(&entry(json!({ "as-groups": ["dev"] })));
        assert_eq!(Impersonate::default().or(nobody), Impersonate::default());
    }

    #[test]
    fn a_proxy_has_one_of_three_schemes() {
        let of = |url: &str| proxy(&entry(json!({ "proxy-url": url })));
        assert_eq!(of("http://proxy:3128").unwrap().unwrap().to_string(), "http://proxy:3128");
        assert!(of("SOCKS5://proxy").unwrap().is_some() && of("").unwrap().is_none());
        for bad in ["proxy:3128", "10.0.0.1:3128", "ftp://proxy", "not a url", "http://proxy:x"] {
            assert!(matches!(of(bad), Err(Problem::EntryUnusable { .. })), "{bad}");
        }
    }
}
