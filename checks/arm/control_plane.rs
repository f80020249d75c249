//! The control plane, signed in to: its answers as facts of a step, its errors as findings.

use std::rc::Rc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::{Problem, problem::SignInAgain};
use crate::kit::{
    Cx, NoFact, Secret, StepResult,
    azure::{Arm, ArmError, ArmResource, Principal, SignInError, TokenSource, resource::text},
    rules::{Malformed, is_guid},
    target::ResourceId,
};

/// The version of the API for subscriptions.
const SUBSCRIPTION_API: &str = "2022-12-01";

/// The control plane of a cloud, and who reads it.
#[derive(Clone, Serialize)]
pub struct ControlPlane {
    /// Who asks.
    pub(crate) who: String,
    /// What signs in.
    source: TokenSource,
    #[serde(skip)]
    arm: Arm,
    /// The subscription in which names are looked up.
    #[serde(skip)]
    named: Rc<OnceCell<Option<String>>>,
}

impl ControlPlane {
    pub(super) fn over(arm: Arm) -> Self {
        let principal = &arm.caller().principal;
        let who = principal.word().unwrap_or_default().to_owned();
        Self { who, source: arm.caller().source, arm, named: Rc::default() }
    }

    /// Returns a resource; `None` if there is none with this id.
    pub(crate) async fn get(
        &self,
        cx: &Cx,
        id: &ResourceId,
        api: &str,
    ) -> StepResult<Option<ArmResource>> {
        let json = match self.arm.get(cx, id.as_str(), api).await {
            Ok(json) => json,
            Err(ArmError::NotFound { code, .. }) if is_absence(&code) => return Ok(None),
            Err(error) => return Err(self.no_fact(id.as_str(), error)),
        };
        // What the answer says of itself is no better known than what was asked for.
        let own = ArmResource::read(json).filter(|resource| resource.id == *id);
        own.map(Some).ok_or_else(|| Self::unreadable(id.as_str()))
    }

    /// Returns the time by the control plane's own clock: ages of what it tells are told by it, as
    /// the clock here may be wrong.
    pub(crate) fn now(&self, cx: &Cx) -> Timestamp {
        self.arm.now(cx)
    }

    /// Returns what is at a path that is no resource's id, such as that of a role definition.
    pub(crate) async fn read(&self, cx: &Cx, path: &str, api: &str) -> StepResult<Value> {
        self.read_with(cx, path, api, &[]).await
    }

    /// Returns the same, with more parameters of the query.
    pub(crate) async fn read_with(
        &self,
        cx: &Cx,
        path: &str,
        api: &str,
        query: &[(&str, &str)],
    ) -> StepResult<Value> {
        let json = self.arm.get_with(cx, path, api, query).await;
        json.map_err(|error| self.no_fact(path, error))
    }

    /// Returns the tenant of a subscription: the one whose identities can have roles there.
    pub(crate) async fn tenant_of(&self, cx: &Cx, subscription: &str) -> StepResult<String> {
        let path = format!("/subscriptions/{subscription}");
        let found = self.read(cx, &path, SUBSCRIPTION_API).await?;
        let tenant = text(&found, "tenantId").filter(|tenant| is_guid(tenant));
        tenant.map(str::to_owned).ok_or_else(|| Self::unreadable(&path))
    }

    /// Returns a subscription that the caller can read: whichever comes first.
    pub(crate) async fn a_subscription(&self, cx: &Cx) -> StepResult<Option<String>> {
        let listed = self.list(cx, "/subscriptions", SUBSCRIPTION_API, None).await?;
        Ok(listed.iter().find_map(|one| text(one, "subscriptionId").map(str::to_owned)))
    }

    /// Returns that an answer, or a part of it, is not what it should be.
    pub(crate) fn unreadable(path: &str) -> NoFact {
        let (path, said) = (path.to_owned(), Malformed::WrongKind.to_string());
        NoFact::could_not_tell(Problem::Unexpected { path, said })
    }

    /// Returns all entries of a list, such as the children of a resource or the role assignments at
    /// a scope.
    pub(crate) async fn list(
        &self,
        cx: &Cx,
        path: &str,
        api: &str,
        filter: Option<&str>,
    ) -> StepResult<Vec<Value>> {
        let listed = self.arm.list(cx, path, api, filter).await;
        listed.map_err(|error| self.no_fact(path, error))
    }

    /// Sends a body to an action that changes nothing.
    pub(crate) async fn post(
        &self,
        cx: &Cx,
        path: &str,
        api: &str,
        body: &Value,
    ) -> StepResult<Value> {
        let answer = self.arm.post(cx, path, api, body).await;
        answer.map_err(|error| self.no_fact(path, error))
    }

