//! Tests which scenario files exist and how they are merged into the healthy one.

use lab::{DnsFault, Grants, HostFault, Kind, Scenario, ScenarioFile, scenarios};

#[test]
fn the_table_has_healthy_first_and_the_rest_by_area_and_name() {
    let order: Vec<_> = scenarios().iter().map(|file| (file.area, file.name)).collect();
    assert_eq!(order[0], ("", "healthy"));
    assert!(order.is_sorted() && order.contains(&("dns", "dns-nxdomain")), "{order:?}");
}

#[test]
fn every_scenario_can_be_read_and_tells_its_own_story() {
    let healthy = Scenario::named("healthy").unwrap().unwrap().story;
    for ScenarioFile { name, text, .. } in scenarios().iter().skip(1) {
        let scenario = Scenario::parse(text).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_ne!(scenario.story.en, healthy.en, "{name}");
        assert_ne!(scenario.story.ko, healthy.ko, "{name}");
    }
    assert!(Scenario::named("no-such-scenario").is_none());
}

#[test]
fn a_difference_replaces_what_it_names_and_leaves_the_rest() {
    let scenario = Scenario::parse(
        r#"
        dns.servers."10.0.0.4".fault = "silent"
        hosts."10.1.0.5".fault = "refuse"
        hosts."10.9.9.9:8443".role = "portal"
        registry.images."team/app".tags.v1 = "absent"
        expect.causes = ["dns/silent"]
        "#,
    )
    .unwrap();
    assert_eq!(scenario.dns.servers["10.0.0.4"].fault, DnsFault::Silent);
    assert_eq!(scenario.dns.servers["10.0.0.5"].fault, DnsFault::None);
    assert_eq!(scenario.hosts["10.1.0.5"].fault, HostFault::Refuse);
    assert_eq!(scenario.hosts.len(), 3);
    assert_eq!(scenario.registry.images["team/app"].tags["v1"], Kind::Absent);
    assert_eq!(scenario.registry.images["team/app"].tags["v1.0"], Kind::Index);
    assert_eq!(scenario.expect.causes, ["dns/silent"]);
}

#[test]
fn a_scenario_can_extend_another() {
    let scenario =
        Scenario::parse("extends = \"node-healthy\"\nregistry.grants = \"none\"").unwrap();
    let (below, healthy) = (Scenario::named("node-healthy"), Scenario::named("healthy"));
    let (below, healthy) = (below.unwrap().unwrap(), healthy.unwrap().unwrap());
    assert!(scenario.node.on && scenario.hosts.contains_key("169.254.169.254:80"));
    assert_eq!(scenario.registry.grants, Grants::None);
    assert_eq!(scenario.story.en, below.story.en);
    // A setting in neither scenario is as in the healthy world, which has none of this.
    assert_eq!(scenario.registry.login_server, healthy.registry.login_server);
    assert!(!healthy.node.on && healthy.hosts.keys().all(|host| !host.starts_with("169.")));
    assert!(!healthy.dns.records.contains_key("login.microsoftonline.com"));
}

#[test]
fn a_slip_of_the_pen_is_named() {
    for (text, named) in [
        ("registry.awnser = \"outage\"", "awnser"),
        ("hosts.\"10.1.0.300\".role = \"data\"", "10.1.0.300"),
        ("dns.records.\"a.example\" = [\"10 MX mail.example\"]", "a.example"),
        ("dns.order = [\"10.0.0.9\"]", "10.0.0.9"),
        ("registry.only.ping = \"missing\"", "no such answer"),
        ("hosts = [", "TOML"),
        ("extends = \"no-such-scenario\"", "no-such-scenario"),
        ("extends = 7", "extends"),
        ("registry.roles = [\"aks-somebody\"]", "aks-somebody"),
        ("imds.identities = [\"aks-somebody\"]", "aks-somebody"),
        ("registry.only.exchange = \"missing\"", "no such answer"),
    ] {
        let why = Scenario::parse(text).unwrap_err().to_string();
        assert!(why.contains(named), "{text}: {why}");
    }
}
