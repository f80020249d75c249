//! The clouds of Azure: what their hosts are called, and who issues tokens there.

use serde_json::Value;

use crate::kit::{Fields, Host, HostPurpose};

/// A cloud that is known by name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Cloud {
    /// Azure
    #[default]
    Public,
    /// Azure operated by 21Vianet
    China,
    /// Azure US Government
    UsGovernment,
}

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

/// A cloud, in all its names.
struct Row {
    cloud: Cloud,
    flag: &'static str,
    /// As node files call it, in capitals.
    names: &'static [&'static str],
    suffix: &'static str,
    storage: &'static str,
    authority: &'static str,
    management: &'static str,
}

/// From cloud-provider-azure, pkg/azclient/cloud.go.
const TABLE: [Row; 3] = [
    Row {
        cloud: Cloud::Public,
        flag: "public",
        names: &["AZUREPUBLICCLOUD", "AZURECLOUD"],
        suffix: "azurecr.io",
        storage: "blob.core.windows.net",
        authority: "login.microsoftonline.com",
        management: "https://management.azure.com/",
    },
    Row {
        cloud: Cloud::China,
        flag: "china",
        names: &["AZURECHINACLOUD"],
        suffix: "azurecr.cn",
        storage: "blob.core.chinacloudapi.cn",
        authority: "login.chinacloudapi.cn",
        management: "https://management.chinacloudapi.cn/",
    },
    Row {
        cloud: Cloud::UsGovernment,
        flag: "us-government",
        names: &["AZUREUSGOVERNMENTCLOUD", "AZUREUSGOVERNMENT"],
        suffix: "azurecr.us",
        storage: "blob.core.usgovcloudapi.net",
        authority: "login.microsoftonline.us",
        management: "https://management.usgovcloudapi.net/",
    },
];

/// The cloud that is retired: its registries' names are still known to the kubelet's provider.
const RETIRED: &str = "azurecr.de";

/// What node files call a cloud whose endpoints stand in a file of their own.
const CUSTOM: &str = "AZURESTACKCLOUD";

/// What the names of registries end in, in any cloud: those that the kubelet's provider knows without being told.
pub fn suffixes() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.suffix).chain([RETIRED])
}

/// The same for storage.
pub(super) fn storage() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.storage)
}

impl Cloud {
    /// The cloud that `--cloud` calls so.
    pub fn named(flag: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.flag == flag).map(|row| row.cloud)
    }

    /// Its name, unless it is the default.
    pub fn flag(self) -> Option<&'static str> {
        (self != Cloud::default()).then(|| self.row().flag)
    }

    /// What the names of its registries end in.
    pub fn suffix(self) -> &'static str {
        self.row().suffix
    }

    /// What its hosts are called.
    pub fn endpoints(self) -> Endpoints {
        self.row().endpoints(self.row().flag)
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.cloud == self).unwrap_or(&TABLE[0])
    }
}

impl Row {
    fn endpoints(&self, cloud: &str) -> Endpoints {
        Endpoints {
            cloud: cloud.to_owned(),
            suffix: self.suffix.to_owned(),
            authority: authority_of(&format!("https://{}", self.authority)),
            management: self.management.to_owned(),
        }
    }
}

impl Endpoints {
    /// The cloud that a node's files call so; a name that nobody knows is the public cloud, as the kubelet's
    /// provider has it.
    pub fn named(cloud: &str) -> Self {
        let capitals = cloud.trim().to_uppercase();
        let row = TABLE.iter().find(|row| row.names.contains(&capitals.as_str()));
        row.unwrap_or(&TABLE[0]).endpoints(if cloud.trim().is_empty() {
            TABLE[0].flag
        } else {
            cloud
        })
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
