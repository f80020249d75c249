//! A complete fake world on loopback: name servers, a registry, its data host, certificates. A
//! scenario breaks one thing in it. It shares no code with the tool, so that a misreading of a
//! protocol cannot be mirrored here.
#![forbid(unsafe_code)]

mod archive;
mod asker;
mod azure;
mod body;
mod certificates;
mod data;
mod dns;
mod drip;
mod entra;
mod error;
mod form;
mod gate;
mod held;
mod host;
mod identity;
mod images;
mod imds;
mod jwt;
mod kubernetes;
mod node;
mod port;
mod program;
mod proxy;
mod registry;
mod relay;
mod scenario;
mod scenarios;
mod secrets;
mod settings;
mod world;

pub use azure::{
    ArmAnswer, Assignment, Azure, ClusterResource, CustomRole, Denial, Endpoint, Group,
    RegistryResource, Snat, Zone,
};
pub use error::Error;
pub use identity::{Entra, Identity, IdentityKind, Imds, ImdsAnswer};
pub use jwt::is_signed;
pub use kubernetes::{Agent, AgentCall, AgentEnd, ApiAnswer, Kubernetes, KubernetesNode, Refused};
pub use node::{Disk, Node, Process, Provider};
pub use scenario::{Ask, Clock, Expect, Scenario, SignIn, Story, View};
pub use scenarios::{ScenarioFile, scenarios};
pub use secrets::CANARY;
pub use settings::{
    Answer, Certificate, Data, DataFault, Dns, DnsFault, Grants, Host, HostFault, Http, Image,
    Kind, NameServer, Only, Proxy, ProxyAnswer, Registry, Role,
};
pub use world::{Lab, addresses, serve, start, start_as_seen};
