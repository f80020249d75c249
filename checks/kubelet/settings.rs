//! How the node's kubelet was started: its flags, and its configuration file.
//!
//! The arguments of the running process are the truth. Where they cannot be read, the files of its
//! unit say what its next start will use; where these say nothing, AKS's own paths are assumed
//! (Azure/AgentBaker, `kubelet.service`).

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;
use crate::kit::{
    Cx,
    rules::{Fields, KubeletFlags},
    world::{
        CREDENTIAL_PROVIDERS, OddSetting, Process, ProviderWay, Seen, UNIT_READS, Unit, Variables,
        yaml,
    },
};

/// The directory of AKS's credential providers.
const FOLDER: &str = "/var/lib/kubelet/credential-provider";
/// The most files that are read here: of the process, of the unit, and the configuration; and the
/// times of those that set the environment.
pub(super) const MAX_READS: u64 = 29 + 2 * UNIT_READS as u64;

/// How the kubelet was started.
pub(super) struct Settings {
    /// How that was seen.
    pub(super) seen: Seen,
    flags: KubeletFlags,
    /// The configuration file, if a flag names one that can be read.
    config: Value,
    /// The running kubelet, if it was found.
    process: Option<Process>,
}

/// What limits the pulls of a kubelet, as it is set; what is left out has the kubelet's own default.
#[derive(Default, Serialize)]
pub(super) struct PullLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pulls_per_second: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pull_burst: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_pulls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_parallel_pulls: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_verification: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_timeout: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolv_conf: Option<String>,
}

impl Settings {
    /// Returns when a file was changed and when the kubelet started, if the running kubelet certainly does
    /// not know of the change.
    pub(super) async fn missed_change(
        &self,
        cx: &Cx,
        file: &str,
    ) -> Option<(Timestamp, Timestamp)> {
        let process = self.process.as_ref()?;
        let changed = cx.world.changed(&cx.world.of_node(file)).await.ok()?;
        let is_missed = process.started_after(changed) == Some(false);
        Some((changed, process.started?)).filter(|_| is_missed)
    }

    /// Reads how the kubelet was started.
    pub(super) async fn read(cx: &Cx) -> Self {
        let process = cx.world.process(Unit::Kubelet.name()).await.ok().flatten();
        let (seen, flags) = match &process {
            Some(process) => (Seen::InEffect, KubeletFlags::of(process.args.clone())),
            None => {
                let flags = KubeletFlags::of(configured(cx).await);
                let is_said = flags.value("image-credential-provider-config").is_some();
                (if is_said { Seen::Configured } else { Seen::Assumed }, flags)
            }
        };
        let config = match flags.value("config") {
            Some(file) => config(cx, file).await,
            None => Value::Null,
        };
        Self { seen, flags, config, process }
    }

    /// Returns how a provider reaches hosts that has these variables besides those that it inherits.
    pub(super) async fn way(&self, cx: &Cx, more: &[(String, String)], file: &str) -> ProviderWay {
        let process = self.process.as_ref();
        let unit = cx.world.unit(Unit::Kubelet).await;
        let inherited = Variables::of(process, unit);
        let is_certain = match process {
            _ if inherited.seen == Seen::InEffect => true,
            Some(process)
                if unit.odd.is_empty() && unit.isolated.is_empty() && !unit.sources.is_empty() =>
            {
                let mut all_older = true;
                for file in &unit.sources {
                    let changed = cx.world.changed(&cx.world.of_node(file)).await.ok();
                    let is_older = changed.and_then(|changed| process.started_after(changed));
                    all_older &= is_older == Some(true);
                }
                all_older
            }
            _ => false,
        };
        ProviderWay::of(&inherited.with(more, file), is_certain)
    }

    /// Returns the environment of the running kubelet; `None` where it cannot be read.
    pub(super) fn environment(&self) -> Option<&[(String, String)]> {
        self.process.as_ref()?.environment.as_deref().ok()
    }

    /// Returns the configuration of credential providers, and the directory of their programs; `None`
    /// where the running kubelet has no provider: it needs both.
    pub(super) fn providers(&self) -> Option<(String, String)> {
        let config = self.flags.value("image-credential-provider-config");
        let folder = self.flags.value("image-credential-provider-bin-dir");
        match (self.seen, config, folder) {
            (Seen::InEffect, None, _) | (Seen::InEffect, _, None) => None,
            _ => Some((
                config.unwrap_or(CREDENTIAL_PROVIDERS).to_owned(),
                folder.unwrap_or(FOLDER).trim_end_matches('/').to_owned(),
            )),
        }
    }

    /// Returns what limits its pulls. A flag counts more than the file.
    pub(super) fn limits(&self) -> PullLimits {
        let fields = Fields::of(&self.config);
        let set = |flag: &str, field: &str| {
            let in_file = || fields.as_ref()?.scalar(field).ok().flatten();
            self.flags.value(flag).map(str::to_owned).or_else(in_file)
        };
        PullLimits {
            pulls_per_second: set("registry-qps", "registryPullQPS"),
            pull_burst: set("registry-burst", "registryBurst"),
            serial_pulls: set("serialize-image-pulls", "serializeImagePulls"),
            max_parallel_pulls: set("max-parallel-image-pulls", "maxParallelImagePulls"),
            credential_verification: set("", "imagePullCredentialsVerificationPolicy"),
            request_timeout: set("runtime-request-timeout", "runtimeRequestTimeout"),
            resolv_conf: set("resolv-conf", "resolvConf"),
        }
    }
}

/// Returns the words of the command line that systemd has for the next start; what of it cannot be read
/// is told.
async fn configured(cx: &Cx) -> Vec<String> {
    let unit = cx.world.unit(Unit::Kubelet).await;
    let unreadable = |file: String, said: String| {
        cx.add_finding(Problem::SettingsUnreadable { file, said });
    };
    for odd in unit.odd.iter().cloned() {
        match odd {
            OddSetting::Unreadable { file, error } => unreadable(file, error.to_string()),
            OddSetting::NotUnderstood { file, written } => unreadable(file, written),
        }
    }
    match unit.words(Unit::Kubelet.name()) {
        None => vec![],
        Some(Ok(words)) => words,
        Some(Err(written)) => {
            if unit.odd.is_empty() {
                unreadable(unit.sources.last().cloned().unwrap_or_default(), written);
            }
            vec![]
        }
    }
}

/// Reads the configuration file that a flag names.
async fn config(cx: &Cx, file: &str) -> Value {
    let read = cx.world.read(&cx.world.of_node(file)).await.map_err(|error| error.to_string());
    let read = read.and_then(|bytes| yaml(&bytes).map_err(|said| said.to_string()));
    read.unwrap_or_else(|said| {
        cx.add_finding(Problem::SettingsUnreadable { file: file.to_owned(), said });
        Value::Null
    })
}
