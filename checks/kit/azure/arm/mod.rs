//! A thin client of Azure Resource Manager: one caller, four questions. Every failure says what was
//! missing, because an incomplete answer must never look like a complete one.

mod client;
mod error;
mod page;
mod path;
mod patience;
mod permissions;
mod sign_in;

use std::{collections::BTreeSet, fmt, rc::Rc, time::Duration};

use hyper::Method;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Endpoints, Principal};
use crate::kit::{
    engine::Cx,
    net::Fault,
    redact::Secret,
    target::{Cloud, Host},
};
use client::{Answer, ArmClient, Call, Failure};
pub use error::{ArmError, ErrorBody, Unreadable};
pub use page::{Page, Rows};
pub use path::{encoded, next_target};
use patience::Patience;
pub use patience::{quota_resets_after, retry_after};
pub use permissions::{Permissions, allow, covers, null_is_default};
pub use sign_in::{Caller, SignInError, TokenSource, is_at_hand};

/// How long one question may take in total, with its retries and pages.
pub const ARM_WAIT: Duration = Duration::from_secs(60);
/// The most pages that are read.
const MAX_PAGES: usize = 50;
/// The most bytes that are read for one question.
const MAX_LIST_BYTES: usize = 32 * 1024 * 1024;
/// The rows of a page: the most that Resource Graph returns at once.
const ROWS: u32 = 1000;
const GRAPH: &str = "/providers/Microsoft.ResourceGraph/resources?api-version=2022-10-01";

/// Reads and queries Azure Resource Manager of one cloud, as one caller.
#[derive(Clone)]
pub struct Arm(Rc<Inner>);

struct Inner {
    client: ArmClient,
    caller: Caller,
    endpoints: Endpoints,
}

impl Arm {
    /// Signs in with the first credential that this machine has: a service principal of the
    /// environment, the Azure CLI, a managed identity.
    pub async fn sign_in(cx: &Cx, cloud: Cloud) -> Result<Self, SignInError> {
        let endpoints = Endpoints::of(cloud);
        // Every cloud with a name has an encrypted one.
        let host = endpoints.resource_manager.as_ref().ok_or(SignInError::UnsafeAuthority)?;
        let (by, token) = Box::pin(sign_in::token(cx, &endpoints)).await?;
        let client = ArmClient::new(cx, host, &token).await;
        let client = client.map_err(|error| SignInError::Unreachable {
            by,
            host: host.to_string(),
            error,
        })?;
        let caller = Caller { source: by, principal: Principal::of(&token) };
        Ok(Self(Rc::new(Inner { client, caller, endpoints })))
    }

    /// Returns a token for another service, from the same sign-in.
    pub async fn token_for(&self, cx: &Cx, audience: &str) -> Result<Secret, SignInError> {
        let at = Endpoints { management: audience.to_owned(), ..self.0.endpoints.clone() };
        Box::pin(sign_in::token(cx, &at)).await.map(|(_, token)| token)
    }

    /// Returns who is signed in.
    pub fn caller(&self) -> &Caller {
        &self.0.caller
    }

    /// Returns the host.
    pub fn host(&self) -> &Host {
        self.0.client.host()
    }

    /// Returns the time by the clock of Azure Resource Manager, which dates what it tells; as long
    /// as it has sent no date, that of this machine.
    pub fn now(&self, cx: &Cx) -> Timestamp {
        self.0.client.now().unwrap_or_else(|| cx.now())
    }

    /// Reads one resource. The path is its id, such as `/subscriptions/…`, or below it.
    pub async fn get(&self, cx: &Cx, path: &str, api_version: &str) -> Result<Value, ArmError> {
        self.get_with(cx, path, api_version, &[]).await
    }

