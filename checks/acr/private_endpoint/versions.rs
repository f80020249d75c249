//! The versions of the APIs that are asked.

/// For endpoints, interfaces and networks.
pub(super) const NETWORK_API: &str = "2024-05-01";
/// For private DNS zones: the first with `resolutionPolicy`.
pub(super) const DNS_API: &str = "2024-06-01";
