//! Which of the private DNS zones that are seen is meant.

use std::net::IpAddr;

use super::{
    look::Look,
    names::{only, record_of, zone_of},
    zone::Zone,
};
use crate::{
    acr::Problem,
    data_path::DnsAnswer,
    kit::{NoFact, StepResult},
};

impl Look<'_> {
    /// Returns the zones in which a host's private endpoint would be, as far as they are seen.
    pub(super) async fn zones(&self, host: &str) -> StepResult<Vec<Zone>> {
        match zone_of(host) {
            Some(name) => Zone::named(self.cx, self.control_plane, &name).await,
            None => Ok(vec![]),
        }
    }

    pub(super) fn zone_not_seen(&self, host: &str) -> NoFact {
        let (host, zone) = (host.to_owned(), zone_of(host).unwrap_or_default());
        let who = self.control_plane.who.clone();
        NoFact::could_not_tell(Problem::ZoneNotSeen { host, zone, who })
    }

    /// Returns the zones that answer in the network of the cluster; all where that is not known, or
    /// where its own DNS servers decide.
    fn candidates<'z>(&self, zones: &'z [Zone]) -> Vec<&'z Zone> {
        let network = self.network.as_ref().filter(|own| own.dns_servers().is_empty());
        let is_linked = |zone: &&Zone| network.is_none_or(|own| zone.link_to(own.id()).is_some());
        zones.iter().filter(is_linked).collect()
    }

    /// Returns the zone that gave DNS its answers: the one that is linked here, or that holds what
    /// DNS said of another host.
    pub(super) async fn answering<'z>(
        &self,
        zones: &'z [Zone],
        host: &str,
    ) -> StepResult<Option<&'z Zone>> {
        let found = self.candidates(zones);
        if self.network.as_ref().is_some_and(|own| own.dns_servers().is_empty()) {
            return Ok(only(&found).copied());
        }
        for seen in self.hosts.iter().filter(|seen| seen.host != host) {
            if let DnsAnswer::Addresses(addresses) = &seen.answer {
                return self.among(found, &seen.host, addresses).await;
            }
        }
        Ok(None)
    }

    /// Returns the zone whose record for a host has one of these addresses.
    pub(super) async fn holding<'z>(
        &self,
        zones: &'z [Zone],
        host: &str,
        addresses: &[IpAddr],
    ) -> StepResult<Option<&'z Zone>> {
        self.among(self.candidates(zones), host, addresses).await
    }

    /// Returns the same among some zones, if it is only one.
    pub(super) async fn among<'z>(
        &self,
        zones: Vec<&'z Zone>,
        host: &str,
        addresses: &[IpAddr],
    ) -> StepResult<Option<&'z Zone>> {
        let Some(record) = record_of(host) else { return Ok(None) };
        let mut found = vec![];
        for zone in zones {
            let held = zone.addresses(self.cx, self.control_plane, &record).await?;
            if held.iter().any(|one| addresses.contains(one)) {
                found.push(zone);
            }
        }
        Ok(only(&found).copied())
    }
}
