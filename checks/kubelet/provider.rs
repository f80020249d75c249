//! The kubelet's credential providers: which of them it calls for an image, and how Azure's is
//! configured (kubernetes, pkg/credentialprovider/plugin; cloud-provider-azure,
//! cmd/acr-credential-provider).

use serde::Serialize;
use serde_json::Value;
use strum::VariantNames;

use super::account::TokenAttributes;
use crate::kit::rules::{Fields, Malformed, Pattern, go_duration};

/// The version of the interface between the kubelet and the program that is replayed.
pub(super) const INTERFACE: &str = "credentialprovider.kubelet.k8s.io/v1";

/// The registry of Microsoft, which a network-isolated cluster mirrors.
const MICROSOFTS: &str = "mcr.microsoft.com";
/// The name of AKS's credential provider.
const NAME: &str = "acr-credential-provider";

/// The kubelet parses its configuration strictly, and does not start when there is any other field.
const FIELDS: [&str; 7] =
    ["name", "matchImages", "defaultCacheDuration", "apiVersion", "args", "env", "tokenAttributes"];

/// The flags of the provider's program that take a value.
const VALUED: [&str; 11] = [
    "--registry-mirror",
    "-r",
    "--ib-sni-name",
    "--ib-default-client-id",
    "--ib-default-tenant-id",
    "--ib-apiserver-ip",
    "--v",
    "-v",
    "--vmodule",
    "--log-flush-frequency",
    "--logging-format",
];

/// Variables that redirect the program's libraries to another metadata service, proxy or authority.
const STEERING: [&str; 5] = ["IDENTITY_", "MSI_", "IMDS_", "AZURE_", "_PROXY"];

/// The parsed configuration. Public so that it can be fuzzed.
pub struct Providers(Vec<Provider>);

/// One credential provider.
#[derive(Clone)]
pub struct Provider {
    /// The name, which is also the name of its program.
    pub name: String,
    /// The patterns of the images that it is called for.
    pub patterns: Vec<String>,
    /// The arguments of its program.
    pub args: Args,
    /// How it receives the token of the pod's service account, if it does.
    pub(super) by_account: Option<TokenAttributes>,
    /// The file in which it is told to find the endpoints of its cloud.
    pub environment: Option<String>,
    /// The version of the interface between the kubelet and the program.
    interface: String,
    /// The environment variables that the configuration sets.
    pub(super) variables: Vec<(String, String)>,
}

/// A set-up of the provider that is not replayed here: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum NotReplayed {
    /// It asks a host for the endpoints of its cloud.
    EndpointsAskedFor,
    /// It speaks another version of the interface.
    OtherInterface,
    /// A variable that its libraries read is set.
    SteeredByVariable,
    /// It has a flag that is unknown here.
    UnknownFlag,
    /// This registry is mirrored.
    RegistryMirror,
    /// What it does depends on its version, which is not known.
    ProviderVersionUnknown,
}

/// Why the provider's program fails: a word of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, VariantNames)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ProviderFault {
    /// It is to use a service account's token, and gets none.
    NoServiceAccountToken,
    /// Its arguments are not exactly one configuration file.
    NotOneConfigFile,
    /// There is no such program.
    NoSuchFile,
    /// The program is for another processor.
    OtherMachine,
    /// The program is not executable.
    NotExecutable,
    /// It is called with a flag that its version does not know.
    FlagOfNewerVersion,
}

/// What a program is called with.
#[derive(Clone, Default)]
pub struct Args {
    /// All of them, as they are written.
    pub(super) written: Vec<String>,
    /// Arguments that are no flags: the configuration file.
    pub files: Vec<String>,
    /// The flags and their values.
    flags: Vec<(String, String)>,
}

