//! Does containerd have the same proxies as this process, as its files, and as the kubelet?
//!
//! Go reads the variables once, so a process keeps the proxies of its start.

use super::problem::{NotFollowed, Problem};
use crate::kit::{
    Cx, Host,
    world::{
        OddSetting, Process, Proxies, ProxyDecision, Seen, UNIT_READS, UnitEnvironment, Variables,
    },
};

/// The most looks at the time of a file.
pub(super) const MAX_READS: usize = UNIT_READS;

/// Returns the proxies in an environment.
fn proxies(variables: &Variables) -> Proxies {
    Proxies::read(|name| variables.value(name))
}

/// Warns where containerd's proxies are not those of this process: then containerd reaches the
/// registry in another way than we do, and the pull follows it. Warns, too, where a restart would change them.
pub(super) async fn compare(
    cx: &Cx,
    host: &Host,
    process: Option<&Process>,
    configured: &UnitEnvironment,
) {
    let known = Variables::of(process, configured);
    let theirs = proxies(&known);
    let Variables { file, seen, .. } = known;
    let is_understood = configured.odd.is_empty();
    if seen != Seen::InEffect {
        for odd in &configured.odd {
            cx.add_finding(match odd.clone() {
                OddSetting::Unreadable { file, error } => {
                    Problem::ConfigUnreadable { file, said: error.to_string() }
                }
                OddSetting::NotUnderstood { file, written } => {
                    Problem::NotReplayed { file, what: NotFollowed::Environment, written }
                }
            });
        }
    }
    let is_ours = theirs.is_same(&cx.world.proxies);
    if !is_ours {
        let (containerd, here) = (shown(&theirs, host), shown(&cx.world.proxies, host));
        let host = host.name.clone();
        cx.add_finding(Problem::ProxyDiffers { file: file.clone(), host, containerd, here, seen });
        // The pull follows containerd's from now on.
        let _ = cx.world.containerd_proxies.set(theirs.clone());
    }
    let Some(process) = process else { return };
    if seen != Seen::InEffect {
        return changed_since(cx, process, configured).await;
    }
    let next = Proxies::read(|name| configured.value(name));
    let (now, next) = (shown(&theirs, host), shown(&next, host));
    if is_understood && now != next {
        let file = configured.file.clone().unwrap_or(file);
        let host = host.name.clone();
        cx.add_finding(Problem::ProxyNotRolledOut { file, host, running: now, configured: next });
    }
}

/// Warns where what sets containerd's environment changed after it started, and the environment
/// itself cannot be read.
async fn changed_since(cx: &Cx, process: &Process, configured: &UnitEnvironment) {
    let Some(started) = process.started else { return };
    for file in &configured.sources {
        let Ok(changed) = cx.world.changed(&cx.world.of_node(file)).await else { continue };
        if process.started_after(changed) == Some(false) {
            let file = file.clone();
            return cx.add_finding(Problem::EnvironmentChanged { file, changed, started });
        }
    }
}

/// Warns where the kubelet and containerd reach the registry in different ways: then one of the two
/// halves of a pull works.
pub(super) fn compare_with_kubelet(
    cx: &Cx,
    host: &Host,
    containerd: &Variables,
    kubelet: &Variables,
) {
    let (ours, theirs) = (shown(&proxies(containerd), host), shown(&proxies(kubelet), host));
    if ours != theirs {
        cx.add_finding(Problem::KubeletProxyDiffers {
            file: containerd.file.clone(),
            kubelet_file: kubelet.file.clone(),
            host: host.name.clone(),
            containerd: ours,
            kubelet: theirs,
            seen: containerd.seen,
        });
    }
}

fn shown(proxies: &Proxies, host: &Host) -> String {
    match proxies.route(host) {
        ProxyDecision::Through(proxy) => proxy.to_string(),
        ProxyDecision::Nowhere(variable) => variable.to_owned(),
        ProxyDecision::Direct | ProxyDecision::Exempt(_) => "none".to_owned(),
    }
}
