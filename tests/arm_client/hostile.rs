//! Servers that misbehave as badly as they can.

use checks::kit::{
    azure::arm::{ArmError, Unreadable},
    net::Fault,
};
use serde_json::json;

use super::{
    asking::{Asked, ask},
    server::{Reply, bytes, says},
};

const LIST: &str = "/subscriptions/s/resources";

/// Reads one resource from a server with this script.
async fn get(
    script: impl Fn(usize, &str, &str) -> Reply + 'static,
) -> Asked<Result<serde_json::Value, ArmError>> {
    ask(script, async |cx, arm| arm.get(cx, "/subscriptions/s", "x").await).await
}

async fn list(
    script: impl Fn(usize, &str, &str) -> Reply + 'static,
) -> Asked<Result<Vec<serde_json::Value>, ArmError>> {
    ask(script, async |cx, arm| arm.list(cx, LIST, "x", None).await).await
}

fn broken<T>(fault: Fault) -> Result<T, ArmError> {
    Err(ArmError::Unreadable(Unreadable::Broken(fault)))
}

#[tokio::test]
async fn the_token_goes_to_no_other_host() {
    for link in [
        "https://elsewhere.example/subscriptions",
        "http://management.azure.com/subscriptions",
        "https://management.azure.com:8443/subscriptions",
        "https://management.azure.com@elsewhere.example/subscriptions",
        "//elsewhere.example/subscriptions",
    ] {
        let asked = list(move |_, _, _| says("200 OK", &json!({ "value": [], "nextLink": link })));
        let asked = asked.await;
        let wanted = Err(ArmError::Unreadable(Unreadable::NextPageElsewhere));
        assert_eq!((asked.got, asked.requests.len()), (wanted, 1), "{link}");
    }
    let asked =
        get(|_, _, _| bytes("307 On\r\nLocation: https://elsewhere.example/subscriptions", b""));
    let asked = asked.await;
    assert!(matches!(asked.got, Err(ArmError::Unexpected { status: 307, .. })));
    assert_eq!(asked.requests.len(), 1);
}

#[tokio::test]
async fn pages_without_end() {
    let page = |query: String| {
        let link = format!("https://management.azure.com{LIST}?{query}");
        says("200 OK", &json!({ "value": [1], "nextLink": link }))
    };
    let asked = list(move |number, _, _| page(format!("at={number}"))).await;
    let wanted = Err(ArmError::Unreadable(Unreadable::TooManyPages));
    assert_eq!((asked.got, asked.requests.len()), (wanted, 50));
    let asked = list(move |number, _, _| page(format!("at={}", number % 3))).await;
    let wanted = Err(ArmError::Unreadable(Unreadable::NextPageSeen));
    assert_eq!((asked.got, asked.requests.len()), (wanted, 4));
    let asked = ask(
        |_, _, _| says("200 OK", &json!({ "data": [1], "$skipToken": "again" })),
        async |cx, arm| arm.query(cx, &[], "resources").await,
    )
    .await;
    let wanted = Err(ArmError::Unreadable(Unreadable::NextPageSeen));
    assert_eq!((asked.got, asked.requests.len()), (wanted, 2));
}

#[tokio::test]
async fn long_pages_one_after_another() {
    let long = "x".repeat(7 * 1024 * 1024);
    let asked = list(move |number, _, _| {
        let link = format!("https://management.azure.com{LIST}?at={number}");
        says("200 OK", &json!({ "value": [long], "nextLink": link }))
    });
    let asked = asked.await;
    let wanted = ArmError::Unreadable(Unreadable::TooManyPages);
    assert_eq!((asked.got.err(), asked.requests.len()), (Some(wanted), 5));
}

#[tokio::test]
async fn a_body_without_end() {
    let asked = get(|_, _, _| {
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
        // The head again and again is read as a chunk that is none; so only the first one counts.
        Reply::Endless((head + &chunk.repeat(200)).into_bytes())
    });
    assert_eq!(asked.await.got, broken(Fault::TooLong));
}

#[tokio::test]
async fn noise_instead_of_an_answer() {
    let asked = get(|_, _, _| Reply::Bytes(vec![0x80; 1000])).await;
    assert_eq!(asked.got, broken(Fault::NotHttp));
    let asked = get(|_, _, _| {
        Reply::Endless([b"HTTP/1.1 200 OK\r\nX-More: x".as_slice(), &[b'x'; 4000]].concat())
    });
    assert_eq!(asked.await.got, broken(Fault::HeadTooLong));
}

#[tokio::test]
async fn json_that_is_no_answer() {
    for body in ["", "<html>", "[]", "null", "1", "{\"id\":", "\u{feff}{}"] {
        let asked = get(move |_, _, _| bytes("200 OK", body.as_bytes())).await;
        assert_eq!(asked.got, Err(ArmError::Unreadable(Unreadable::NotAPage)), "{body}");
    }
    let asked = list(|_, _, _| bytes("200 OK", "[".repeat(1_000_000).as_bytes())).await;
    assert_eq!(asked.got, Err(ArmError::Unreadable(Unreadable::NotAPage)));
}

#[tokio::test]
async fn a_connection_that_is_closed() {
    let asked = get(|_, _, _| Reply::Close).await;
    assert_eq!((asked.got, asked.requests.len()), (broken(Fault::ClosedByPeer), 2));
    let asked = get(|number, _, _| match number {
        0 => Reply::Close,
        _ => says("200 OK", &json!({})),
    });
    let asked = asked.await;
    assert_eq!((asked.got.is_ok(), asked.requests.len()), (true, 2));
    // Closed in the middle of the body: `get` reads no half of an answer.
    let asked = get(|_, _, _| {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\n{}".to_vec(),
        )
    });
    assert!(asked.await.got.is_err());
}

/// The clock is virtual.
#[tokio::test(start_paused = true)]
async fn silence() {
    let asked = get(|_, _, _| Reply::Silence).await;
    assert_eq!((asked.got, asked.requests.len()), (broken(Fault::TimedOut), 1));
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec();
    let asked = get(move |_, _, _| Reply::Bytes(head.clone())).await;
    assert_eq!(asked.got, broken(Fault::TimedOut));
}

#[tokio::test]
async fn a_server_that_sends_back_what_it_was_sent() {
    let asked = get(|_, head, _| {
        let message = format!("{head} \u{1b}[2J \u{202e}");
        let body = json!({ "error": { "code": format!("No\u{1b}{head}"), "message": message } });
        says(&format!("403 No\r\nx-ms-request-id: {}", super::server::token()), &body)
    });
    // That no secret is said is checked for every question.
    assert!(matches!(asked.await.got, Err(ArmError::Unexpected { status: 403, .. })));
    let asked = get(|_, head, _| {
        let message = format!("perform action 'A/read' over scope '/{head}'");
        says("403 No", &json!({ "error": { "code": "AuthorizationFailed", "message": message } }))
    });
    assert!(matches!(asked.await.got, Err(ArmError::NotPermitted { .. })));
}

#[tokio::test]
async fn an_id_that_is_no_path_is_not_sent() {
    for id in
        ["", "s", "/subscriptions/../x", "//elsewhere.example/x", "https://elsewhere.example/"]
    {
        let asked = ask(
            |_, _, _| says("200 OK", &json!({})),
            async move |cx, arm| arm.get(cx, id, "x").await,
        )
        .await;
        assert!(matches!(asked.got, Err(ArmError::NotAnId(_))), "{id}");
        assert!(asked.requests.is_empty());
    }
}
