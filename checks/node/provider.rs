//! The kubelet's credential providers: which of them it asks for an image, and with which arguments
//! (kubernetes, pkg/credentialprovider/plugin; the file is the kubelet's own configuration format).

use serde_json::Value;

use crate::kit::{Fields, Malformed, Pattern};

/// What AKS calls its provider.
const NAME: &str = "acr-credential-provider";

/// The configuration, read. Public, so that it can be fuzzed.
pub struct Providers(Vec<Provider>);

/// One provider.
pub struct Provider {
    /// Its name, which is that of its program.
    pub name: String,
    /// Which images it is asked for.
    pub patterns: Vec<String>,
    /// What its program is called with.
    pub args: Vec<String>,
    /// Whether it is shown the token of the pod's service account.
    pub by_service_account: bool,
}

impl Providers {
    /// Reads the configuration; what is not known in it is passed over.
    pub fn read(config: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(config).ok_or("not-an-object")?;
        let listed = match fields.get("providers") {
            None => vec![],
            Some(Value::Array(listed)) => listed.iter().collect(),
            Some(_) => return Err("entry-not-a-list"),
        };
        listed.into_iter().map(Provider::read).collect::<Result<_, _>>().map(Self)
    }

    /// Azure's, if it is one of them.
    pub fn azures(&self) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name == NAME)
    }

    /// Another one that is asked for this image, too.
    pub fn another(&self, image: &Pattern) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.name != NAME && provider.matching(image).is_some())
    }
}

impl Provider {
    fn read(value: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(value).ok_or("entry-not-an-object")?;
        Ok(Self {
            name: fields.text("name")?.unwrap_or_default().to_owned(),
            patterns: fields.texts("matchImages")?,
            args: fields.texts("args")?,
            by_service_account: fields.get("tokenAttributes").is_some(),
        })
    }

    /// The pattern by which it is asked for that image.
    pub fn matching(&self, image: &Pattern) -> Option<&str> {
        let matches = |text: &&String| Pattern::of_key(text).is_some_and(|pattern| pattern.matches(image));
        self.patterns.iter().find(matches).map(String::as_str)
    }

    /// The file that says who this node is: its first argument that is no flag.
    pub fn config_file(&self) -> Option<&str> {
        self.args.iter().map(String::as_str).find(|arg| !arg.starts_with('-'))
    }
}

/// The registry that Azure's provider signs in to for an image: none, where it takes the image for another's.
///
/// A name without a hyphen it knows in each cloud, the others in the node's own only (`parseACRLoginServerFromImage`).
pub fn login_server<'a>(image: &'a str, own_suffix: &str) -> Option<&'a str> {
    let label = image.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(image.len());
    for suffix in ["azurecr.io", "azurecr.cn", "azurecr.de", "azurecr.us"] {
        let rest = image[label..].strip_prefix('.').and_then(|rest| rest.strip_prefix(suffix));
        if let (true, Some(rest)) = (label > 0, rest)
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return Some(&image[..image.len() - rest.len()]);
        }
    }
    let at = image.find(own_suffix).filter(|_| !own_suffix.is_empty())?;
    Some(&image[..at + own_suffix.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::yaml;

    const AKS: &str = "
apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
  - name: acr-credential-provider
    matchImages: ['*.azurecr.io', '*.*.geo.azurecr.io']
    defaultCacheDuration: '10m'
    apiVersion: credentialprovider.kubelet.k8s.io/v1
    args:
      - --registry-mirror=mcr.microsoft.com:contoso.azurecr.io
      - /etc/kubernetes/azure.json
    unheard-of: { a: 1 }
";

    #[test]
    fn what_aks_writes() {
        let providers = Providers::read(&yaml(AKS.as_bytes()).unwrap()).unwrap();
        let azures = providers.azures().unwrap();
        assert_eq!(azures.config_file(), Some("/etc/kubernetes/azure.json"));
        assert!(!azures.by_service_account);
        for (image, pattern) in [
            ("contoso.azurecr.io/app", Some("*.azurecr.io")),
            ("contoso.eastus.geo.azurecr.io/app", Some("*.*.geo.azurecr.io")),
            ("contoso.azurecr.io:443/app", None),
            ("contoso.azurecr.cn/app", None),
            ("docker.io/library/app", None),
        ] {
            assert_eq!(azures.matching(&Pattern::read(image).unwrap()), pattern, "{image}");
        }
    }

    #[test]
    fn what_nobody_writes() {
        for (text, wanted) in [
            ("[]", Err("not-an-object")),
            ("providers: 1", Err("entry-not-a-list")),
            ("providers: [1]", Err("entry-not-an-object")),
            ("providers: [{name: [a]}]", Err("entry-not-texts")),
            ("providers: [{name: a, args: [1]}]", Err("entry-not-texts")),
            ("{}", Ok(())),
            ("providers:", Ok(())),
        ] {
            let read = Providers::read(&yaml(text.as_bytes()).unwrap());
            assert_eq!(read.map(drop), wanted, "{text}");
        }
    }

    #[test]
    fn whose_registry_an_image_is_in() {
        for (image, own, wanted) in [
            ("contoso.azurecr.io/app", "azurecr.io", Some("contoso.azurecr.io")),
            ("contoso.azurecr.io", "azurecr.io", Some("contoso.azurecr.io")),
            ("contoso.azurecr.cn/app", "azurecr.io", Some("contoso.azurecr.cn")),
            ("contoso-a1b2.azurecr.io/app", "azurecr.io", Some("contoso-a1b2.azurecr.io")),
            ("contoso-a1b2.azurecr.cn/app", "azurecr.io", None),
            ("contoso.eastus.geo.azurecr.io/app", "azurecr.io", Some("contoso.eastus.geo.azurecr.io")),
            ("contoso.eastus.geo.azurecr.us/app", "azurecr.io", None),
            ("contoso.azurecr.io.example/app", "azurecr.cn", None),
            ("registry.contoso.example/app", "azurecr.io", None),
            ("registry.contoso.example/app", "contoso.example", Some("registry.contoso.example")),
            ("docker.io/library/app", "azurecr.io", None),
            (".azurecr.cn/app", "azurecr.io", None),
            ("", "", None),
        ] {
            assert_eq!(login_server(image, own), wanted, "{image} on a node of {own}");
        }
    }
}
