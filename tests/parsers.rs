//! Parsers read foreign input as it was meant, in every spelling; the fuzz targets try the rest.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use base64::{Engine, prelude::*};
use checks::{
    kit::{Cloud, Host, HostPurpose, Secret, sanitize_text},
    untrusted::{
        ArmError, AzureJson, DockerConfig, ErrorBody, GOT, NoProxy, POSTED, Page, Platform, Puller,
        Question, RegistryOrImage, ResolvConf, Rows, SignInMethod, Stored, allow, az_refusal,
        challenges, claims, covers, deleted_entries, encoded, entry, lets_read, next_deleted_page,
        next_target, part_below, quota_resets_after, read_dns_answer, read_manifest, retry_after,
        token_in, vault, yaml,
    },
};
use hickory_proto::{
    op::{Message, MessageType, OpCode, Query},
    rr::{Name, RData, Record, RecordType, rdata},
};
use hyper::{
    HeaderMap,
    header::{HeaderValue, WWW_AUTHENTICATE},
};
use proptest::prelude::*;
use serde_json::json;

proptest! {
    #[test]
    fn a_challenge_is_read_as_it_was_written(
        scheme in "[Bb]earer|BASIC|Digest",
        params in prop::collection::btree_map("[a-z_]{1,8}", "[ -~]{0,20}", 0..5),
        spaces in "[ \t]{0,3}",
    ) {
        let quote = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"");
        let written = params.iter().map(|(k, v)| format!("{k}=\"{}\"", quote(v)));
        let header = format!("{scheme} {}", written.collect::<Vec<_>>().join(&format!("{spaces},{spaces}")));
        let value = HeaderValue::from_str(&header).unwrap();
        let found = challenges(&HeaderMap::from_iter([(WWW_AUTHENTICATE, value)]));
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].scheme, &scheme.to_lowercase());
        prop_assert_eq!(&found[0].params, &params);
    }

    #[test]
    fn a_password_is_found_under_any_form_of_its_registrys_name(
        user in "[a-z]{1,8}", password in "[ -~]{1,20}",
        key in "(https?://)?contoso\\.azurecr\\.io(/v[12]/?)?",
    ) {
        let auth = BASE64_STANDARD.encode(format!("{user}:{password}"));
        let file = json!({ "auths": { key: { "auth": auth } } }).to_string();
        let asked = RegistryOrImage::read("contoso.azurecr.io/app", Cloud::Public, false).unwrap();
        let config = DockerConfig::read(file.as_bytes()).unwrap();
        let (_, stored) = config.find(DockerConfig::key_of(&asked)).unwrap();
        let Ok(Some(Stored::Password { user: named, password: given })) = stored else { panic!() };
        prop_assert_eq!((named, given.expose()), (user, password.as_str()));
    }

    #[test]
    fn a_nodes_file_is_read_in_yaml_and_in_json(client in "[a-z0-9-]{1,12}", secret in "[ -~]{0,20}", managed in any::<bool>()) {
        let file = json!({ "aadClientId": client, "aadClientSecret": secret, "useManagedIdentityExtension": managed,
                           "userAssignedIdentityID": client, "someday": [1, { "a": null }] });
        let quoted = secret.replace('\'', "''");
        let lines = format!("aadClientId: '{client}'\naadClientSecret: '{quoted}'\nuseManagedIdentityExtension: {managed}\n\
                             userAssignedIdentityID: '{client}'\n");
        for text in [file.to_string(), lines] {
            let read = AzureJson::read(&yaml(text.as_bytes()).unwrap()).unwrap();
            match (read.names, managed) {
                (SignInMethod::Managed(which), true) => prop_assert_eq!(which.id(), client.as_str()),
                (SignInMethod::Application { client_id, secret: given }, false) => {
                    prop_assert_eq!((client_id.as_str(), given.expose()), (client.as_str(), secret.as_str()));
                }
                (SignInMethod::Placeholder { .. }, false) => prop_assert_eq!(client.as_str(), "msi"),
                _ => prop_assert!(false, "{}", text),
            }
        }
    }

    #[test]
    fn a_nodes_file_that_is_none_is_not_quoted(text in "\\PC{0,60}") {
        if let Err(said) = yaml(text.as_bytes()) {
            prop_assert!(said.to_string().len() < 60, "{}", said);
        }
    }

    #[test]
    fn a_resolv_conf_is_read_line_by_line(servers in prop::collection::vec(any::<[u8; 4]>(), 1..6), ndots in 0_usize..30) {
        let address = |a: &[u8; 4]| std::net::Ipv4Addr::from(*a).to_string();
        let lines: Vec<_> = servers.iter().map(|a| format!("nonsense\nnameserver {}\n", address(a))).collect();
        let read = ResolvConf::read(format!("{}options ndots:{ndots}\n", lines.concat()).as_bytes());
        let dots = read.ndots;
        let read: Vec<_> = read.servers.iter().map(|server| server.ip().to_string()).collect();
        prop_assert_eq!(read, servers.iter().take(3).map(address).collect::<Vec<_>>());
        prop_assert_eq!(dots, ndots.min(15));
    }

    #[test]
    fn a_domain_exempts_itself_and_what_is_below_it_alone(domain in "[a-z]{1,8}\\.[a-z]{2,5}", label in "[a-z]{1,5}") {
        let below = format!("{label}.{domain}");
        for (entry, itself) in [(domain.clone(), true), (format!(".{domain}"), false), (format!("*.{domain}"), false)] {
            let list = NoProxy::read(&format!("x, {entry} ,y"));
            prop_assert_eq!(list.exempts(&below, 443), Some(entry.clone()));
            prop_assert_eq!(list.exempts(&domain, 443).is_some(), itself);
            prop_assert_eq!(list.exempts(&format!("{label}{domain}"), 443), None);
        }
    }

    #[test]
    fn a_network_exempts_its_addresses_alone(net in any::<u32>(), bits in 0_u32..=32, host in any::<u32>()) {
        let address = |bits: u32| std::net::Ipv4Addr::from(bits);
        prop_assume!(!address(host).is_loopback());
        let within = u64::from(net) >> (32 - bits) == u64::from(host) >> (32 - bits);
        let list = NoProxy::read(&format!("{}/{bits}", address(net)));
        prop_assert_eq!(list.exempts(&address(host).to_string(), 443).is_some(), within);
    }

    #[test]
    fn a_token_is_read_and_never_shown(exp in any::<i64>(), signature in "[A-Za-z0-9_-]{0,20}") {
        let part = BASE64_URL_SAFE_NO_PAD.encode(json!({ "exp": exp }).to_string());
        let token = format!("{part}.{part}.{signature}");
        let issued = token_in(json!({ "access_token": token }).to_string().as_bytes(), &POSTED).unwrap();
        prop_assert_eq!(claims(&issued).unwrap()["exp"].as_i64(), Some(exp));
        prop_assert_eq!(issued.expose(), &token);
        let echoed = sanitize_text(&format!("refused: {token}"));
        prop_assert!(!echoed.contains(&part) && !format!("{issued:?}").contains(&part), "{echoed}");
    }

    #[test]
    fn printing_twice_changes_nothing(parts in prop::collection::vec("(https?:|//|\\?sig=|&token=|@|\u{1b}|\u{202e}|/|,| |[a-z]{1,3}|x{150}){1,4}", 0..20)) {
        let shown = sanitize_text(&parts.concat());
        prop_assert_eq!(sanitize_text(&shown), shown);
    }

    #[test]
    fn the_first_error_is_the_cause(code in "[A-Z_]{1,10}", message in "\\PC{0,30}") {
        let body = json!({ "errors": [{ "code": code, "message": message }, { "code": "OTHER" }] });
        let read = ErrorBody::read(body.to_string().as_bytes(), false);
        prop_assert_eq!((read.code, read.message), (code, message));
    }

    #[test]
    fn an_id_is_one_path_on_the_same_host(segments in prop::collection::vec("\\PC{1,12}", 1..6)) {
        let id = format!("/{}", segments.join("/"));
        if let Some(path) = encoded(&id) {
            let url = url::Url::parse(&format!("https://management.azure.com{path}")).unwrap();
            prop_assert_eq!(url.path(), &path, "nothing is resolved away");
            prop_assert!(url.query().is_none() && url.fragment().is_none());
            let Host { name, .. } = management();
            prop_assert_eq!(url.host_str(), Some(name.as_str()));
        }
    }

    #[test]
    fn a_next_page_is_never_elsewhere(link in "(https?:)?//(management\\.azure\\.com|[a-z]{1,5}\\.example)?(:443|:80|@[a-z.]{1,9})?[/?#\\\\]?\\PC{0,20}") {
        if let Some(target) = next_target(&link, &management()) {
            prop_assert!(target.starts_with('/'), "{target}");
            prop_assert!(link.starts_with("https://management.azure.com"), "{link}");
        }
    }

    #[test]
    fn what_azure_says_is_read_as_it_is_and_fit_to_print(status in 300_u16..600, code in "[A-Za-z]{1,30}", message in "\\PC{0,60}|[ -~]{0,60}'[ -~]{0,20}'") {
        let body = json!({ "error": { "code": code, "message": message } }).to_string();
        for body in [body.as_bytes(), message.as_bytes()] {
            let read = ArmError::read(status, body, Some(&message), None, "/asked");
            let shown = format!("{read:?}");
            prop_assert!(shown.len() < 4000);
            match read {
                ArmError::Throttled { .. } => prop_assert_eq!(status, 429),
                ArmError::NotPermitted { scope, .. } => prop_assert!(status == 403 && scope.starts_with('/')),
                ArmError::TokenRefused { .. } => prop_assert_eq!(status, 401),
                ArmError::NotFound { code: read, .. } => prop_assert_eq!((status, read), (404, code.clone())),
                ArmError::Unexpected { status: read, .. } => prop_assert_eq!(read, status),
                other => prop_assert!(false, "{:?}", other),
            }
        }
        let _ = az_refusal(&message, "exit status: 1");
    }

    #[test]
    fn pages_are_read_whole_or_not_at_all(items in prop::collection::vec(any::<u32>(), 0..9), text in "\\PC{0,40}") {
        let page = json!({ "value": items, "nextLink": text, "data": items, "$skipToken": text }).to_string();
        let (list, rows) = (Page::read(page.as_bytes()).unwrap(), Rows::read(page.as_bytes()).unwrap());
        prop_assert_eq!((list.items.len(), rows.rows.len()), (items.len(), items.len()));
        prop_assert_eq!((list.next.is_some(), rows.skip_token.is_some()), (!text.is_empty(), !text.is_empty()));
        let cut = page.char_indices().map(|(at, _)| at).nth(page.chars().count() / 2).unwrap();
        prop_assert!(Page::read(&page.as_bytes()[..cut]).is_none() && Rows::read(&page.as_bytes()[..cut]).is_none());
    }

    #[test]
    fn a_role_covers_what_its_stars_stand_for(parts in prop::collection::vec("[a-c/.]{0,3}", 1..5), fill in prop::collection::vec("[a-c/.]{0,3}", 5)) {
        let pattern = parts.join("*");
        let action: String = parts.iter().zip(&fill).enumerate()
            .flat_map(|(at, (part, fill))| [part.as_str(), if at + 1 < parts.len() { fill } else { "" }]).collect();
        prop_assert!(covers(&pattern, &action), "{pattern} {action}");
        prop_assert!(covers(&pattern.to_uppercase(), &action));
        prop_assume!(!action.is_empty());
        let longer = format!("{pattern}!");
        prop_assert!(!covers(&longer, &action));
        let (with, without) = (json!({ "actions": [pattern] }), json!({ "actions": ["*"], "notActions": [pattern] }));
        prop_assert!(allow(&[with], &action));
        prop_assert!(!allow(&[without], &action));
    }

    #[test]
    fn any_wait_is_bounded(text in "\\PC{0,30}|[0-9:]{0,25}") {
        let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
        for wait in [retry_after(&text, now), quota_resets_after(&text)].into_iter().flatten() {
            prop_assert!(wait.as_secs() <= 86_400, "{wait:?}");
        }
    }

    #[test]
    fn an_index_gives_this_platforms_entry(others in prop::collection::vec("(arm64|s390x|riscv64)", 0..5), place in 0_usize..5) {
        const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
        let digest = |arch: &str| {
            let number = arch.bytes().fold(0_u128, |number, byte| number << 8 | u128::from(byte));
            format!("sha256:{number:064x}")
        };
        let entry_for = |arch: &str| json!({ "mediaType": TYPE, "digest": digest(arch), "size": 1,
            "platform": { "os": "linux", "architecture": arch } });
        let mut entries: Vec<_> = others.iter().map(|arch| entry_for(arch)).collect();
        entries.insert(place.min(entries.len()), entry_for("amd64"));
        let index = json!({ "schemaVersion": 2, "manifests": entries }).to_string().into_bytes();
        let index = read_manifest("sha256:0".into(), "application/vnd.oci.image.index.v1+json", &index).unwrap();
        let wanted: Platform = "linux/amd64".parse().unwrap();
        let found = format!("{:?}", entry(&index, &wanted, Puller::default(), |_| ()).unwrap());
        prop_assert!(found.contains(&digest("amd64")), "{found}");
        let missing: Platform = "linux/mips64le".parse().unwrap();
        prop_assert!(entry(&index, &missing, Puller::default(), |_| ()).is_err());
    }

    #[test]
    fn a_chain_is_followed_whatever_the_order(order in Just((0..6_u8).collect::<Vec<_>>()).prop_shuffle()) {
        let name = |number: u8| Name::from_ascii(format!("n{number}.example.")).unwrap();
        let asked = Question { id: 7, name: name(0), kind: RecordType::A };
        let mut message = Message::new(asked.id, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(asked.name.clone(), asked.kind));
        for number in order {
            let data = match number {
                5 => RData::A(rdata::A::new(10, 0, 0, 4)),
                _ => RData::CNAME(rdata::CNAME(name(number + 1))),
            };
            message.add_answer(Record::from_rdata(name(number), 60, data));
        }
        let reply = read_dns_answer(&message.to_vec().unwrap(), &asked, false).unwrap().reply;
        prop_assert_eq!(reply.chain, (1..6).map(|n| format!("n{n}.example")).collect::<Vec<_>>());
        prop_assert_eq!(reply.addresses.len(), 1);
    }
}