    /// Asks for an action that takes no body. What a refusal means is for the caller to say.
    pub(crate) async fn act(
        &self,
        cx: &Cx,
        path: &str,
        api: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, ArmError> {
        self.arm.act(cx, path, api, query).await
    }

    /// Returns a token for another service, from the same sign-in.
    pub(crate) async fn token_for(&self, cx: &Cx, audience: &str) -> Result<Secret, SignInError> {
        self.arm.token_for(cx, audience).await
    }

    /// Returns who is signed in.
    pub(crate) fn principal(&self) -> &Principal {
        &self.arm.caller().principal
    }

    /// Returns whether the caller may do this there. An empty list is a fact only for a caller who
    /// may read what it lists (design rule 9).
    pub(crate) async fn may(&self, cx: &Cx, scope: &str, action: &str) -> StepResult<bool> {
        let may = self.arm.may(cx, scope, action).await;
        may.map_err(|error| self.no_fact(scope, error))
    }

    /// Returns the ids of the resources of a kind whose properties have these values, among all that
    /// the caller can read, or in the subscription that the user named.
    pub(crate) async fn find(
        &self,
        cx: &Cx,
        kind: &str,
        wanted: &[(&str, &str)],
    ) -> StepResult<Vec<ResourceId>> {
        let mut filter = format!("type =~ {}", quoted(kind));
        for (property, value) in wanted {
            filter += &format!(" and {property} =~ {}", quoted(value));
        }
        let kql = format!("Resources | where {filter} | project id");
        let within: Vec<String> = self.subscription(cx).await?.into_iter().collect();
        let rows = self.arm.query(cx, &within, &kql).await;
        let rows = rows.map_err(|error| self.no_fact("Resource Graph", error))?;
        let ids = rows.iter().filter_map(|row| row.get("id")?.as_str()?.parse().ok());
        Ok(ids.collect())
    }

    /// Returns the id of the subscription in which names are looked up: the one that the user named, by
    /// its id or, as `az` takes it, by its name; `None` for all.
    pub(crate) async fn subscription(&self, cx: &Cx) -> StepResult<Option<String>> {
        self.named.get_or_try_init(|| self.named_subscription(cx)).await.cloned()
    }

    async fn named_subscription(&self, cx: &Cx) -> StepResult<Option<String>> {
        let Some(named) = &cx.target.control_plane.subscription else { return Ok(None) };
        if is_guid(named) {
            return Ok(Some(named.clone()));
        }
        let listed = self.list(cx, "/subscriptions", SUBSCRIPTION_API, None).await?;
        let is_it = |one: &&Value| {
            text(one, "displayName").is_some_and(|name| name.eq_ignore_ascii_case(named))
        };
        let ids = listed.iter().filter(is_it).filter_map(|one| text(one, "subscriptionId"));
        let ids: Vec<String> = ids.filter(|id| is_guid(id)).map(str::to_owned).collect();
        let name = named.clone();
        match &ids[..] {
            [] => Err(NoFact::could_not_tell(Problem::SubscriptionNotFound { name })),
            [id] => Ok(Some(id.clone())),
            _ => Err(NoFact::could_not_tell(Problem::SubscriptionAmbiguous { name, ids })),
        }
    }

    /// Returns that the caller may not read something that an empty list hides.
    pub(crate) fn not_permitted(&self, action: &str, scope: &str) -> NoFact {
        let (action, scope) = (action.to_owned(), scope.to_owned());
        NoFact::could_not_tell(self.lacks(action, scope))
    }

    fn lacks(&self, action: String, scope: String) -> Problem {
        let principal = &self.arm.caller().principal;
        Problem::NotPermitted {
            who: self.who.clone(),
            caller_id: principal.object_id.clone(),
            caller_type: principal.kind(),
            action,
            scope,
        }
    }

    /// Returns why a request gave nothing.
    pub(crate) fn no_fact(&self, path: &str, error: ArmError) -> NoFact {
        NoFact::could_not_tell(self.problem(path, error))
    }

    fn problem(&self, path: &str, error: ArmError) -> Problem {
        let path = path.to_owned();
        match error {
            ArmError::NotPermitted { action, scope, is_denied, said } => {
                let Some(action) = action else { return Problem::Unexpected { path, said } };
                // Whatever the message says, the scope is what was asked for or above it.
                let is_above = path.strip_prefix(&scope).is_some_and(|rest| {
                    scope.len() > 1 && (rest.is_empty() || rest.starts_with('/'))
                });
                let scope = if is_above { scope } else { path };
                if is_denied {
                    let who = self.who.clone();
                    return Problem::DeniedToCaller { who, action, scope, said };
                }
                self.lacks(action, scope)
            }
            ArmError::Throttled { retry_after } => {
                Problem::Throttled { retry_after: retry_after.map(|wait| wait.as_secs()) }
            }
            ArmError::Unreachable(error) => {
                let host = self.arm.host().to_string();
                Problem::Unreachable { host, stage: error.stage, fault: error.fault }
            }
            ArmError::TokenRefused { said, tenants, .. } => {
                let tenant = tenants.into_iter().next();
                let again = SignInAgain::with(self.source, tenant.as_deref());
                Problem::TokenRefused { said, tenant, again }
            }
            // Without a code of its own it may be a proxy that answers.
            ArmError::Unexpected { status: status @ 500.., code, .. } if !code.is_empty() => {
                Problem::Outage { status }
            }
            ArmError::Unexpected { status, said, .. } => {
                let said = if said.is_empty() { format!("HTTP {status}") } else { said };
                Problem::Unexpected { path, said }
            }
            ArmError::Unreadable(what) => {
                Problem::Unexpected { path, said: what.word().to_owned() }
            }
            ArmError::NotFound { said, .. } => Problem::Unexpected { path, said },
            ArmError::NotAnId(id) => {
                Problem::Unexpected { path: id, said: Malformed::WrongKind.to_string() }
            }
        }
    }
}

/// Returns whether a 404 with this code says that the resource does not exist. Other codes say that
/// the subscription is not seen, or that there is no such API.
fn is_absence(code: &str) -> bool {
    const ABSENCE: [&str; 6] = [
        "ResourceNotFound",
        "ResourceGroupNotFound",
        "ParentResourceNotFound",
        "NotFound",
        "KeyNotFound",
        "VaultNotFound",
    ];
    ABSENCE.iter().any(|known| known.eq_ignore_ascii_case(code))
}

/// Returns a text as a literal of Resource Graph's query language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
