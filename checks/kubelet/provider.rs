//! The kubelet's credential providers: which of them it calls for an image, and how Azure's is
//! configured (kubernetes, pkg/credentialprovider/plugin; cloud-provider-azure,
//! cmd/acr-credential-provider).

use serde_json::Value;

use crate::kit::{
    rules::{Fields, Malformed, Pattern},
    target::suffixes,
};

/// The name of AKS's credential provider.
const NAME: &str = "acr-credential-provider";

/// The kubelet parses its configuration strictly, and does not start when there is any other field.
const FIELDS: [&str; 8] = [
    "name",
    "matchImages",
    "defaultCacheDuration",
    "apiVersion",
    "args",
    "env",
    "tokenAttributes",
    "cacheType",
];

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
pub struct Provider {
    /// The name, which is also the name of its program.
    pub name: String,
    /// The patterns of the images that it is called for.
    pub patterns: Vec<String>,
    /// The arguments of its program.
    pub args: Args,
    /// Whether it receives the token of the pod's service account.
    pub by_service_account: bool,
    /// The file in which it is told to find the endpoints of its cloud.
    pub environment: Option<String>,
    /// The version of the interface between the kubelet and the program.
    interface: String,
    /// The environment variables that the configuration sets.
    variables: Vec<String>,
}

/// The arguments of a program.
#[derive(Default)]
pub struct Args {
    /// Arguments that are no flags: the configuration file.
    pub files: Vec<String>,
    /// The flags and their values.
    flags: Vec<(String, String)>,
}

