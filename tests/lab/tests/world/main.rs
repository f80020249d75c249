//! Tests the lab from outside, against recordings of the real services.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test says by panicking what it found, and looks at the world by hand"
)]

mod azure_authorization;
mod azure_changes;
mod azure_networks;
mod azure_resources;
mod client;
mod dns;
mod entra;
mod exchange;
mod hosts;
mod imds;
mod node;
mod registry;
mod scenarios;
