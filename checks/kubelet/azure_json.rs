//! `azure.json`: a node's identity in Azure, as the kubelet's credential provider reads it
//! (cloud-provider-azure, pkg/azclient/configloader): as YAML, with unknown fields ignored.

use serde_json::Value;

use crate::kit::{
    Secret,
    rules::{Fields, Malformed},
    target::ManagedIdentityId,
};

/// The placeholder for a managed identity in the fields of a service principal.
const MSI: &str = "msi";

/// Boolean and numeric fields: if one of them has another type, the provider rejects the whole
/// file. (The cache lifetimes, which are numbers too, all end in `InSeconds`.)
const FLAGS: [&str; 7] = [
    "cloudProviderBackoff",
    "cloudProviderRateLimit",
    "disableAPICallCache",
    "disableAzureStackCloud",
    "enableMinimumRetryAfter",
    "listVmssVirtualMachinesWithoutInstanceView",
    "useFederatedWorkloadIdentityExtension",
];
const NUMBERS: [&str; 6] = [
    "cloudProviderBackoffDuration",
    "cloudProviderBackoffRetries",
    "cloudProviderRateLimitBucket",
    "cloudProviderRateLimitBucketWrite",
    "cloudProviderRateLimitQPS",
    "cloudProviderRateLimitQPSWrite",
];

/// The fields of the file that decide how to sign in. Public so that it can be fuzzed.
#[derive(Debug)]
pub struct AzureJson {
    /// The cloud's name in the file.
    pub cloud: String,
    /// The tenant.
    pub tenant: Option<String>,
    /// The resource group that the node is in.
    pub group: Option<String>,
    /// How to sign in.
    pub names: SignInMethod,
    /// The host from which the cloud's endpoints are fetched, if the file names one.
    pub asks_for_endpoints: Option<String>,
}

/// How the node signs in.
#[derive(Debug)]
pub enum SignInMethod {
    /// With a managed identity.
    Managed(ManagedIdentityId),
    /// With a service principal and its password.
    Application {
        /// The client id.
        client_id: String,
        /// The password.
        secret: Secret,
    },
    /// With a service principal according to the file, but its fields hold the placeholder for a
    /// managed identity.
    Placeholder {
        /// The value in place of the client id.
        user: String,
        /// The value in place of the password.
        password: Secret,
    },
    /// Not at all: the file names no identity.
    Anonymous,
}

impl AzureJson {
    /// Reads the file. An error is an evidence word for what is wrong with it.
    pub fn read(file: &Value) -> Result<Self, Malformed> {
        let fields = Fields::of(file).ok_or(if file.is_null() {
            Malformed::EmptyFile
        } else {
            Malformed::NotAnObject
        })?;
        let text = |name| fields.scalar(name).map(Option::unwrap_or_default);
        let (client_id, secret) = (text("aadClientId")?, text("aadClientSecret")?);
        for name in FLAGS {
            fields.flag(name)?;
        }
        for (name, value) in fields.all() {
            let is_number = name.ends_with("InSeconds") || NUMBERS.contains(&name);
            if is_number && !value.is_number() && !value.is_null() {
                return Err(Malformed::EntryNotANumber);
            }
        }
        let names = match fields.flag("useManagedIdentityExtension")? {
            Some(true) => {
                SignInMethod::Managed(ManagedIdentityId::named(&text("userAssignedIdentityID")?))
            }
            _ if client_id == MSI => {
                SignInMethod::Placeholder { user: client_id, password: Secret::new(secret) }
            }
            _ if client_id.is_empty() => SignInMethod::Anonymous,
            _ => SignInMethod::Application { client_id, secret: Secret::new(secret) },
        };
        Ok(Self {
            cloud: text("cloud")?,
            tenant: fields.scalar("tenantId")?,
            group: fields.scalar("resourceGroup")?,
            names,
            asks_for_endpoints: fields.scalar("resourceManagerEndpoint")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn who(file: &Value) -> Result<String, Malformed> {
        AzureJson::read(file).map(|read| match read.names {
            SignInMethod::Managed(which) => format!("managed {}", which.id()),
            SignInMethod::Application { client_id, secret } => {
                format!("{client_id} {}", secret.expose())
            }
            SignInMethod::Placeholder { user, password } => {
                format!("{user} as {}", password.expose())
            }
            SignInMethod::Anonymous => "anonymous".to_owned(),
        })
    }

    #[test]
    fn who_signs_in() {
        for (file, wanted) in [
            (
                json!({ "aadClientId": "msi", "aadClientSecret": "msi", "useManagedIdentityExtension": true,
                        "userAssignedIdentityID": "an-id", "unheard": [1] }),
                Ok("managed an-id"),
            ),
            (json!({ "useManagedIdentityExtension": true }), Ok("managed ")),
            (json!({ "UseManagedIdentityExtension": true }), Ok("managed ")),
            // The flag decides, not the client id.
            (json!({ "aadClientId": "msi", "useManagedIdentityExtension": false }), Ok("msi as ")),
            (json!({ "aadClientId": "msi", "aadClientSecret": "msi" }), Ok("msi as msi")),
            (json!({ "aadClientId": "app", "aadClientSecret": "password" }), Ok("app password")),
            (json!({ "aadClientId": "app", "aadClientSecret": 12345 }), Ok("app 12345")),
            (json!({}), Ok("anonymous")),
            (json!(null), Err(Malformed::EmptyFile)),
            (json!([]), Err(Malformed::NotAnObject)),
            (json!("text"), Err(Malformed::NotAnObject)),
            (json!({ "useManagedIdentityExtension": "true" }), Err(Malformed::EntryNotAFlag)),
            (json!({ "aadClientId": ["app"] }), Err(Malformed::EntryNotTexts)),
            (json!({ "cloud": {} }), Err(Malformed::EntryNotTexts)),
            (json!({ "cloudProviderBackoff": "true" }), Err(Malformed::EntryNotAFlag)),
            (json!({ "cloudProviderBackoffRetries": "6" }), Err(Malformed::EntryNotANumber)),
            (json!({ "vmssCacheTTLInSeconds": "6" }), Err(Malformed::EntryNotANumber)),
        ] {
            assert_eq!(who(&file), wanted.map(str::to_owned), "{file}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let file = json!({ "aadClientId": "app", "aadClientSecret": "hunter2-hunter2" });
        assert!(!format!("{:?}", AzureJson::read(&file)).contains("hunter2"));
    }
}
