//! The endpoints of an Azure cloud: who issues tokens, and for which audience.

use serde_json::Value;

use crate::kit::{
    rules::Fields,
    target::{Cloud, Host, HostPurpose},
};

/// The name that node files give to a cloud whose endpoints are in a separate file.
const CUSTOM: &str = "AZURESTACKCLOUD";

/// The host names and the token audience of a cloud.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoints {
    /// The cloud's name in node files.
    pub cloud: String,
    /// The suffix of its registries' names.
    pub suffix: String,
    /// The host that issues tokens; `None` when the configured one must not be sent a secret.
    pub authority: Option<Host>,
    /// The audience for Azure Resource Manager, which registries also accept from older clients.
    pub management: String,
    /// The host of Azure Resource Manager; `None` when the configured one must not be sent a token.
    pub resource_manager: Option<Host>,
}

impl Endpoints {
    /// Returns the endpoints of a known cloud.
    pub fn of(cloud: Cloud) -> Self {
        Self {
            cloud: cloud.name().to_owned(),
            suffix: cloud.suffix().to_owned(),
            authority: authority_of(&format!("https://{}", cloud.authority())),
            management: cloud.management().to_owned(),
            // In the clouds with a name, the audience is the endpoint itself.
            resource_manager: authority_of(cloud.management()),
        }
    }

    /// Returns the endpoints of a cloud by its name in node files. An unknown name means the public
    /// cloud, as in the kubelet's credential provider.
    pub fn named(cloud: &str) -> Self {
        let known = Cloud::of_node_files(cloud).unwrap_or_default();
        let name = if cloud.trim().is_empty() { known.name() } else { cloud };
        Self { cloud: name.to_owned(), ..Self::of(known) }
    }

    /// Returns whether the endpoints of a cloud of this name are in a separate file.
    pub fn are_in_a_file(cloud: &str) -> bool {
        cloud.trim().eq_ignore_ascii_case(CUSTOM)
    }

    /// Returns the endpoints with the values from that file; values that it lacks stay as they are.
    pub fn with_file(mut self, file: &Value) -> Self {
        let Some(fields) = Fields::of(file) else { return self };
        let text = |name| fields.text(name).ok().flatten().map(str::to_owned);
        if let Some(suffix) = text("containerRegistryDNSSuffix") {
            suffix.trim_start_matches('.').clone_into(&mut self.suffix);
        }
        if let Some(url) = text("activeDirectoryEndpoint") {
            self.authority = authority_of(&url);
        }
        if let Some(url) = text("resourceManagerEndpoint") {
            self.resource_manager = authority_of(&url);
        }
        self.management = text("tokenAudience").unwrap_or(self.management);
        self
    }
}

/// Returns the host in the URL of a service that is sent secrets; `None` when requests to it would
/// not be encrypted.
pub fn authority_of(url: &str) -> Option<Host> {
    let host = Host::of(&url::Url::parse(url).ok()?, HostPurpose::SignIn)?;
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
            "resourceManagerEndpoint": "https://arm.fabrikam.example:30005/",
        });
        let found = Endpoints::named("AzureStackCloud").with_file(&file);
        assert_eq!(found.suffix, "azurecr.fabrikam.example");
        assert_eq!(found.authority.unwrap().to_string(), "login.fabrikam.example");
        assert_eq!(found.management, "https://management.fabrikam.example");
        assert_eq!(found.resource_manager.unwrap().to_string(), "arm.fabrikam.example:30005");
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
