//! Builds the world of a run: the real one or the lab's.

use std::{
    cell::OnceCell,
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    io::Read,
    net::IpAddr,
    path::{Path, PathBuf},
};

#[cfg(feature = "lab")]
use checks::kit::world::FakeDisk;
use checks::kit::{
    Secret, World,
    rules::ResolvConf,
    world::{
        AZURE_JSON, BUNDLES, CLIENT_SECRET, CREDENTIAL_PROVIDERS, Namesakes, Proxies, Roots, Units,
        VARIABLES,
    },
};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

/// The largest certificate file that is read.
const MAX_CA_BYTES: u64 = 4 * 1024 * 1024;

/// Returns the real world, as this process sees it.
pub(crate) fn real(roots: Roots, given_root: Option<&Path>) -> World {
    let node_root = given_root.unwrap_or(Path::new("/")).to_owned();
    let in_pod = env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    // A pod with a network of its own may not reach the name servers of its node.
    let network_root = Some(&*node_root).filter(|root| !in_pod || is_of_node_network(root));
    let resolver = ResolvConf::read(&of_network(network_root, &RESOLVER_FILES));
    // docker takes what this variable holds before its file.
    let inline = env::var("DOCKER_AUTH_CONFIG").ok().filter(|text| !text.is_empty());
    let variable = inline.map(|text| (PathBuf::from("DOCKER_AUTH_CONFIG"), Secret::new(text)));
    let in_file = match (env::var_os("DOCKER_CONFIG"), env::var_os("HOME")) {
        (Some(folder), _) => vec![PathBuf::from(folder).join("config.json")],
        (None, Some(home)) => vec![PathBuf::from(home).join(".docker/config.json")],
        (None, None) => vec![],
    };
    let docker_configs = variable.iter().map(|(name, _)| name.clone()).chain(in_file).collect();
    World {
        name_servers: resolver.servers,
        search: resolver.search,
        ndots: resolver.ndots,
        resolver: resolver.options,
        hosts: hosts(&of_network(network_root, &["etc/hosts"])),
        routes: HashMap::new(),
        roots,
        clock_ahead: jiff::SignedDuration::ZERO,
        in_pod,
        on_node: is_node(given_root),
        node_root,
        variables: variables(|name| env::var(name).ok()),
        client_secret: client_secret(|name| env::var(name).ok()),
        azure_cli: has_azure_cli(|name| env::var_os(name)),
        proxies: Proxies::read(|name| env::var(name).ok()),
        containerd: OnceCell::new(),
        containerd_proxies: OnceCell::new(),
        containerd_trust: OnceCell::new(),
        provider: OnceCell::new(),
        namesakes: Namesakes::default(),
        units: Units::default(),
        docker_configs,
        files: variable.into_iter().collect(),
        fake_disk: None,
        paths: HashMap::new(),
    }
}

/// The file of the name servers, and that which it links to on AKS (Azure/AgentBaker). Where the
/// node's root is mounted, the link leads nowhere.
const RESOLVER_FILES: [&str; 2] = ["etc/resolv.conf", "run/systemd/resolve/resolv.conf"];
/// The longest such file that is read.
const MAX_NETWORK_BYTES: u64 = 1024 * 1024;

/// Returns the first of these files that can be read below a root, or else below our own.
fn of_network(root: Option<&Path>, files: &[&str]) -> Vec<u8> {
    let paths = root.into_iter().flat_map(|root| files.iter().map(move |file| root.join(file)));
    let ours = files.iter().take(1).map(|file| Path::new("/").join(file));
    paths.chain(ours).find_map(|path| read_file(&path)).unwrap_or_default()
}

