//! The clouds of Azure: what their hosts are called.

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
    /// Where AKS nodes pull system images from.
    system_images: &'static str,
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
        system_images: "mcr.microsoft.com",
    },
    Row {
        cloud: Cloud::China,
        flag: "china",
        names: &["AZURECHINACLOUD"],
        suffix: "azurecr.cn",
        storage: "blob.core.chinacloudapi.cn",
        authority: "login.chinacloudapi.cn",
        management: "https://management.chinacloudapi.cn/",
        system_images: "mcr.azure.cn",
    },
    Row {
        cloud: Cloud::UsGovernment,
        flag: "us-government",
        names: &["AZUREUSGOVERNMENTCLOUD", "AZUREUSGOVERNMENT"],
        suffix: "azurecr.us",
        storage: "blob.core.usgovcloudapi.net",
        authority: "login.microsoftonline.us",
        management: "https://management.usgovcloudapi.net/",
        system_images: "mcr.microsoft.com",
    },
];

/// The cloud that is retired: its registries' names are still known to the kubelet's provider.
const RETIRED: &str = "azurecr.de";

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

    /// The host that issues its tokens.
    pub fn authority(self) -> &'static str {
        self.row().authority
    }

    /// What a token for its management is for: the older audience of registries.
    pub fn management(self) -> &'static str {
        self.row().management
    }

    /// Returns the cloud whose registries have names that end so.
    pub fn of_suffix(suffix: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.suffix == suffix).map(|row| row.cloud)
    }

    /// Returns hosts that every AKS node has to reach, by Microsoft's list of outbound rules for
    /// AKS clusters: of system images, of Entra, of the management of Azure.
    pub fn node_hosts(self) -> [&'static str; 3] {
        let Row { system_images, authority, management, .. } = self.row();
        [system_images, authority, management.trim_start_matches("https://").trim_end_matches('/')]
    }

    /// The cloud that a node's files call so.
    pub fn of_node_files(name: &str) -> Option<Self> {
        let capitals = name.trim().to_uppercase();
        TABLE.iter().find(|row| row.names.contains(&capitals.as_str())).map(|row| row.cloud)
    }

    /// What commands and reports call it.
    pub fn name(self) -> &'static str {
        self.row().flag
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.cloud == self).unwrap_or(&TABLE[0])
    }
}
