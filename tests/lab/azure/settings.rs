//! The settings of the Azure control plane. `healthy.toml` documents each value.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::settings::Kind;

/// The control plane: what Azure Resource Manager serves, and what the registry and the name
/// servers decide by.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Azure {
    /// Whether network rules and private DNS zones decide for the registry and the name servers.
    pub on: bool,
    /// The id of the subscription that holds everything.
    pub subscription: String,
    /// More subscriptions and the tenant of each, by id.
    pub subscriptions: BTreeMap<String, String>,
    /// The subscriptions of other tenants that this tenant manages by Azure Lighthouse.
    pub delegated: Vec<String>,
    /// The region.
    pub location: String,
    /// How Azure Resource Manager responds.
    pub answer: ArmAnswer,
    /// The number of seconds in a Retry-After header.
    pub retry_after: u32,
    /// The number of items on one page of a list; 0: all.
    pub page_size: usize,
    /// Whether the caller may read names and groups from Microsoft Graph.
    pub graph: bool,
    /// The address of the client that the registry sees on the public path.
    pub client_ip: String,
    /// The virtual network of the client, by name.
    pub client_vnet: String,
    /// The subnet of the client, by name.
    pub client_subnet: String,
    /// The registry.
    pub registry: RegistryResource,
    /// The cluster.
    pub cluster: ClusterResource,
    /// How many seconds it takes until the registry knows of an assignment.
    pub propagation: i64,
    /// The images (`REPOSITORY:TAG`) that the quarantine policy hides while it is on.
    pub quarantined: Vec<String>,
    /// The images (`REPOSITORY:TAG`) that were deleted: kept while soft delete is on.
    pub deleted: BTreeMap<String, Kind>,
    /// The regions whose replica does not have an image (`REPOSITORY:TAG`) yet.
    pub lagging: BTreeMap<String, Vec<String>>,
    /// Role assignments, by any name.
    pub assignments: BTreeMap<String, Assignment>,
    /// Deny assignments, by any name.
    pub denials: BTreeMap<String, Denial>,
    /// Custom role definitions, by role name.
    pub roles: BTreeMap<String, CustomRole>,
    /// Groups of Entra ID, by name.
    pub groups: BTreeMap<String, Group>,
    /// Private endpoints of the registry, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Private DNS zones, by `NAME` or `RESOURCE-GROUP/NAME`.
    pub zones: BTreeMap<String, Zone>,
    /// The outbound ports of the cluster's nodes.
    pub snat: Snat,
    /// Public addresses in the cluster's own resource group, by name.
    pub addresses: BTreeMap<String, String>,
    /// Resources that are added, or laid over those above, by id or short id.
    pub resources: BTreeMap<String, Value>,
    /// The ids or short ids of resources that do not exist.
    pub missing: Vec<String>,
}

/// How Azure Resource Manager responds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "healthy.toml says what they are")]
pub enum ArmAnswer {
    Normal,
    Throttled,
    ThrottledOnce,
    Outage,
    OutageOnce,
    Silent,
    Html,
    NotJson,
    TokenExpired,
    TokenInvalid,
    TokenTenant,
}

/// The registry's resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryResource {
    /// The subscription; that of everything else if empty.
    pub subscription: String,
    /// The resource group.
    pub group: String,
    /// Properties that differ from those of a healthy registry.
    pub properties: Value,
    /// The tier: Basic, Standard or Premium.
    pub sku: String,
}

/// The cluster's resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterResource {
    /// The name.
    pub name: String,
    /// The resource group.
    pub group: String,
    /// The resource group of its nodes.
    pub node_group: String,
    /// The object id of its own identity, which is not the kubelet's.
    pub principal: String,
    /// The name of the kubelet's identity in `entra.identities`; none if empty.
    pub kubelet: String,
    /// The kubeconfig of its users; Azure gives none if empty.
    pub kubeconfig: String,
    /// Properties that differ from those of a healthy cluster.
    pub properties: Value,
}

/// How many outbound ports the cluster's nodes need.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snat {
    /// The ports that each node needs at once for connections to the registry. Where it has fewer,
    /// connections from the cluster fail.
    pub needed: u64,
    /// How many minutes ago connections failed for lack of a port; -1: never.
    pub failed_ago: i64,
}

/// A role assignment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Who: the name of an identity or a group, or an object id.
    pub who: String,
    /// The name of the role.
    pub role: String,
    /// The scope: `subscription`, `registry`, `cluster`, an id or a short id.
    pub at: String,
    /// The condition; none if empty.
    #[serde(default)]
    pub condition: String,
    /// How many seconds ago it was created.
    #[serde(default = "a_month")]
    pub age: i64,
    /// `ServicePrincipal` | `Group` | `User`; by the kind of `who` if empty.
    #[serde(default)]
    pub kind: String,
}

/// A deny assignment.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Denial {
    /// Who, as in an assignment; everybody if empty.
    pub who: Vec<String>,
    /// The scope, as in an assignment.
    pub at: String,
    /// The denied actions.
    #[serde(default)]
    pub actions: Vec<String>,
    /// The denied data actions.
    #[serde(default)]
    pub data_actions: Vec<String>,
}

/// A custom role definition.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CustomRole {
    /// The id, a GUID.
    pub id: String,
    /// The allowed actions.
    pub actions: Vec<String>,
    /// The actions that are taken out of these.
    pub not_actions: Vec<String>,
    /// The allowed data actions.
    pub data_actions: Vec<String>,
    /// The data actions that are taken out of these.
    pub not_data_actions: Vec<String>,
}

/// A group of Entra ID.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// The object id.
    pub id: String,
    /// The members: names of identities or groups, or object ids.
    pub members: Vec<String>,
    /// Whether Entra ID already puts it into tokens; ARM lists its assignments in any case.
    #[serde(default = "yes")]
    pub settled: bool,
}

/// A private endpoint of the registry, with its network interface and its connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its address for each member of the registry: `registry`, `registry_data_REGION`.
    pub members: BTreeMap<String, String>,
    /// `Approved` | `Pending` | `Rejected` | `Disconnected`, or `Absent`: there is none, and one
    /// that is created gets these addresses.
    pub status: String,
    /// The resource group.
    pub group: String,
    /// The virtual network, by name.
    pub vnet: String,
}

/// A private DNS zone.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The virtual networks that it is linked to, by name.
    pub links: Vec<String>,
    /// The addresses of each record.
    pub records: BTreeMap<String, Vec<String>>,
}

fn yes() -> bool {
    true
}

fn a_month() -> i64 {
    30 * 86_400
}
