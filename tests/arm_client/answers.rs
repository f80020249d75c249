//! What Azure Resource Manager answers, over all pages, and what its refusals mean.

use std::time::Duration;

use checks::kit::azure::arm::{ArmError, TokenSource, Unreadable};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    asking::ask,
    server::{bytes, says, token},
};

const ID: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/contoso";
const LIST: &str = "/subscriptions/s/resources";

fn error(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}

#[tokio::test]
async fn a_resource_is_read_as_the_caller() {
    let asked = ask(
        |_, _, _| says("200 OK\r\nx-ms-correlation-request-id: c-1", &json!({ "id": ID })),
        async |cx, arm| (arm.get(cx, ID, "2023-07-01").await, arm.caller().clone(), arm.clone()),
    )
    .await;
    let (got, caller, _) = &asked.got;
    assert_eq!(got.as_ref().unwrap()["id"], ID);
    assert_eq!(caller.source, TokenSource::EnvironmentSecret);
    assert_eq!(caller.principal.object_id.as_deref(), Some("object"));
    assert_eq!(caller.principal.tenant.as_deref(), Some("tenant"));
    let request = asked.requests[0].to_lowercase();
    assert!(request.starts_with(&format!("get {ID}?api-version=2023-07-01 ").to_lowercase()));
    assert!(request.contains(&format!("authorization: bearer {}", token()).to_lowercase()));
    assert!(request.contains("host: management.azure.com\r\n"), "{request}");
    let last = asked.exchanges.last().unwrap();
    assert_eq!(*last, format!("management.azure.com: GET {ID} -> 200"));
    assert!(asked.said.contains(r#""x_ms_correlation_request_id":"c-1""#), "{}", asked.said);
}

#[tokio::test]
async fn a_list_is_read_over_all_its_pages() {
    let asked = ask(
        |number, _, _| {
            let link = format!("https://management.azure.com{LIST}?$skiptoken={number}");
            let next = if number < 2 { json!(link) } else { Value::Null };
            says("200 OK", &json!({ "value": [number], "nextLink": next }))
        },
        async |cx, arm| arm.list(cx, LIST, "2024-11-01", Some("name eq 'a+b'")).await,
    )
    .await;
    assert_eq!(asked.got, Ok(vec![json!(0), json!(1), json!(2)]));
    let lines: Vec<&str> = asked.requests.iter().map(|text| text.lines().next().unwrap()).collect();
    let filter = "$filter=name%20eq%20%27a%2Bb%27&api-version=2024-11-01";
    assert_eq!(lines[0], format!("GET {LIST}?{filter} HTTP/1.1"));
    assert_eq!(lines[2], format!("GET {LIST}?$skiptoken=1 HTTP/1.1"));
}

#[tokio::test]
async fn a_query_is_read_over_all_its_pages() {
    let asked = ask(
        |number, _, body| {
            let sent: Value = serde_json::from_str(body).unwrap();
            assert_eq!(sent["subscriptions"], json!(["s"]));
            assert_eq!(sent["options"]["resultFormat"], "objectArray");
            let page = json!({ "data": [number], "totalRecords": 2, "resultTruncated": "false" });
            match number {
                0 => says("200 OK", &json!({ "$skipToken": "t", "data": [0], "totalRecords": 2 })),
                _ => {
                    assert_eq!(sent["options"]["$skipToken"], "t");
                    says("200 OK", &page)
                }
            }
        },
        async |cx, arm| arm.query(cx, &["s".to_owned()], "resources").await,
    )
    .await;
    assert_eq!(asked.got, Ok(vec![json!(0), json!(1)]));
}

#[tokio::test]
async fn a_cut_result_is_not_complete() {
    for page in [
        json!({ "data": [1], "resultTruncated": "true" }),
        json!({ "data": [1], "totalRecords": 2, "resultTruncated": "false" }),
    ] {
        let asked = ask(
            move |_, _, _| says("200 OK", &page),
            async |cx, arm| arm.query(cx, &[], "resources").await,
        )
        .await;
        assert_eq!(asked.got, Err(ArmError::Unreadable(Unreadable::Truncated)));
        assert!(!asked.requests[0].contains("subscriptions\""), "{}", asked.requests[0]);
    }
}

#[tokio::test]
async fn an_empty_list_is_a_fact_where_the_caller_may_read() {
    for (permissions, may) in [
        (json!([{ "actions": ["*/read"], "notActions": [] }]), true),
        (json!([{ "actions": ["Microsoft.Compute/*"], "notActions": [] }]), false),
        (json!([]), false),
    ] {
        let asked = ask(
            move |_, _, _| says("200 OK", &json!({ "value": permissions })),
            async |cx, arm| {
                arm.may(cx, "/subscriptions/s", "Microsoft.ContainerRegistry/registries/read").await
            },
        )
        .await;
        assert_eq!(asked.got, Ok(may));
        let path = "/subscriptions/s/providers/Microsoft.Authorization/permissions";
        assert!(asked.requests[0].starts_with(&format!("GET {path}?api-version=2022-04-01 ")));
    }
}

#[tokio::test]
async fn a_missing_permission_names_the_action() {
    let said = "The client 'x' does not have authorization to perform action 'A/b/read' over scope \
        '/subscriptions/s' or the scope is invalid.";
    let asked = ask(
        move |_, _, _| says("403 Forbidden", &error("AuthorizationFailed", said)),
        async |cx, arm| arm.get(cx, ID, "x").await,
    )
    .await;
    let Err(ArmError::NotPermitted { action, scope, .. }) = asked.got else { panic!() };
    assert_eq!((action.as_deref(), scope.as_str()), (Some("A/b/read"), "/subscriptions/s"));
    assert!(asked.said.contains(r#""code":"AuthorizationFailed""#), "{}", asked.said);
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let tenant = "bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";
    let challenge = format!(
        "401 No\r\nWWW-Authenticate: Bearer authorization_uri=\"https://login.windows.net/{tenant}\""
    );
    let asked = ask(
        move |_, _, _| says(&challenge, &error("InvalidAuthenticationTokenTenant", "no")),
        async |cx, arm| arm.get(cx, ID, "x").await,
    )
    .await;
    let Err(ArmError::TokenRefused { tenants, .. }) = asked.got else { panic!() };
    assert_eq!(tenants, [tenant]);
    let asked = ask(
        |_, _, _| says("401 No", &error("ExpiredAuthenticationToken", "expired")),
        async |cx, arm| arm.get(cx, ID, "x").await,
    )
    .await;
    let wanted = ("ExpiredAuthenticationToken".to_owned(), "expired".to_owned(), vec![]);
    let (code, said, tenants) = wanted;
    assert_eq!(asked.got, Err(ArmError::TokenRefused { code, said, tenants }));
    let asked = ask(
        |_, _, _| says("404 No", &error("ResourceNotFound", "gone")),
        async |cx, arm| arm.get(cx, ID, "x").await,
    )
    .await;
    assert!(
        matches!(asked.got, Err(ArmError::NotFound { code, .. }) if code == "ResourceNotFound")
    );
    let asked = ask(
        |_, _, _| bytes("404 No\r\nContent-Type: text/html", b"<html>"),
        async |cx, arm| arm.get(cx, ID, "x").await,
    )
    .await;
    assert!(matches!(asked.got, Err(ArmError::Unexpected { status: 404, .. })));
}

/// The clock is virtual: a pause takes no time, and only its length is asserted.
#[tokio::test(start_paused = true)]
async fn throttling_is_waited_for_but_not_for_long() {
    let good = || says("200 OK", &json!({ "id": ID }));
    let no = |head: &str| says(&format!("429 No{head}"), &error("TooManyRequests", "slow down"));
    for (head, requests, wanted) in [
        ("\r\nRetry-After: 2", 3, None),
        ("\r\nx-ms-user-quota-resets-after: 00:00:03", 3, None),
        ("", 3, None),
        ("\r\nRetry-After: 60", 1, Some(Some(Duration::from_secs(60)))),
        ("\r\nRetry-After: 6", 2, Some(Some(Duration::from_secs(6)))),
        ("\r\nRetry-After: nonsense", 3, None),
    ] {
        let asked = ask(
            move |number, _, _| if number < 2 { no(head) } else { good() },
            async |cx, arm| {
                let began = Instant::now();
                (arm.get(cx, ID, "x").await, began.elapsed())
            },
        )
        .await;
        let (got, took) = asked.got;
        let throttled = wanted.map(|retry_after| ArmError::Throttled { retry_after });
        assert_eq!((got.err(), asked.requests.len()), (throttled, requests), "{head}");
        assert!(took <= Duration::from_secs(11), "{head}");
    }
    let asked =
        ask(move |_, _, _| no("\r\nRetry-After: 0"), async |cx, arm| arm.get(cx, ID, "x").await)
            .await;
    let wanted = ArmError::Throttled { retry_after: Some(Duration::ZERO) };
    assert_eq!((asked.got, asked.requests.len()), (Err(wanted), 3));
}

#[tokio::test(start_paused = true)]
async fn a_failing_server_is_asked_once_more() {
    for (fails, requests) in [(1, 2), (9, 2)] {
        let asked = ask(
            move |number, _, _| match number {
                number if number < fails => says("503 No", &error("ServerTimeout", "later")),
                _ => says("200 OK", &json!({ "id": ID })),
            },
            async |cx, arm| arm.get(cx, ID, "x").await,
        )
        .await;
        assert_eq!((asked.got.is_ok(), asked.requests.len()), (fails == 1, requests));
    }
}
