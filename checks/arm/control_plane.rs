//! The control plane, signed in to: its answers as facts of a step, its errors as findings.

use serde::Serialize;
use serde_json::Value;

use super::{Problem, unavailable};
use crate::kit::{
    Cx, NoFact, StepResult,
    azure::{Arm, ArmError, ArmResource, TokenSource},
    rules::Malformed,
    target::ResourceId,
};

/// The control plane of a cloud, and who reads it.
#[derive(Clone, Serialize)]
pub struct ControlPlane {
    /// Who asks.
    pub(crate) who: String,
    /// What signs in.
    source: TokenSource,
    #[serde(skip)]
    arm: Arm,
}

impl ControlPlane {
    pub(super) fn over(arm: Arm) -> Self {
        let principal = &arm.caller().principal;
        let who = principal.word().unwrap_or_default().to_owned();
        Self { who, source: arm.caller().source, arm }
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
            Err(ArmError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(self.no_fact(cx, id.as_str(), error)),
        };
        let unreadable = || {
            let (path, said) = (id.to_string(), Malformed::NotJson.to_string());
            unavailable(cx, Problem::Unexpected { path, said })
        };
        ArmResource::read(json).map(Some).ok_or_else(unreadable)
    }

    /// Returns what is at a path that is no resource's id, such as that of a role definition.
    pub(crate) async fn read(&self, cx: &Cx, path: &str, api: &str) -> StepResult<Value> {
        let json = self.arm.get(cx, path, api).await;
        json.map_err(|error| self.no_fact(cx, path, error))
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
        listed.map_err(|error| self.no_fact(cx, path, error))
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
        answer.map_err(|error| self.no_fact(cx, path, error))
    }

    /// Returns whether the caller may do this there. An empty list is a fact only for a caller who
    /// may read what it lists (design rule 9).
    pub(crate) async fn may(&self, cx: &Cx, scope: &str, action: &str) -> StepResult<bool> {
        let may = self.arm.may(cx, scope, action).await;
        may.map_err(|error| self.no_fact(cx, scope, error))
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
        let within: Vec<String> = cx.target.control_plane.subscription.iter().cloned().collect();
        let rows = self.arm.query(cx, &within, &kql).await;
        let rows = rows.map_err(|error| self.no_fact(cx, "Resource Graph", error))?;
        let ids = rows.iter().filter_map(|row| row.get("id")?.as_str()?.parse().ok());
        Ok(ids.collect())
    }

    /// Returns that the caller may not read something that an empty list hides.
    pub(crate) fn not_permitted(&self, cx: &Cx, action: &str, scope: &str) -> NoFact {
        let (action, scope) = (action.to_owned(), scope.to_owned());
        let caller_id = self.arm.caller().principal.object_id.clone();
        let who = self.who.clone();
        unavailable(cx, Problem::NotPermitted { who, caller_id, action, scope })
    }

    /// Returns why a request gave nothing.
    fn no_fact(&self, cx: &Cx, path: &str, error: ArmError) -> NoFact {
        unavailable(cx, self.problem(path, error))
    }

    fn problem(&self, path: &str, error: ArmError) -> Problem {
        let path = path.to_owned();
        match error {
            ArmError::NotPermitted { action, scope, said } => {
                let Some(action) = action else { return Problem::Unexpected { path, said } };
                let caller_id = self.arm.caller().principal.object_id.clone();
                Problem::NotPermitted { who: self.who.clone(), caller_id, action, scope }
            }
            ArmError::Throttled { retry_after } => {
                Problem::Throttled { retry_after: retry_after.map(|wait| wait.as_secs()) }
            }
            ArmError::Unreachable(error) => {
                let host = self.arm.host().to_string();
                Problem::Unreachable { host, stage: error.stage, fault: error.fault }
            }
            ArmError::TokenRefused { said, tenants, .. } => {
                Problem::TokenRefused { said, tenant: tenants.into_iter().next() }
            }
            ArmError::Unexpected { status: status @ 500.., .. } => Problem::Outage { status },
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

/// Returns a text as a literal of Resource Graph's query language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