impl Providers {
    /// Reads the configuration. An error is an evidence word for why the kubelet does not start
    /// with it.
    pub fn read(config: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(config).ok_or(Malformed::NotAnObject)?;
        let version = fields.text("apiVersion")?.unwrap_or_default();
        if fields.text("kind")? != Some("CredentialProviderConfig")
            || !version.starts_with("kubelet.config.k8s.io/v1")
        {
            return Err(Malformed::WrongKind);
        }
        let Some(Value::Array(listed)) = fields.get("providers") else {
            return Err(Malformed::EntryNotAList);
        };
        let read: Vec<_> = listed.iter().map(Provider::read).collect::<Result<_, _>>()?;
        let again =
            |(at, one): (usize, &Provider)| read[..at].iter().any(|other| other.name == one.name);
        if read.is_empty() || read.iter().enumerate().any(again) {
            return Err(Malformed::NamedTwiceOrNotAtAll);
        }
        Ok(Self(read))
    }

    /// Returns Azure's credential provider, if it is configured.
    pub fn azure_provider(&self) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name == NAME)
    }

    /// Returns another credential provider that is also called for this image.
    pub fn another(&self, image: &Pattern) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name != NAME && provider.matching(image).is_some())
    }
}

impl Provider {
    fn read(value: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(value).ok_or(Malformed::EntryNotAnObject)?;
        let names = fields.all();
        if names.iter().any(|(name, _)| !FIELDS.contains(name)) {
            return Err(Malformed::UnknownField);
        }
        let text = |name| fields.text(name)?.map(str::to_owned).ok_or(Malformed::FieldMissing);
        let patterns = fields.texts("matchImages")?;
        if go_duration(&text("defaultCacheDuration")?).is_none_or(i64::is_negative) {
            return Err(Malformed::NotADuration);
        }
        if patterns.is_empty() || patterns.iter().any(|pattern| Pattern::read(pattern).is_none()) {
            return Err(Malformed::FieldMissing);
        }
        let set = match fields.get("env") {
            None => vec![],
            Some(Value::Array(set)) => set.iter().filter_map(Fields::of).collect(),
            Some(_) => return Err(Malformed::EntryNotAList),
        };
        let variable = |one: &Fields<'_>, name| one.text(name).ok().flatten().map(str::to_owned);
        let set: Vec<(String, String)> = set
            .iter()
            .map(|one| {
                (
                    variable(one, "name").unwrap_or_default(),
                    variable(one, "value").unwrap_or_default(),
                )
            })
            .collect();
        let told = set.iter().find(|(name, _)| name == "AZURE_ENVIRONMENT_FILEPATH");
        Ok(Self {
            name: text("name")?,
            patterns,
            args: Args::read(&fields.texts("args")?),
            by_account: TokenAttributes::read(&fields, text("apiVersion")? == INTERFACE)?,
            environment: told.map(|(_, file)| file.clone()),
            interface: text("apiVersion")?,
            variables: set,
        })
    }

    /// Returns the pattern that matches the image.
    pub fn matching(&self, image: &Pattern) -> Option<&str> {
        let matches =
            |text: &&String| Pattern::read(text).is_some_and(|pattern| pattern.matches(image));
        self.patterns.iter().find(matches).map(String::as_str)
    }

    /// What of its set-up is not replayed here, as a word, and how it is written.
    pub(super) fn not_replayed(&self, registry: &str) -> Option<(NotReplayed, String)> {
        // Which interfaces a program knows is its version's to say: today's know no other.
        if self.interface != INTERFACE {
            return Some((NotReplayed::OtherInterface, self.interface.clone()));
        }
        let steers = |(name, _): &&(String, String)| {
            let name = name.to_uppercase();
            let steers = STEERING.iter().any(|part| name.starts_with(part) || name.ends_with(part));
            steers && name != "AZURE_ENVIRONMENT_FILEPATH"
        };
        if let Some((name, _)) = self.variables.iter().find(steers) {
            return Some((NotReplayed::SteeredByVariable, name.clone()));
        }
        let unknown = self.args.flags.iter().find(|(flag, _)| !VALUED.contains(&flag.as_str()));
        if let Some((flag, _)) = unknown {
            return Some((NotReplayed::UnknownFlag, flag.clone()));
        }
        // Microsoft's registry takes no credentials, so those for a mirror change nothing there.
        let is_harmless = registry == MICROSOFTS && self.mirror(registry).is_some();
        let mirrored = self.mirrors().find(|(source, _)| registry.starts_with(source));
        let mirrored = mirrored.filter(|_| !is_harmless);
        mirrored.map(|(source, _)| (NotReplayed::RegistryMirror, source.to_owned()))
    }

