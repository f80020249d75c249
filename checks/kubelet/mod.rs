//! What credentials would this node's kubelet use?
//!
//! The flags of the running kubelet name its files, which AKS writes (Azure/AgentBaker); its
//! credential provider's version decides how it signs in.

mod account;
mod answer;
pub(crate) mod azure_json;
mod names;
mod node;
mod problem;
pub(crate) mod provider;
mod records;
mod run_fault;
mod settings;
mod signs_in;
mod version;

use crate::{
    image::ImageTarget,
    kit::{
        Cx, StepResult,
        rules::Pattern,
        target::Who,
        world::{AZURE_JSON, FileError, Seen, yaml, yaml_loosely},
    },
};
pub use account::AccountMode;
use account::ByAccount;
use azure_json::AzureJson;
pub use names::is_known;
pub(crate) use node::{Application, AzureEnvironment, KubeletSignIn, TenantHint};
pub use node::{Node, NodeLocation, SignInKind};
pub use problem::{MissedBy, Problem};
pub use provider::{NotReplayed, ProviderFault};
use provider::{Provider, Providers};
pub use run_fault::RunFault;
use settings::Settings;
use signs_in::{ProviderCall, signs_in, tell_missed};
pub use version::Audience;
pub(crate) use version::ProviderBuild;

/// The name of the provider's program where no configuration names it.
const PROGRAM: &str = "acr-credential-provider";
/// The most files that are read.
pub(crate) const MAX_READS: u64 = settings::MAX_READS + 10 + records::MAX_RECORDS as u64;
/// The user name that goes with a refresh token.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// Reads the node's files as the kubelet and its credential provider do.
pub async fn read(cx: &Cx, image_target: &ImageTarget) -> StepResult<Node> {
    let settings = Settings::read(cx).await;
    let image = as_written(cx, image_target);
    let mut others_may = false;
    let looked = async {
        let asked = asked_provider(cx, image_target, &settings, &image, &mut others_may).await?;
        let own = asked.provider.as_ref().map(|provider| provider.variables.as_slice());
        let way = settings.way(cx, own.unwrap_or_default(), &asked.config).await;
        let _ = cx.world.provider.set(way);
        let azure_json = azure_json(cx, &asked.file).await?;
        let run = asked.provider.clone().map(|provider| (provider, asked.build.program.clone()));
        let node = signs_in(cx, image_target, asked, azure_json).await?;
        if let Some((provider, program)) = run.filter(|_| cx.target.sign_in.run_provider) {
            let image = image.to_string();
            let user = node.signs_in.user(TOKEN_USER);
            answer::Run { provider: &provider, program, image, user }.start(cx, &settings);
        }
        Ok(node)
    };
    let node = looked.await.unwrap_or_else(Node::new);
    let record = records::read(cx, image_target).await;
    Ok(Node { others_may, settings: settings.seen, limits: settings.limits(), record, ..node })
}

/// Returns the call of Azure's credential provider for the image, if the kubelet makes one.
async fn asked_provider(
    cx: &Cx,
    image_target: &ImageTarget,
    settings: &Settings,
    image: &Pattern,
    others_may: &mut bool,
) -> Result<ProviderCall, KubeletSignIn> {
    let is_azures = image_target.asked.host.azure().is_some();
    let Some((file, folder)) = settings.providers() else {
        // Another registry may have a pull secret.
        if !is_azures {
            return Err(KubeletSignIn::Unknown);
        }
        cx.add_finding(Problem::CredproviderFlagsMissing {});
        return Err(KubeletSignIn::Anonymous);
    };
    let config = match cx.world.read(&cx.world.of_node(&file)).await {
        Ok(bytes) => yaml(&bytes).map_err(|said| said.to_string()),
        Err(FileError::Missing) if settings.seen != Seen::InEffect => {
            // A flag of the kubelet decides which file it reads. `--identity node` asserts that
            // Azure's provider is configured.
            if cx.target.sign_in.who == Who::Node {
                let (build, _) = program(cx, &folder, PROGRAM, settings.seen).await;
                let (config, file) = (file, AZURE_JSON.to_owned());
                return Ok(ProviderCall { pattern: None, file, config, provider: None, build });
            }
            if is_azures {
                cx.add_finding(Problem::CredproviderNotConfigured { file });
            }
            return Err(KubeletSignIn::Unknown);
        }
        Err(FileError::Forbidden) => {
            cx.add_finding(Problem::FilesNotReadable { file });
            return Err(KubeletSignIn::Unknown);
        }
        // The kubelet merges the files of a directory since 1.34.
        Err(error) if cx.world.has_folder(&cx.world.of_node(&file)).await => {
            cx.add_finding(Problem::SettingsUnreadable { file, said: error.to_string() });
            return Err(KubeletSignIn::Unknown);
        }
        Err(error) => Err(error.to_string()),
    };
    if let Some((changed, started)) = settings.missed_change(cx, &file).await.filter(|_| is_azures)
    {
        cx.add_finding(Problem::CredproviderConfigChanged { file, changed, started });
        return Err(KubeletSignIn::Unknown);
    }
    let read = config.and_then(|config| Providers::read(&config).map_err(|said| said.to_string()));
    let providers = read.map_err(|said| {
        cx.add_finding(Problem::CredproviderConfigUnreadable { file: file.clone(), said });
        KubeletSignIn::Unknown
    })?;
    *others_may = providers.another(image).is_some();
    let provider = providers.azure_provider();
    let pattern = provider.and_then(|provider| provider.matching(image));
    match (provider, pattern) {
        (Some(provider), Some(pattern)) => {
            let pattern = Some(pattern.to_owned());
            let (build, fault) = program(cx, &folder, &provider.name, settings.seen).await;
            let is_certain = settings.seen == Seen::InEffect;
            if !is_certain && !cx.world.has_folder(&cx.world.of_node(&folder)).await {
                let (file, said) = (folder, FileError::Missing.to_string());
                cx.add_finding(Problem::SettingsUnreadable { file, said });
            }
            let config_file = runs(cx, image_target, provider, &file, (&build, fault));
            let identity = config_file.map_err(|stopped| *stopped)?;
            let provider = Some(provider.clone());
            Ok(ProviderCall { pattern, file: identity, config: file, provider, build })
        }
        // By its name, this is no Azure registry: a pull secret may exist for it.
        _ if !is_azures => Err(KubeletSignIn::Unknown),
        (provider, _) => {
            let patterns = provider.map(|provider| provider.patterns.clone()).unwrap_or_default();
            tell_missed(cx, image_target, MissedBy::Kubelet, file, patterns);
            Err(KubeletSignIn::Anonymous)
        }
    }
}

