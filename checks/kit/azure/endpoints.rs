//! The endpoints of a cloud: who issues tokens there, and what they are for.

use serde_json::Value;

use crate::kit::{
    rules::Fields,
    target::{Cloud, Host, HostPurpose},
};

/// What node files call a cloud whose endpoints stand in a file of their own.
const CUSTOM: &str = "AZURESTACKCLOUD";

/// What a cloud's hosts are called, and what its tokens are for.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// As node files call it.
    pub cloud: String,
    /// What the names of its registries end in.
    pub suffix: String,
    /// The host that issues tokens; nothing where none is named to which a secret may be sent.
    pub authority: Option<Host>,
    /// What a token for its management is for: the older audience of registries.
    pub management: String,
}

impl Endpoints {
    /// Those of a cloud that is known.
    pub fn of(cloud: Cloud) -> Self {
        Self {
            cloud: cloud.name().to_owned(),
            suffix: cloud.suffix().to_owned(),
            authority: authority_of(&format!("https://{}", cloud.authority())),
            management: cloud.management().to_owned(),
        }
    }

    /// The cloud that a node's files call so; an unknown name is the public cloud, as in the kubelet's
    /// provider.
    pub fn named(cloud: &str) -> Self {
        let known = Cloud::of_node_files(cloud).unwrap_or_default();
        let name = if cloud.trim().is_empty() { known.name() } else { cloud };
        Self { cloud: name.to_owned(), ..Self::of(known) }
    }

    /// Whether the endpoints of a cloud that is called so stand in a file of their own.
    pub fn are_in_a_file(cloud: &str) -> bool {
        cloud.trim().eq_ignore_ascii_case(CUSTOM)
    }

    /// The same with what such a file says; what it leaves out stays.
    pub fn with_file(mut self, file: &Value) -> Self {
        let Some(fields) = Fields::of(file) else { return self };
        let text = |name| fields.text(name).ok().flatten().map(str::to_owned);
        if let Some(suffix) = text("containerRegistryDNSSuffix") {
            suffix.trim_start_matches('.').clone_into(&mut self.suffix);
        }
        if let Some(url) = text("activeDirectoryEndpoint") {
            self.authority = authority_of(&url);
        }
        self.management = text("tokenAudience").unwrap_or(self.management);
        self
    }
}

/// The host in the URL of one that issues tokens; nothing where what is sent there would not be encrypted.
pub fn authority_of(url: &str) -> Option<Host> {
    let host = Host::of(&url::Url::parse(url).ok()?, HostPurpose::Other)?;
    (!host.plain).then_some(host)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_names_that_node_files_have_for_clouds() {
        for (name, suffix, authority) in [
            ("AzurePublicCloud", "azurecr.io", "login.microsoftonline.com"),
            ("azurecloud", "azurecr.io", "login.microsoftonline.com"),
            (" AzureChinaCloud ", "azurecr.cn", "login.chinacloudapi.cn"),
            ("AzureUSGovernment", "azurecr.us", "login.microsoftonline.us"),
            ("AzureUSGovernmentCloud", "azurecr.us", "login.microsoftonline.us"),
            ("", "azurecr.io", "login.microsoftonline.com"),
            ("Nonsense", "azurecr.io", "login.microsoftonline.com"),
        ] {
            let found = Endpoints::named(name);
            assert_eq!(
                (found.suffix.as_str(), found.authority.unwrap().name.as_str()),
                (suffix, authority),
                "{name}"
            );
        }
    }

    #[test]
    fn a_cloud_of_its_own_is_what_its_file_says() {
        let file = json!({
            "ContainerRegistryDNSSuffix": ".azurecr.fabrikam.example",
            "activeDirectoryEndpoint": "https://login.fabrikam.example/adfs",
            "tokenAudience": "https://management.fabrikam.example",
        });
        let found = Endpoints::named("AzureStackCloud").with_file(&file);
        assert_eq!(found.suffix, "azurecr.fabrikam.example");
        assert_eq!(found.authority.unwrap().to_string(), "login.fabrikam.example");
        assert_eq!(found.management, "https://management.fabrikam.example");
        let found = Endpoints::named("AzureStackCloud").with_file(&json!([]));
        assert_eq!(found.suffix, "azurecr.io");
        for (url, wanted) in [
            ("https://login.microsoftonline.com/", Some("login.microsoftonline.com")),
            (
                "https://me:hunter2@login.fabrikam.example:8443/",
                Some("login.fabrikam.example:8443"),
            ),
            ("http://login.fabrikam.example/", None),
            ("login.fabrikam.example", None),
        ] {
            assert_eq!(authority_of(url).map(|host| host.to_string()).as_deref(), wanted, "{url}");
        }
    }
}