    /// Returns where the program signs in instead, for an image of that registry: the first part of the
    /// target, if exactly one of the mirrors fits (`processImageWithRegistryMirror`).
    pub(super) fn mirror(&self, registry: &str) -> Option<&str> {
        let mut fitting = self.mirrors().filter(|(source, _)| registry.starts_with(source));
        let (_, target) = fitting.next().filter(|(source, _)| *source == registry)?;
        fitting.next().is_none().then(|| target.split('/').next().unwrap_or_default())
    }

    /// Returns the mirrors that are configured (`parseRegistryMirror`): the last flag counts, and a pair
    /// that is none is left out.
    fn mirrors(&self) -> impl Iterator<Item = (&str, &str)> {
        let written = self.args.values(&["--registry-mirror", "-r"]).last().unwrap_or_default();
        let pairs = written.split(',').filter_map(|pair| pair.split_once(':'));
        let pairs = pairs.map(|(source, target)| (source.trim(), target.trim()));
        pairs.filter(|(source, target)| !source.is_empty() && !target.contains(':'))
    }

    /// Returns the name of the cluster's identity bindings, and of the identity without an annotation.
    pub(super) fn bindings(&self) -> (Option<&str>, Option<&str>) {
        let last = |name: &'static [&str]| self.args.values(name).last();
        (last(&["--ib-sni-name"]), last(&["--ib-default-client-id"]))
    }

    /// The one file its program is given, or why it fails before it asks anybody, as a word.
    pub(super) fn config_file(&self) -> Result<&str, ProviderFault> {
        let binding = self.args.values(&["--ib-sni-name"]).any(|name| !name.is_empty());
        match &self.args.files[..] {
            [_] if binding => Err(ProviderFault::NoServiceAccountToken),
            [file] => Ok(file),
            _ => Err(ProviderFault::NotOneConfigFile),
        }
    }
}

impl Args {
    /// Parses the arguments as the program does (pflag).
    fn read(args: &[String]) -> Self {
        let mut read = Self { written: args.to_vec(), ..Self::default() };
        let mut rest = args.iter();
        while let Some(arg) = rest.next() {
            match arg.split_once('=') {
                _ if arg == "--" => read.files.extend(rest.by_ref().cloned()),
                _ if !arg.starts_with('-') || arg == "-" => read.files.push(arg.clone()),
                Some((flag, value)) => read.flags.push((flag.to_owned(), value.to_owned())),
                None if VALUED.contains(&arg.as_str()) => {
                    read.flags.push((arg.clone(), rest.next().cloned().unwrap_or_default()));
                }
                None => read.flags.push((arg.clone(), String::new())),
            }
        }
        read
    }

    /// Returns the flags.
    pub(super) fn flags(&self) -> Vec<&str> {
        self.flags.iter().map(|(flag, _)| flag.as_str()).collect()
    }