impl Providers {
    /// Reads the configuration. An error is an evidence word for why the kubelet does not start
    /// with it.
    pub fn read(config: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(config).ok_or("not-an-object")?;
        let version = fields.text("apiVersion")?.unwrap_or_default();
        if fields.text("kind")? != Some("CredentialProviderConfig")
            || !version.starts_with("kubelet.config.k8s.io/v1")
        {
            return Err("wrong-kind");
        }
        let Some(Value::Array(listed)) = fields.get("providers") else {
            return Err("entry-not-a-list");
        };
        let read: Vec<_> = listed.iter().map(Provider::read).collect::<Result<_, _>>()?;
        let again =
            |(at, one): (usize, &Provider)| read[..at].iter().any(|other| other.name == one.name);
        if read.is_empty() || read.iter().enumerate().any(again) {
            return Err("named-twice-or-not-at-all");
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
        let fields = Fields::of(value).ok_or("entry-not-an-object")?;
        let names = fields.all();
        if names.iter().any(|(name, _)| !FIELDS.contains(name)) {
            return Err("unknown-field");
        }
        let text = |name| fields.text(name)?.map(str::to_owned).ok_or("field-missing");
        let patterns = fields.texts("matchImages")?;
        text("defaultCacheDuration")?;
        if patterns.is_empty() || patterns.iter().any(|pattern| Pattern::read(pattern).is_none()) {
            return Err("field-missing");
        }
        let set = match fields.get("env") {
            None => vec![],
            Some(Value::Array(set)) => set.iter().filter_map(Fields::of).collect(),
            Some(_) => return Err("entry-not-a-list"),
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
            by_service_account: fields.get("tokenAttributes").is_some(),
            environment: told.map(|(_, file)| file.clone()),
            interface: text("apiVersion")?,
            variables: set.into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// Returns the pattern that matches the image.
    pub fn matching(&self, image: &Pattern) -> Option<&str> {
        let matches =
            |text: &&String| Pattern::read(text).is_some_and(|pattern| pattern.matches(image));
        self.patterns.iter().find(matches).map(String::as_str)
    }

    /// Returns the first setting that is not replayed here, as an evidence word and as configured.
    pub(super) fn not_replayed(&self, registry: &str) -> Option<(&'static str, String)> {
        // Which interfaces a program supports depends on its version; the current ones support only
        // this.
        if self.interface != "credentialprovider.kubelet.k8s.io/v1" {
            return Some(("other-interface", self.interface.clone()));
        }
        let steers = |name: &&String| {
            let name = name.to_uppercase();
            let steers = STEERING.iter().any(|part| name.starts_with(part) || name.ends_with(part));
            steers && name != "AZURE_ENVIRONMENT_FILEPATH"
        };
        if let Some(name) = self.variables.iter().find(steers) {
            return Some(("steered-by-variable", name.clone()));
        }
        let unknown = self.args.flags.iter().find(|(flag, _)| !VALUED.contains(&flag.as_str()));
        if let Some((flag, _)) = unknown {
            return Some(("unknown-flag", flag.clone()));
        }
        let mirrors = self.args.values(&["--registry-mirror", "-r"]);
        let pairs = mirrors.flat_map(|mirror| mirror.split(','));
        let mut sources = pairs.filter_map(|pair| pair.trim().split(':').next());
        let mirrored = sources.find(|source| !source.is_empty() && registry.starts_with(source));
        mirrored.map(|source| ("registry-mirror", source.to_owned()))
    }

    /// Returns the program's only configuration file. An error is an evidence word for why the
    /// program fails before it requests a token.
    pub(super) fn config_file(&self) -> Result<&str, &'static str> {
        let binding = self.args.values(&["--ib-sni-name"]).any(|name| !name.is_empty());
        match &self.args.files[..] {
            [_] if binding => Err("no-service-account-token"),
            [file] => Ok(file),
            _ => Err("not-one-config-file"),
        }
    }
}

impl Args {
    /// Parses the arguments as the program does (pflag).
    fn read(args: &[String]) -> Self {
        let mut read = Self::default();
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

    fn values(&self, names: &'static [&str]) -> impl Iterator<Item = &str> {
        let flags = self.flags.iter().filter(|(flag, _)| names.contains(&flag.as_str()));
        flags.map(|(_, value)| value.as_str())
    }
}

/// Returns whether Azure's credential provider recognizes the registry as one of Azure's.
///
/// It recognizes a name without a hyphen in every cloud, other names only in the node's own cloud
/// (`parseACRLoginServerFromImage`).
pub fn is_known(registry: &str, own_suffix: &str) -> bool {
    let label = registry.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(registry.len());
    let rest = registry[label..].strip_prefix('.').filter(|_| label > 0);
    let everywhere = rest.is_some_and(|rest| suffixes().any(|suffix| rest == suffix));
    everywhere || (!own_suffix.is_empty() && registry.contains(own_suffix))
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
        assert!(!azure.by_service_account && azure.config_file().is_ok());
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
            ("[]".to_owned(), "not-an-object"),
            ("{}".to_owned(), "wrong-kind"),
            (with("CredentialProviderConfig", "KubeletConfiguration"), "wrong-kind"),
            (with("kubelet.config.k8s.io/v1", "v1"), "wrong-kind"),
            (with("    defaultCacheDuration: '10m'\n", ""), "field-missing"),
            (with("['*.azurecr.io', '*.*.geo.azurecr.io']", "[]"), "field-missing"),
            (with("    args:", "    arguments:"), "unknown-field"),
            (with("['*.azurecr.io', '*.*.geo.azurecr.io']", "1"), "entry-not-a-list"),
            (format!("{AKS}{}", &AKS[AKS.find("  - name").unwrap()..]), "named-twice-or-not-at-all"),
            ("apiVersion: kubelet.config.k8s.io/v1\nkind: CredentialProviderConfig\nproviders: []".into(), "named-twice-or-not-at-all"),
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
                "      - -r\n      - contoso.azurecr.io:fabrikam.azurecr.io\n      - f\n",
                Some("registry-mirror"),
            ),
            ("      - --v\n      - '5'\n      - f\n", None),
            ("      - --someday\n      - f\n", Some("unknown-flag")),
        ] {
            let provider = args(written);
            assert_eq!(not(&provider), wanted, "{written}");
            assert!(provider.config_file().is_ok(), "{written}");
            assert_eq!(provider.args.files, ["f"], "{written}");
        }
        for (written, wanted) in [
            ("      - a\n      - b\n", "not-one-config-file"),
            ("      - --v=5\n", "not-one-config-file"),
            ("      - --ib-sni-name=x\n      - a\n", "no-service-account-token"),
        ] {
            assert_eq!(args(written).config_file(), Err(wanted), "{written}");
        }
        let beta = AKS.replace(
            "credentialprovider.kubelet.k8s.io/v1",
            "credentialprovider.kubelet.k8s.io/v1beta1",
        );
        assert_eq!(not(&azures(&beta)), Some("other-interface"));
        for (name, wanted) in [
            ("IDENTITY_ENDPOINT", Some("steered-by-variable")),
            ("https_proxy", Some("steered-by-variable")),
            ("AZURE_CLIENT_ID", Some("steered-by-variable")),
            ("AZURE_ENVIRONMENT_FILEPATH", None),
            ("LANG", None),
        ] {
            let provider = azures(&format!("{AKS}    env: [{{ name: {name}, value: /x }}]\n"));
            assert_eq!(not(&provider), wanted, "{name}");
        }
    }

    #[test]
    fn which_registries_are_known() {
        for (registry, own, wanted) in [
            ("contoso.azurecr.io", "azurecr.io", true),
            ("contoso.azurecr.cn", "azurecr.io", true),
            ("contoso-a1b2.azurecr.io", "azurecr.io", true),
            ("contoso-a1b2.azurecr.cn", "azurecr.io", false),
            ("contoso.eastus.geo.azurecr.io", "azurecr.io", true),
            ("contoso.eastus.geo.azurecr.us", "azurecr.io", false),
            ("contoso.azurecr.io.example", "azurecr.cn", false),
            ("registry.contoso.example", "azurecr.io", false),
            ("registry.contoso.example", "contoso.example", true),
            (".azurecr.cn", "azurecr.io", false),
            ("", "", false),
        ] {
            assert_eq!(is_known(registry, own), wanted, "{registry} on a node of {own}");
        }
    }
}