/// Reads the beginning of a regular file. A pipe could block for ever.
fn read_file(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = vec![];
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    fs::File::open(path).ok()?.take(MAX_NETWORK_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns whether this pod is on the network of that node: then it has the node's host name.
fn is_of_node_network(root: &Path) -> bool {
    let here = read_file(Path::new("/etc/hostname"));
    here.is_some() && root != Path::new("/") && here == read_file(&root.join("etc/hostname"))
}

/// Returns whether AKS wrote its files there. Other clusters have a folder of that name, but not
/// with these files. Below a root that was given, what this user may not look for may be there.
pub(crate) fn is_node(given_root: Option<&Path>) -> bool {
    let root = given_root.unwrap_or(Path::new("/"));
    let is_there = |file: &str| {
        root.join(file.trim_start_matches('/')).try_exists().unwrap_or(given_root.is_some())
    };
    [AZURE_JSON, CREDENTIAL_PROVIDERS].into_iter().any(is_there)
}

/// Returns the environment variables that configure Azure sign-in.
fn variables(variable: impl Fn(&str) -> Option<String>) -> HashMap<String, String> {
    let set = |name: &&str| Some(((*name).to_owned(), variable(name).filter(|v| !v.is_empty())?));
    VARIABLES.iter().filter_map(set).collect()
}

/// Returns the client secret of the environment.
fn client_secret(variable: impl Fn(&str) -> Option<String>) -> Option<Secret> {
    variable(CLIENT_SECRET).filter(|secret| !secret.is_empty()).map(Secret::new)
}

/// Returns whether someone has used the Azure CLI here: then its folder holds the list of
/// subscriptions (azure-cli-core, `_environment.py` and `_profile.py`).
fn has_azure_cli(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let folder = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = folder("AZURE_CONFIG_DIR").or_else(|| Some(folder("HOME")?.join(".azure")));
    folder.is_some_and(|folder| folder.join("azureProfile.json").try_exists().unwrap_or_default())
}

/// Returns the names of a hosts file, in lower case.
fn hosts(file: &[u8]) -> HashMap<String, Vec<IpAddr>> {
    let mut hosts: HashMap<String, Vec<IpAddr>> = HashMap::new();
    for line in String::from_utf8_lossy(file).lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        for name in words {
            hosts.entry(name.to_lowercase()).or_default().push(address);
        }
    }
    hosts
}

/// Returns the trust store: that of the node if its files are below that root, else the system's,
/// else Mozilla's; plus the certificates of `--ca-file`. It is read when TLS first needs it.
pub(crate) fn roots(ca_file: Vec<CertificateDer<'static>>, node_root: Option<&Path>) -> Roots {
    // The variables of this shell are not those of the node's containerd.
    let node_root = node_root.or(Some(Path::new("/")).filter(|_| is_node(None)));
    let bundles = node_root.map(|root| BUNDLES.map(|file| root.join(file.trim_start_matches('/'))));
    let public = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let given = ca_file.clone();
    let read = move || {
        let mut roots = RootCertStore::empty();
        for bundle in bundles.iter().flatten() {
            // A bundle that is missing or cannot be read completely is skipped.
            let opened = fs::File::open(bundle);
            let mut bytes = vec![];
            if opened.is_ok_and(|file| file.take(MAX_CA_BYTES).read_to_end(&mut bytes).is_ok()) {
                let certificates = CertificateDer::pem_slice_iter(&bytes).filter_map(Result::ok);
                roots.add_parsable_certificates(certificates);
            }
        }
        if roots.is_empty() {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        roots.add_parsable_certificates(ca_file.iter().cloned());
        roots
    };
    Roots::read_later(read, public, given)
}

/// Returns the certificates of the file that `--ca-file` names.
///
/// # Errors
/// Returns a sentence that names the file when it holds no usable certificate.
pub(crate) fn read_ca_file(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let name = file.display();
    let failed = |error: std::io::Error| format!("--ca-file {name}: {error}");
    let mut bytes = vec![];
    let opened = fs::File::open(file).map_err(failed)?;
    opened.take(MAX_CA_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_CA_BYTES {
        return Err(format!("--ca-file {name}: too long for a file of certificates"));
    }
    let unusable = || {
        format!("--ca-file {name}: there is no certificate in it that can be read (PEM is needed)")
    };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|_| unusable())?;
    let (usable, _) =
        RootCertStore::empty().add_parsable_certificates(certificates.iter().cloned());
    if usable == 0 { Err(unusable()) } else { Ok(certificates) }
}

/// Returns the lab's world, in which each address is routed to its actual socket on loopback.
///
/// # Errors
/// Returns an error when the lab's certificate authority does not parse.
#[cfg(feature = "lab")]
pub(crate) fn of_lab(lab: &lab::Lab, asker: &lab::Ask) -> Result<World, String> {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_slice(lab.ca_pem.as_bytes());
    let certificate = certificate.map_err(|error| format!("the lab's authority: {error}"))?;
    roots.add(certificate).map_err(|error| format!("the lab's authority: {error}"))?;
    let (public, bundle) = (roots.clone(), lab.files.get(BUNDLES[0]).cloned().unwrap_or_default());
    let more = CertificateDer::pem_slice_iter(bundle.as_bytes()).filter_map(Result::ok);
    roots.add_parsable_certificates(more);
    let roots = Roots::read_later(move || roots.clone(), public, vec![]);
    let config = PathBuf::from("~/.docker/config.json");
    let docker = lab.docker_config.clone().map(|text| (config.clone(), text));
    let more = lab.files.iter().map(|(path, text)| (PathBuf::from(path), text.clone()));
    let of_node = lab.files.get("/etc/resolv.conf").filter(|_| !asker.in_pod);
    let resolver = of_node.map(|text| ResolvConf::read(text.as_bytes()));
    Ok(World {
        search: vec![],
        ndots: 1,
        resolver: resolver.as_ref().map(|read| read.options).unwrap_or_default(),
        name_servers: resolver.map_or_else(|| lab.name_servers.clone(), |read| read.servers),
        hosts: HashMap::new(),
        routes: lab.routes.clone(),
        roots,
        clock_ahead: jiff::SignedDuration::from_secs(lab.clock_ahead),
        in_pod: asker.in_pod,
        on_node: [AZURE_JSON, CREDENTIAL_PROVIDERS]
            .iter()
            .any(|file| lab.files.contains_key(*file)),
        node_root: PathBuf::from("/"),
        variables: variables(|name| lab.environment.get(name).cloned()),
        client_secret: client_secret(|name| lab.environment.get(name).cloned()),
        azure_cli: false,
        proxies: Proxies::read(|name| lab.environment.get(name).cloned()),
        containerd: OnceCell::new(),
        containerd_proxies: OnceCell::new(),
        containerd_trust: OnceCell::new(),
        provider: OnceCell::new(),
        namesakes: Namesakes::default(),
        units: Units::default(),
        docker_configs: vec![config.clone()],
        files: docker
            .into_iter()
            .chain(more)
            .map(|(path, text)| (path, Secret::new(text)))
            .collect(),
        fake_disk: Some(disk(&lab.disk, lab.clock_ahead)),
        paths: lab.programs.iter().map(|(path, file)| (path.into(), file.clone())).collect(),
    })
}

/// Returns what stands in for the disks of the lab's node. Its times count back from now.
#[cfg(feature = "lab")]
fn disk(disk: &lab::Disk, clock_ahead: i64) -> FakeDisk {
    let now = jiff::Timestamp::now().as_second().saturating_add(clock_ahead);
    let ago = |seconds: &i64| {
        jiff::Timestamp::from_second(now.saturating_sub(*seconds)).unwrap_or_default()
    };
    let by_path = |(path, value): (&String, &u64)| (PathBuf::from(path), *value);
    FakeDisk {
        changed: disk.changed.iter().map(|(path, age)| (PathBuf::from(path), ago(age))).collect(),
        free: disk.free.iter().map(by_path).collect(),
        lengths: disk.lengths.iter().map(by_path).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_with_everything_in_it() {
        let hosts = hosts(
            b"127.0.0.1 localhost Local\n# 1.2.3.4 no\n::1 localhost # yes\nnonsense x\n\xff\n",
        );
        assert_eq!(hosts["localhost"].len(), 2);
        assert_eq!(hosts["local"].len(), 1);
        assert_eq!(hosts.len(), 2);
    }

    #[cfg(feature = "lab")]
    #[tokio::test]
    async fn a_nodes_authorities_are_trusted_in_place_of_ours() {
        let healthy = lab::Scenario::named("healthy").unwrap().unwrap();
        let pem = lab::start(&healthy).await.unwrap().ca_pem;
        let root = tempfile::tempdir().unwrap();
        let bundle = root.path().join(BUNDLES[0].trim_start_matches('/'));
        fs::create_dir_all(bundle.parent().unwrap()).unwrap();
        fs::write(&bundle, format!("{pem}nonsense\n")).unwrap();
        let trusted = async || roots(vec![], Some(root.path())).store().await.unwrap().len();
        assert_eq!(trusted().await, 1);
        fs::write(&bundle, "nonsense").unwrap();
        assert!(trusted().await > 1, "ours, where it has none");
    }
}