    /// Reads one resource, with more parameters of the query.
    pub async fn get_with(
        &self,
        cx: &Cx,
        path: &str,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ArmError> {
        bounded(async {
            let target = target(path, api_version, query)?;
            let answer = self.call(cx, &Call::get(target), path).await?;
            let value: Value = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
            if value.is_object() { Ok(value) } else { Err(unreadable()) }
        })
        .await
    }

    /// Lists the resources below a path, over all pages. An empty list may mean that the caller
    /// sees none: [`Arm::may`] tells.
    pub async fn list(
        &self,
        cx: &Cx,
        path: &str,
        api_version: &str,
        filter: Option<&str>,
    ) -> Result<Vec<Value>, ArmError> {
        bounded(async {
            let filter = filter.map(|filter| ("$filter", filter));
            let mut next = target(path, api_version, filter.as_slice())?;
            let (mut seen, mut items, mut length) = (BTreeSet::new(), vec![], 0);
            for _ in 0..MAX_PAGES {
                let answer = self.call(cx, &Call::get(next.clone()), path).await?;
                length += answer.body.len();
                let page = Page::read(&answer.body).ok_or_else(unreadable)?;
                items.extend(page.items);
                let Some(link) = page.next else { return Ok(items) };
                let elsewhere = || ArmError::Unreadable(Unreadable::NextPageElsewhere);
                let link = next_target(&link, self.host()).ok_or_else(elsewhere)?;
                seen.insert(std::mem::replace(&mut next, link));
                if seen.contains(&next) {
                    return Err(ArmError::Unreadable(Unreadable::NextPageSeen));
                }
                if length > MAX_LIST_BYTES {
                    break;
                }
            }
            Err(ArmError::Unreadable(Unreadable::TooManyPages))
        })
        .await
    }

    /// Queries Resource Graph, over all pages; of every subscription that the caller sees where none
    /// is named. It returns only what the caller may read, and lags behind by minutes.
    pub async fn query(
        &self,
        cx: &Cx,
        subscriptions: &[String],
        kql: &str,
    ) -> Result<Vec<Value>, ArmError> {
        bounded(async {
            let (mut tokens, mut found, mut length) = (BTreeSet::new(), vec![], 0);
            let mut token: Option<String> = None;
            for _ in 0..MAX_PAGES {
                let mut options = json!({ "resultFormat": "objectArray", "$top": ROWS });
                if let Some(token) = &token {
                    options["$skipToken"] = json!(token);
                }
                let mut body = json!({ "query": kql, "options": options });
                if !subscriptions.is_empty() {
                    body["subscriptions"] = json!(subscriptions);
                }
                let call = Call {
                    method: Method::POST,
                    target: GRAPH.to_owned(),
                    body: Some(body.to_string()),
                };
                let answer = self.call(cx, &call, "/").await?;
                length += answer.body.len();
                let page = Rows::read(&answer.body).ok_or_else(unreadable)?;
                found.extend(page.rows);
                let Some(next) = page.skip_token else {
                    let has = u64::try_from(found.len()).unwrap_or(u64::MAX);
                    return if page.is_truncated || page.total.is_some_and(|total| total > has) {
                        Err(ArmError::Unreadable(Unreadable::Truncated))
                    } else {
                        Ok(found)
                    };
                };
                if !tokens.insert(next.clone()) {
                    return Err(ArmError::Unreadable(Unreadable::NextPageSeen));
                }
                token = Some(next);
                if length > MAX_LIST_BYTES {
                    break;
                }
            }
            Err(ArmError::Unreadable(Unreadable::TooManyPages))
        })
        .await
    }

    /// Sends a body to an action that only looks, such as whether a name is free.
    pub async fn post(
        &self,
        cx: &Cx,
        path: &str,
        api_version: &str,
        body: &Value,
    ) -> Result<Value, ArmError> {
        self.send(cx, path, (api_version, &[]), body.to_string()).await
    }

    /// Asks for an action that only looks and takes no body, such as listing credentials.
    pub async fn act(
        &self,
        cx: &Cx,
        path: &str,
        api_version: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ArmError> {
        self.send(cx, path, (api_version, query), String::new()).await
    }

    async fn send(
        &self,
        cx: &Cx,
        path: &str,
        (api_version, query): (&str, &[(&str, &str)]),
        body: String,
    ) -> Result<Value, ArmError> {
        bounded(async {
            let target = target(path, api_version, query)?;
            let call = Call { method: Method::POST, target, body: Some(body) };
            let answer = self.call(cx, &call, path).await?;
            serde_json::from_slice(&answer.body).map_err(|_| unreadable())
        })
        .await
    }

    /// Returns whether the caller's roles allow an action at a scope: whether an empty list there is
    /// a fact.
    pub async fn may(&self, cx: &Cx, scope: &str, action: &str) -> Result<bool, ArmError> {
        let path = format!("{scope}/providers/Microsoft.Authorization/permissions");
        Ok(allow(&self.list(cx, &path, "2022-04-01", None).await?, action))
    }

    /// Sends a request until there is an answer or no retry is left.
    async fn call(&self, cx: &Cx, call: &Call, path: &str) -> Result<Answer, ArmError> {
        let mut patience = Patience::new();
        loop {
            let answer = self.0.client.send(cx, call).await.map_err(|failure| match failure {
                Failure::Unreachable(error) => ArmError::Unreachable(error),
                Failure::Broken(fault) => ArmError::Unreadable(Unreadable::Broken(fault)),
            })?;
            let Answer { status, retry_after, challenge, body } = &answer;
            if *status == 200 {
                return Ok(answer);
            }
            match patience.after(*status, *retry_after) {
                Some(pause) => sleep(pause).await,
                None => {
                    let challenge = challenge.as_deref();
                    return Err(ArmError::read(*status, body, challenge, *retry_after, path));
                }
            }
        }
    }
}

impl Call {
    fn get(target: String) -> Self {
        Self { method: Method::GET, target, body: None }
    }
}

/// Returns the path and the query of a request.
fn target(path: &str, api_version: &str, query: &[(&str, &str)]) -> Result<String, ArmError> {
    let not_an_id = || ArmError::NotAnId(crate::kit::redact::sanitize_text(path));
    let mut target = encoded(path).ok_or_else(not_an_id)? + "?";
    for (name, value) in query {
        target += &format!("{name}={}&", path::query_value(value));
    }
    Ok(format!("{target}api-version={}", path::query_value(api_version)))
}

fn unreadable() -> ArmError {
    ArmError::Unreadable(Unreadable::NotAPage)
}

async fn bounded<T>(asking: impl Future<Output = Result<T, ArmError>>) -> Result<T, ArmError> {
    let silent = ArmError::Unreadable(Unreadable::Broken(Fault::TimedOut));
    timeout(ARM_WAIT, Box::pin(asking)).await.unwrap_or(Err(silent))
}

impl fmt::Debug for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arm").field("caller", self.caller()).finish_non_exhaustive()
    }
}

/// Shows the caller: what a pass of the step rests on.
impl Serialize for Arm {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.caller().serialize(to)
    }
}
