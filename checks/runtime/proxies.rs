//! Does containerd have the same proxies as this process?
//!
//! Its environment is that of the running process, where it can be read; else what systemd gives it
//! at its next start. On AKS that is the default of the manager (Azure/AgentBaker).

use std::path::Path;

use super::{
    config::CONFIG,
    problem::{NotFollowed, Problem},
};
use crate::kit::{
    Cx, Host,
    rules::{environ, systemd_environment},
    world::{FileError, Proxies, ProxyDecision},
};

/// The slices that containerd's unit is in, on older and on newer node images.
const SLICES: [&str; 2] = ["system.slice", "kubereserved.slice"];
/// Where systemd sets the environment of all units, and that of containerd: the key, and the files and
/// directories that have it.
const SETTINGS: [(&str, &[&str]); 2] = [
    ("DefaultEnvironment", &["/etc/systemd/system.conf", "/etc/systemd/system.conf.d"]),
    (
        "Environment",
        &[
            "/usr/lib/systemd/system/containerd.service",
            "/etc/systemd/system/containerd.service",
            "/etc/systemd/system/containerd.service.d",
        ],
    ),
];
/// How many processes of the unit and how many files of a directory are looked at. The unit's own
/// process is the oldest; the others are its shims.
const MAX_LOOKS: usize = 8;
/// The most files that are read here.
pub(super) const MAX_READS: usize = SLICES.len() * (1 + MAX_LOOKS) + 1 + 5 * (MAX_LOOKS + 1);

/// An environment, and the file that has it.
struct Environment {
    variables: Vec<(String, String)>,
    file: String,
}

/// Warns where containerd's proxies are not those of this process: then containerd reaches the
/// registry in another way than we do.
pub(super) async fn compare(cx: &Cx, host: &Host) {
    let Environment { variables, file } = match in_effect(cx).await {
        Some(environment) => environment,
        None => configured(cx).await,
    };
    let last = |name: &str| {
        let mut all = variables.iter().rev();
        all.find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    // Flatcar's unit takes the file of this variable.
    if let Some(written) = last("CONTAINERD_CONFIG").filter(|path| path != CONFIG) {
        let (file, what) = (file.clone(), NotFollowed::OtherConfig);
        cx.add_finding(Problem::NotReplayed { file, what, written });
    }
    let theirs = Proxies::read(last);
    if theirs.is_same(&cx.world.proxies) {
        return;
    }
    let shown = |proxies: &Proxies| match proxies.route(host) {
        ProxyDecision::Through(proxy) => proxy.to_string(),
        ProxyDecision::Nowhere(variable) => variable.to_owned(),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) => "none".to_owned(),
    };
    let (containerd, here) = (shown(&theirs), shown(&cx.world.proxies));
    let host = host.name.clone();
    cx.add_finding(Problem::ProxyDiffers { file, host, containerd, here });
    // The pull follows containerd's from now on.
    let _ = cx.world.containerd_proxies.set(theirs);
}

/// Reads the environment of the running containerd; `None` where that is not permitted.
async fn in_effect(cx: &Cx) -> Option<Environment> {
    let read = async |file: &str| cx.world.read(&cx.world.of_node(file)).await.ok();
    for slice in SLICES {
        let processes = format!("/sys/fs/cgroup/{slice}/containerd.service/cgroup.procs");
        let Some(processes) = read(&processes).await else { continue };
        let processes = String::from_utf8_lossy(&processes).into_owned();
        for process in processes.lines().take(MAX_LOOKS) {
            let is_number =
                !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit());
            if is_number && read(&format!("/proc/{process}/comm")).await? == b"containerd\n" {
                let file = format!("/proc/{process}/environ");
                let variables = environ(&read(&file).await?);
                return Some(Environment { variables, file });
            }
        }
    }
    None
}

/// Reads what systemd gives to containerd when it starts.
async fn configured(cx: &Cx) -> Environment {
    let (mut variables, mut file) = (vec![], "/etc/systemd".to_owned());
    for (key, paths) in SETTINGS {
        let mut found = vec![];
        for path in paths {
            for path in files(cx, path).await {
                let text = match cx.world.read(&cx.world.of_node(&path)).await {
                    Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                    Err(FileError::Missing) => continue,
                    Err(error) => {
                        let said = error.to_string();
                        cx.add_finding(Problem::ConfigUnreadable { file: path, said });
                        continue;
                    }
                };
                let before = found.len();
                let understood = systemd_environment(&text, key, &mut found);
                let more = text.lines().find(|line| line.trim().starts_with("EnvironmentFile"));
                if !understood || more.is_some() {
                    let written = more.unwrap_or(key).trim().to_owned();
                    let what = NotFollowed::Environment;
                    cx.add_finding(Problem::NotReplayed { file: path.clone(), what, written });
                }
                if found.len() > before {
                    file = path;
                }
            }
        }
        variables.extend(found);
    }
    Environment { variables, file }
}

/// Returns a file itself, or the `.conf` files of a directory.
async fn files(cx: &Cx, path: &str) -> Vec<String> {
    let has_extension =
        |path: &str, wanted: &str| Path::new(path).extension().is_some_and(|it| it == wanted);
    if !has_extension(path, "d") {
        return vec![path.to_owned()];
    }
    let names = cx.world.names_in(&cx.world.of_node(path)).await.unwrap_or_default();
    let settings = names.into_iter().filter(|name| has_extension(name, "conf"));
    settings.take(MAX_LOOKS).map(|name| format!("{path}/{name}")).collect()
}