proptest! {
    #[test]
    fn what_a_registry_says_of_its_content_is_survived(text in any::<String>(), other in any::<String>()) {
        let _ = deleted_entries(text.as_bytes(), "_tags");
        if let Some(page) = next_deleted_page(&text, "/acr/v1/_deleted/team/app/_tags") {
            prop_assert!(page.starts_with("/acr/v1/_deleted/team/app/_tags?"));
        }
        if let Some(part) = part_below(&text, &other) {
            prop_assert!(other.ends_with(part));
        }
        if let Some(name) = vault(&text) {
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
        }
        let _ = lets_read([text.as_str()], &other);
    }

    #[test]
    fn a_scope_map_covers_its_own_repository(name in "[a-z]{1,5}(/[a-z]{1,5}){1,3}", other in "[a-z]{1,5}(/[a-z]{1,5}){0,3}") {
        let own = format!("repositories/{name}/content/read");
        prop_assert!(lets_read([own.as_str()], &name));
        prop_assert_eq!(lets_read([own.as_str()], &other), name == other);
        let below = format!("repositories/{}/*/content/read", name.split('/').next().unwrap());
        prop_assert!(lets_read([below.as_str()], &name));
    }
}

fn management() -> Host {
    let purpose = HostPurpose::Other;
    Host::secure("management.azure.com".into(), 443, purpose)
}

#[test]
fn what_is_no_token_is_said_in_a_word() {
    for (body, said) in [
        ("", "not-json"),
        ("[]", "json: cannot unmarshal array into field \"\" of type struct"),
        ("{}", "no-token-in-it"),
        (r#"{"token":""}"#, "no-token-in-it"),
    ] {
        assert_eq!(token_in(body.as_bytes(), &GOT).err().as_deref(), Some(said), "{body}");
    }
    // After a form, containerd reads `access_token` alone.
    let token = br#"{"token":"t"}"#;
    assert!(token_in(token, &GOT).is_ok() && token_in(token, &POSTED).is_err());
    assert!(claims(&Secret::new("opaque")).is_none());
}
