//! The Azure clouds and the names of their hosts.

/// A cloud with a known name.
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

/// The names that belong to a cloud.
struct Row {
    cloud: Cloud,
    flag: &'static str,
    /// The cloud's names in node files, in upper case.
    names: &'static [&'static str],
    suffix: &'static str,
    storage: &'static str,
    authority: &'static str,
    management: &'static str,
    /// The host from which AKS nodes pull system images.
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

/// The suffix of Azure Germany, which is retired. The kubelet's credential provider still knows it.
const RETIRED: &str = "azurecr.de";

/// Returns the registry suffixes of all clouds: those that the credential provider has built in.
pub fn suffixes() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.suffix).chain([RETIRED])
}

/// Returns the blob storage suffixes of all clouds.
pub(super) fn storage() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.storage)
}

impl Cloud {
    /// Returns the cloud with this `--cloud` value.
    pub fn named(flag: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.flag == flag).map(|row| row.cloud)
    }

    /// Returns the `--cloud` value, unless it is the default.
    pub fn flag(self) -> Option<&'static str> {
        (self != Cloud::default()).then(|| self.row().flag)
    }

    /// Returns the suffix of its registries' names.
    pub fn suffix(self) -> &'static str {
        self.row().suffix
    }

    /// Returns the host that issues its tokens.
    pub fn authority(self) -> &'static str {
        self.row().authority
    }

    /// Returns the audience for Azure Resource Manager, which registries also accept from older
    /// clients.
    pub fn management(self) -> &'static str {
        self.row().management
    }

    /// Returns the cloud whose registry names have this suffix.
    pub fn of_suffix(suffix: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.suffix == suffix).map(|row| row.cloud)
    }

    /// Returns hosts that every AKS node must reach, by Microsoft's outbound rules for AKS
    /// clusters: those of system images, Entra ID and Azure Resource Manager.
    pub fn node_hosts(self) -> [&'static str; 3] {
        let Row { system_images, authority, management, .. } = self.row();
        [system_images, authority, management.trim_start_matches("https://").trim_end_matches('/')]
    }

    /// Returns the cloud with this name in node files.
    pub fn of_node_files(name: &str) -> Option<Self> {
        let capitals = name.trim().to_uppercase();
        TABLE.iter().find(|row| row.names.contains(&capitals.as_str())).map(|row| row.cloud)
    }

    /// Returns the name that commands and reports use.
    pub fn name(self) -> &'static str {
        self.row().flag
    }

    fn row(self) -> &'static Row {
        TABLE.iter().find(|row| row.cloud == self).unwrap_or(&TABLE[0])
    }
}
