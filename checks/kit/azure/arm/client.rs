//! Sends single requests to Azure Resource Manager over reqwest: no redirects, no retries, every
//! wait and every body bounded, every exchange recorded.
//!
//! reqwest hides why a connection fails. Where one does, `kit::net` connects once more and says at
//! which stage.

use std::{cell::Cell, time::Duration};

use hyper::Method;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimeParser};
use reqwest::{Response, header};
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

use super::{
    error::ErrorBody,
    patience::{quota_resets_after, retry_after},
};
use crate::kit::{
    engine::{Cx, Exchange},
    net::{
        BODY_WAIT, ConnectError, Fault, HTTP_WAIT, OPEN_WAIT, Stage,
        client::{CONNECT_WAIT, NoResponse, WorldClient},
        pool, tls,
    },
    redact::Secret,
    target::Host,
};

/// How long one request may take until its response begins.
const HEAD_WAIT: Duration = CONNECT_WAIT.saturating_add(HTTP_WAIT);
/// The longest body that is read: a page has at most a few hundred resources.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;
/// The headers that are kept as evidence: support asks for the ids, and `Date` is the clock by which
/// ages are told.
const KEPT: [&str; 6] = [
    "date",
    "retry-after",
    "x-ms-correlation-request-id",
    "x-ms-failure-cause",
    "x-ms-request-id",
    "x-ms-user-quota-resets-after",
];

/// A request.
pub(super) struct Call {
    pub(super) method: Method,
    /// The path and the query.
    pub(super) target: String,
    /// A JSON body.
    pub(super) body: Option<String>,
}

/// A response that was read to its end.
pub(super) struct Answer {
    pub(super) status: u16,
    /// How long to wait before the next request.
    pub(super) retry_after: Option<Duration>,
    /// `WWW-Authenticate`.
    pub(super) challenge: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why there is no response.
pub(super) enum Failure {
    /// There was no connection.
    Unreachable(ConnectError),
    /// The connection failed before the end of the response.
    Broken(Fault),
}

/// The connections to one host, as one caller.
pub(super) struct ArmClient {
    client: WorldClient,
    host: Host,
    /// The value of `Authorization`.
    bearer: Secret,
    /// The latest `Date`, and when it came.
    clock: Cell<Option<(Timestamp, Instant)>>,
}

impl ArmClient {
    /// Returns a client for that host. It connects when it is first used.
    pub(super) async fn new(cx: &Cx, host: &Host, token: &Secret) -> Result<Self, ConnectError> {
        let at = |stage, fault| ConnectError { stage, fault, certain: false };
        let roots = cx.world.roots.store().await;
        let roots = roots.ok_or_else(|| at(Stage::Tls, Fault::NoTrustStore))?;
        let tls = tls::client_config(roots, cx.now())
            .map_err(|error| at(Stage::Tls, Fault::Other(error.to_string())))?;
        let route = cx.world.proxies.route(host);
        let client = WorldClient::new(&cx.world, (host, &host.name), route, tls)?;
        Ok(Self { client, host: host.clone(), bearer: token.bearer(), clock: Cell::new(None) })
    }

    /// Returns the host.
    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the time by the host's clock; `None` as long as no response had a `Date`.
    pub(super) fn now(&self) -> Option<Timestamp> {
        let (date, came) = self.clock.get()?;
        date.checked_add(SignedDuration::try_from(came.elapsed()).ok()?).ok()
    }

    /// Sends a request and reads its response to the end.
    pub(super) async fn send(&self, cx: &Cx, call: &Call) -> Result<Answer, Failure> {
        match self.exchange(cx, call).await {
            Ok(answer) => Ok(answer),
            Err(error) if error.is_connect => {
                let opening = Box::pin(pool::once(cx, &self.host));
                match timeout(OPEN_WAIT, opening).await {
                    Ok(Err(error)) => Err(Failure::Unreachable(error)),
                    // It can be reached after all.
                    Ok(Ok(_)) => self.exchange(cx, call).await.map_err(|error| self.failure(error)),
                    Err(_) => Err(self.failure(error)),
                }
            }
            // A server may close a connection just as it is used again.
            Err(NoResponse { fault: Fault::ClosedByPeer | Fault::Reset, .. }) => {
                self.exchange(cx, call).await.map_err(|error| self.failure(error))
            }
            Err(error) => Err(self.failure(error)),
        }
    }