    fn values(&self, names: &'static [&str]) -> impl Iterator<Item = &str> {
        let flags = self.flags.iter().filter(|(flag, _)| names.contains(&flag.as_str()));
        flags.map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::world::yaml;

    const AKS: &str = "
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: acr-credential-provider
    matchImages: ['*.azurecr.io', '*.*.geo.azurecr.io']
    defaultCacheDuration: '10m'
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    args:
      - /etc/kubernetes/azure.json
";

    fn azures(text: &str) -> Provider {
        let mut providers = Providers::read(&yaml(text.as_bytes()).unwrap()).unwrap();
        providers.0.remove(0)
    }

    #[test]
    fn what_aks_writes() {
        let azure = azures(AKS);
        assert_eq!(azure.args.files, ["/etc/kubernetes/azure.json"]);
        assert!(azure.by_account.is_none() && azure.config_file().is_ok());
        assert_eq!(azure.not_replayed("contoso.azurecr.io"), None);
        for (image, pattern) in [
            ("contoso.azurecr.io/app", Some("*.azurecr.io")),
            ("contoso.eastus.geo.azurecr.io/app", Some("*.*.geo.azurecr.io")),
            ("contoso.azurecr.io:443/app", None),
            ("contoso.AzureCR.io/app", None),
            ("contoso.azurecr.cn/app", None),
            ("docker.io/library/app", None),
        ] {
            assert_eq!(azure.matching(&Pattern::read(image).unwrap()), pattern, "{image}");
        }
    }

    #[test]
    fn what_the_kubelet_does_not_start_with() {
        let with = |from: &str, to: &str| AKS.replace(from, to);
        for (text, wanted) in [
            ("[]".to_owned(), Malformed::NotAnObject),
            ("{}".to_owned(), Malformed::WrongKind),
            (with("CredentialProviderConfig", "KubeletConfiguration"), Malformed::WrongKind),
            (with("kubelet.config.k8s.io/v1", "v1"), Malformed::WrongKind),
            (with("    defaultCacheDuration: '10m'\n", ""), Malformed::FieldMissing),
            (with("['*.azurecr.io', '*.*.geo.azurecr.io']", "[]"), Malformed::FieldMissing),
            (with("'10m'", "'10'"), Malformed::NotADuration),
            (with("'10m'", "'-1s'"), Malformed::NotADuration),
            (with("    args:", "    arguments:"), Malformed::UnknownField),
            (with("['*.azurecr.io', '*.*.geo.azurecr.io']", "1"), Malformed::EntryNotAList),
            (format!("{AKS}{}", &AKS[AKS.find("  - name").unwrap()..]), Malformed::NamedTwiceOrNotAtAll),
            ("apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: []".into(), Malformed::NamedTwiceOrNotAtAll),
        ] {
            let read = Providers::read(&yaml(text.as_bytes()).unwrap());
            assert_eq!(read.err(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_not_replayed_and_what_fails() {
        let args = |args: &str| azures(&AKS.replace("      - /etc/kubernetes/azure.json\n", args));
        let not =
            |provider: &Provider| provider.not_replayed("contoso.azurecr.io").map(|(what, _)| what);
        for (written, wanted) in [
            ("      - --registry-mirror=mcr.microsoft.com:contoso.azurecr.io\n      - f\n", None),
            (
                "      - --registry-mirror=contoso:fabrikam.azurecr.io\n      - f\n",
                Some(NotReplayed::RegistryMirror),
            ),
            (
                "      - -r\n      - contoso.azurecr.io:fabrikam.azurecr.io\n      - f\n",
                Some(NotReplayed::RegistryMirror),
            ),
            ("      - --v\n      - '5'\n      - f\n", None),
            ("      - --someday\n      - f\n", Some(NotReplayed::UnknownFlag)),
        ] {
            let provider = args(written);
            assert_eq!(not(&provider), wanted, "{written}");
            assert!(provider.config_file().is_ok(), "{written}");
            assert_eq!(provider.args.files, ["f"], "{written}");
        }
        for (written, wanted) in [
            ("      - a\n      - b\n", ProviderFault::NotOneConfigFile),
            ("      - --v=5\n", ProviderFault::NotOneConfigFile),
            ("      - --ib-sni-name=x\n      - a\n", ProviderFault::NoServiceAccountToken),
        ] {
            assert_eq!(args(written).config_file(), Err(wanted), "{written}");
        }
        let beta = AKS.replace(
            "credentialprovider.kubelet.k8s.io/v1",
            "credentialprovider.kubelet.k8s.io/v1beta1",
        );
        assert_eq!(not(&azures(&beta)), Some(NotReplayed::OtherInterface));
        for (name, wanted) in [
            ("IDENTITY_ENDPOINT", Some(NotReplayed::SteeredByVariable)),
            ("https_proxy", Some(NotReplayed::SteeredByVariable)),
            ("AZURE_CLIENT_ID", Some(NotReplayed::SteeredByVariable)),
            ("AZURE_ENVIRONMENT_FILEPATH", None),
            ("LANG", None),
        ] {
            let provider = azures(&format!("{AKS}    env: [{{ name: {name}, value: /x }}]\n"));
            assert_eq!(not(&provider), wanted, "{name}");
        }
    }
}