/// Reads a provider's program: its version, and why the kubelet cannot run it. Where its directory is not
/// there, that is certain only if the running kubelet has this one: a flag may name another.
async fn program(
    cx: &Cx,
    folder: &str,
    name: &str,
    seen: Seen,
) -> (ProviderBuild, Option<ProviderFault>) {
    let (world, path) = (&cx.world, format!("{folder}/{name}"));
    let read = world.program(&world.of_node(&path), version::TEXTS, version::is_told).await;
    let fault = match read {
        Ok(read) => {
            let fault = version::fault(&read);
            return (ProviderBuild::of(path, &read), fault);
        }
        Err(FileError::Missing | FileError::NotAFolder) => {
            let is_folder = world.has_folder(&world.of_node(folder)).await;
            (is_folder || seen == Seen::InEffect).then_some(ProviderFault::NoSuchFile)
        }
        Err(FileError::AFolder | FileError::NotAFile) => Some(ProviderFault::NotExecutable),
        Err(error) => {
            let (file, said) = (path.clone(), error.to_string());
            cx.add_finding(Problem::SettingsUnreadable { file, said });
            None
        }
    };
    (ProviderBuild::unknown(path), fault)
}

/// Returns the configuration file that the provider is given, if the provider runs as configured.
fn runs(
    cx: &Cx,
    image_target: &ImageTarget,
    provider: &Provider,
    file: &str,
    (build, fault): (&ProviderBuild, Option<ProviderFault>),
) -> Result<String, Box<KubeletSignIn>> {
    let cannot = |program: Option<String>, said| {
        let file = program.is_none().then(|| file.to_owned());
        cx.add_finding(Problem::CredproviderMissingOrCrashing { program, file, said });
        Box::new(KubeletSignIn::Anonymous)
    };
    let rejects = build.rejects(&provider.args.flags());
    let newer = (rejects == Some(true)).then_some(ProviderFault::FlagOfNewerVersion);
    if let Some(said) = fault.or(newer) {
        return Err(cannot(Some(build.program.clone()), said));
    }
    let by_account = provider.by_account.as_ref();
    let needs = by_account.and_then(|it| Some((it, it.by_account(build, provider.bindings())?)));
    if let Some((attributes, ByAccount { mode, needs, lost })) = needs {
        let (file, audience) = (file.to_owned(), attributes.audience().to_owned());
        let (problem, signs_in) = match lost {
            // The provider fails, and the kubelet has no credentials.
            Some(annotation) => {
                (Problem::AnnotationNotPassed { file, annotation, mode }, KubeletSignIn::Anonymous)
            }
            None => (
                Problem::ServiceAccountDecides { file, audience, mode, needs },
                KubeletSignIn::Unknown,
            ),
        };
        cx.add_finding(problem);
        return Err(Box::new(signs_in));
    }
    let unknown = rejects
        .is_none()
        .then(|| (NotReplayed::ProviderVersionUnknown, provider.args.flags().join(" ")));
    let odd = provider.not_replayed(&image_target.asked.registry).or(unknown);
    if let Some((what, written)) = odd {
        cx.add_finding(Problem::ProviderNotReplayed { file: file.to_owned(), what, written });
        return Err(Box::new(KubeletSignIn::Unknown));
    }
    provider.config_file().map(str::to_owned).map_err(|said| cannot(None, said))
}

/// Reads the configuration file of the credential provider.
async fn azure_json(cx: &Cx, file: &str) -> Result<AzureJson, KubeletSignIn> {
    let name = file.to_owned();
    let read = match cx.world.read(&cx.world.of_node(file)).await {
        Ok(bytes) => yaml_loosely(&bytes).map_err(|said| said.to_string()),
        Err(
            FileError::Forbidden
            | FileError::OffLimits
            | FileError::LeadsElsewhere
            | FileError::Loop
            | FileError::Failed(_)
            | FileError::Unfinished(_),
        ) => {
            cx.add_finding(Problem::FilesNotReadable { file: name });
            return Err(KubeletSignIn::Unknown);
        }
        Err(error) => Err(error.to_string()),
    };
    let read = read.and_then(|file| AzureJson::read(&file).map_err(|said| said.to_string()));
    read.map_err(|said| {
        cx.add_finding(Problem::AzurejsonMissingOrCorrupt { file: name, said });
        KubeletSignIn::Anonymous
    })
}

/// Returns the image as the kubelet matches it against patterns: upper and lower case differ.
fn as_written(cx: &Cx, image_target: &ImageTarget) -> Pattern {
    let registry = cx.target.registry_as_written(&image_target.asked.registry);
    let path = image_target.asked.image.as_ref().map(|image| format!("/{}", image.repository));
    Pattern::image(registry, &path.unwrap_or_default())
}