    fn failure(&self, NoResponse { fault, is_connect }: NoResponse) -> Failure {
        if !is_connect {
            return Failure::Broken(fault);
        }
        let stage = if self.client.proxy.is_some() { Stage::Proxy } else { Stage::Tcp };
        Failure::Unreachable(ConnectError { stage, fault, certain: false })
    }

    /// Sends a request once, and records it with its response.
    async fn exchange(&self, cx: &Cx, call: &Call) -> Result<Answer, NoResponse> {
        let began = Instant::now();
        let mut details = Map::new();
        let got = match timeout(HEAD_WAIT, Box::pin(self.head(call))).await {
            Ok(Ok(response)) => {
                details.extend(kept(&response));
                self.clock.set(dated(&response).or(self.clock.get()));
                self.whole(cx, response).await
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(NoResponse { fault: Fault::TimedOut, is_connect: false }),
        };
        self.client.record_lookups(cx);
        let response = match &got {
            Ok(answer) => {
                if let Some(error) = ErrorBody::read(&answer.body).filter(|_| answer.status >= 400)
                {
                    details.insert("code".into(), json!(error.code));
                }
                answer.status.to_string()
            }
            Err(error) => error.fault.word().to_owned(),
        };
        // The query of a link to the next page is long and says nothing.
        let path = call.target.split('?').next().unwrap_or_default();
        cx.exchanged(Exchange {
            to: &self.host.to_string(),
            request: &format!("{} {path}", call.method),
            response: &response,
            details,
            took: began.elapsed(),
        });
        got
    }

    async fn head(&self, call: &Call) -> Result<Response, NoResponse> {
        let scheme = if self.host.plain { "http" } else { "https" };
        let url = format!("{scheme}://{}{}", self.host, call.target);
        let unfit = || NoResponse {
            fault: Fault::Other("the credentials do not fit a header".into()),
            is_connect: false,
        };
        let bearer = header::HeaderValue::from_str(self.bearer.expose());
        let mut bearer = bearer.map_err(|_| unfit())?;
        bearer.set_sensitive(true);
        let mut request = self
            .client
            .http
            .request(call.method.clone(), url)
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, bearer);
        if let Some(body) = &call.body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        request.send().await.map_err(|error| NoResponse::of(&error))
    }

    async fn whole(&self, cx: &Cx, mut response: Response) -> Result<Answer, NoResponse> {
        let text = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
        let after = text("retry-after").and_then(|value| retry_after(&value, cx.now()));
        let quota = || text("x-ms-user-quota-resets-after").as_deref().and_then(quota_resets_after);
        let mut answer = Answer {
            status: response.status().as_u16(),
            retry_after: after.or_else(quota),
            challenge: text("www-authenticate"),
            body: vec![],
        };
        let reading = async {
            while let Some(piece) = response.chunk().await.map_err(|error| Fault::of(&error))? {
                if answer.body.len() + piece.len() > MAX_BODY_BYTES {
                    return Err(Fault::TooLong);
                }
                answer.body.extend_from_slice(&piece);
            }
            Ok(())
        };
        let read = timeout(BODY_WAIT, reading).await.unwrap_or(Err(Fault::TimedOut));
        read.map_err(|fault| NoResponse { fault, is_connect: false })?;
        Ok(answer)
    }
}

fn kept(response: &Response) -> Map<String, Value> {
    let text = |name: &str| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let kept = KEPT.iter().filter_map(|name| Some((name.replace('-', "_"), json!(text(name)?))));
    kept.collect()
}

/// Returns the time in a response (RFC 9110, section 6.6.1), and when it came.
fn dated(response: &Response) -> Option<(Timestamp, Instant)> {
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    Some((DateTimeParser::new().parse_timestamp(date).ok()?, Instant::now()))
}
