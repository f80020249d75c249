//! Which credential signs in, and what is said where none does.

use std::net::SocketAddr;

use checks::kit::{
    Cx, Secret, World,
    azure::arm::{Caller, SignInError, TokenSource},
    world::FileError,
};
use serde_json::json;

use super::{
    asking::{Asked, ask_in, signed_in},
    server::{Reply, bytes, says, token},
};

const IMDS: ([u8; 4], u16) = ([169, 254, 169, 254], 80);

async fn caller(cx: &Cx) -> Result<Caller, SignInError> {
    signed_in(cx).await.map(|arm| arm.caller().clone())
}

fn none(_: usize, _: &str, _: &str) -> Reply {
    bytes("404 No", b"")
}

/// Signs in where IMDS is a server with this script and the environment has no credential.
async fn on_a_machine(
    script: impl Fn(usize, &str, &str) -> Reply + 'static,
) -> Asked<Result<Caller, SignInError>> {
    let change = |world: &mut World| {
        world.variables.clear();
        world.client_secret = None;
        let server = world.routes[&([10, 0, 0, 4], 443).into()];
        world.routes.insert(IMDS.into(), server);
    };
    ask_in(false, script, change, caller).await
}

#[tokio::test]
async fn a_secret_of_the_environment_comes_first() {
    let change = |world: &mut World| {
        world.variables.insert("AZURE_FEDERATED_TOKEN_FILE".into(), "/token".into());
    };
    let asked = ask_in(true, none, change, caller).await;
    assert_eq!(asked.got.unwrap().source, TokenSource::EnvironmentSecret);
    let scope = "scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
    assert!(asked.granted[0].contains(scope), "{}", asked.granted[0]);
    assert!(asked.granted[0].contains("client_secret=canary-client-secret"));
}

#[tokio::test]
async fn a_federated_token_comes_next() {
    let change = |world: &mut World| {
        world.variables.insert("AZURE_FEDERATED_TOKEN_FILE".into(), "/token".into());
        world.client_secret = None;
        world.files.insert("/token".into(), Secret::new("canary-assertion\n"));
    };
    let asked = ask_in(true, none, change, caller).await;
    assert_eq!(asked.got.unwrap().source, TokenSource::FederatedToken);
    assert!(
        asked.granted[0].contains("client_assertion=canary-assertion&")
            || asked.granted[0].ends_with("client_assertion=canary-assertion")
    );
    let change = |world: &mut World| {
        world.variables.insert("AZURE_FEDERATED_TOKEN_FILE".into(), "/no/such".into());
        world.client_secret = None;
    };
    let asked = ask_in(true, none, change, caller).await;
    let (file, error) = ("/no/such".to_owned(), FileError::Missing);
    assert_eq!(asked.got, Err(SignInError::FileUnreadable { file, error }));
}

#[tokio::test]
async fn a_refusal_is_final_and_keeps_its_numbers() {
    let change = |world: &mut World| {
        world.variables.insert("AZURE_TENANT_ID".into(), "refused".into());
    };
    let refuse = |_: usize, head: &str, body: &str| {
        assert!(head.starts_with("POST /refused/oauth2/v2.0/token "), "{head}");
        let said = format!("AADSTS7000215: Invalid client secret. {body} Trace ID: x");
        says(
            "401 No",
            &json!({ "error": "invalid_client", "error_description": said, "error_codes": [7_000_215] }),
        )
    };
    let asked = ask_in(true, refuse, change, caller).await;
    let Err(SignInError::Refused { by, codes, said }) = asked.got else { panic!() };
    assert_eq!((by, codes), (TokenSource::EnvironmentSecret, vec![7_000_215]));
    assert!(said.starts_with("AADSTS7000215: Invalid client secret."), "{said}");
}

#[tokio::test]
async fn no_secret_goes_to_an_issuer_without_tls() {
    let change = |world: &mut World| {
        world.variables.insert("AZURE_AUTHORITY_HOST".into(), "http://elsewhere.example".into());
    };
    let asked = ask_in(true, none, change, caller).await;
    assert_eq!((asked.got, asked.requests.len()), (Err(SignInError::UnsafeAuthority), 0));
    let change = |world: &mut World| {
        world.variables.insert("AZURE_AUTHORITY_HOST".into(), "https://elsewhere.example".into());
    };
    let asked = ask_in(true, none, change, caller).await;
    assert!(
        asked.got.is_ok() && asked.granted[0].to_lowercase().contains("host: elsewhere.example")
    );
}

#[tokio::test]
async fn the_machines_identity_comes_last() {
    let asked = on_a_machine(|_, head, _| {
        assert!(head.contains("resource=https%3A%2F%2Fmanagement.azure.com%2F"), "{head}");
        says("200 OK", &json!({ "access_token": token(), "expires_in": "1" }))
    })
    .await;
    assert_eq!(asked.got.unwrap().source, TokenSource::ManagedIdentity);
    let several = "Multiple user assigned identities exist, please specify the clientId";
    let asked = on_a_machine(move |_, _, _| {
        let body = json!({ "error": "invalid_request", "error_description": several });
        says("400 No\r\nServer: IMDS/150.870.65.1", &body)
    })
    .await;
    assert!(matches!(
        asked.got,
        Err(SignInError::Refused { by: TokenSource::ManagedIdentity, .. })
    ));
}

#[tokio::test]
async fn a_machine_that_is_not_azures_has_no_credential() {
    let asked = on_a_machine(|_, _, _| bytes("404 No\r\nServer: nginx", b"<html>")).await;
    assert_eq!(asked.got, Err(SignInError::NoCredential));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let change = move |world: &mut World| {
        world.variables.clear();
        world.client_secret = None;
        world.routes.insert(SocketAddr::from(IMDS), closed);
    };
    let asked = ask_in(true, none, change, caller).await;
    assert_eq!(asked.got, Err(SignInError::NoCredential));
}
