//! What the client has: its environment, its docker config, and its files.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, json};

use crate::Error;
use crate::certificates::Certificates;
use crate::kubernetes;
use crate::scenario::{Scenario, SignIn};
use crate::secrets::{OLD_USER, Secrets, TOKEN_USER, UNKNOWN_APPLICATION, USER, admin};

pub(crate) fn environment(scenario: &Scenario, secrets: &Secrets) -> BTreeMap<String, String> {
    let filled = |value: &String| {
        let value = value.replace("PROXY-PASSWORD", &secrets.proxy_password);
        secrets.fill(&value, &scenario.registry.login_server)
    };
    scenario.ask.environment.iter().map(|(name, value)| (name.clone(), filled(value))).collect()
}

/// Returns the client's files, with the credentials and the authorities filled in. The scenario's own files take
/// precedence over those of a node.
pub(crate) fn files(
    scenario: &Scenario,
    secrets: &Secrets,
    certificates: &Certificates,
) -> BTreeMap<String, String> {
    let mut files = scenario.node.files(scenario.clock.ahead);
    if !scenario.kubernetes.kubeconfig.is_empty() {
        files.insert("~/.kube/config".into(), scenario.kubernetes.kubeconfig.clone());
    }
    files.extend(scenario.ask.files.clone());
    let ca = STANDARD.encode(certificates.ca_pem());
    for text in files.values_mut() {
        *text = secrets.fill(text, &scenario.registry.login_server);
        *text = text.replace("$INSPECTION_CA", &certificates.inspection_pem());
        *text = text.replace("$WORLD_CA", &certificates.ca_pem());
        *text = text.replace("$LAB_CA", &ca).replace("$KUBE_CREDENTIAL", kubernetes::TOKEN);
    }
    files
}

/// Returns the kubeconfig that Azure gives to the users of its cluster, and the secrets in it.
pub(crate) fn cluster_config(
    scenario: &Scenario,
    certificates: &Certificates,
) -> Result<(String, Vec<String>), Error> {
    let text = &scenario.azure.cluster.kubeconfig;
    if text.is_empty() {
        return Ok((String::new(), vec![]));
    }
    let (certificate, key) = certificates.client()?;
    let body = key.lines().filter(|line| !line.starts_with('-')).map(str::to_owned);
    let secrets = body.chain([STANDARD.encode(&key)]).collect();
    let text = text
        .replace("$LAB_CA", &STANDARD.encode(certificates.ca_pem()))
        .replace("$KUBE_CREDENTIAL", kubernetes::TOKEN)
        .replace("$KUBE_CERTIFICATE", &STANDARD.encode(certificate))
        .replace("$KUBE_KEY", &STANDARD.encode(&key));
    Ok((text, secrets))
}

/// Returns the docker config with the sign-in. A refresh token goes with the all-zero user name.
pub(crate) fn docker_config(
    scenario: &Scenario,
    secrets: &Secrets,
    login_servers: &[String],
) -> Option<String> {
    let basic = |user: &str, password: &str| {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        json!({ "auth": auth })
    };
    let token = |token: &str| {
        let auth = STANDARD.encode(format!("{TOKEN_USER}:"));
        json!({ "auth": auth, "identitytoken": token })
    };
    let entry = match scenario.ask.sign_in {
        SignIn::Password => basic(USER, &secrets.password),
        SignIn::WrongPassword => basic(USER, &secrets.wrong_password),
        SignIn::IdentityToken => token(&secrets.identity_token),
        SignIn::StaleIdentityToken => token(&secrets.stale_identity_token),
        SignIn::ExposeToken => basic(TOKEN_USER, &secrets.identity_token),
        SignIn::StaleExposeToken => basic(TOKEN_USER, &secrets.stale_identity_token),
        SignIn::Admin => basic(admin(&scenario.registry.login_server), &secrets.admin_password),
        SignIn::UnknownApplication => basic(UNKNOWN_APPLICATION, &secrets.client_secret),
        SignIn::DisabledToken => basic(OLD_USER, &secrets.wrong_password),
        SignIn::None => return None,
    };
    let auths: Map<_, _> = login_servers.iter().map(|name| (name.clone(), entry.clone())).collect();
    Some(json!({ "auths": auths }).to_string())
}
