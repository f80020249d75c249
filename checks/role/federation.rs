//! Does an Azure identity let the service account of a pod sign in?
//!
//! Entra compares issuer and subject of the token, to the letter, with each federated credential of the
//! identity, and looks for its audience among theirs (Microsoft Learn, "Workload identity federation";
//! errors AADSTS700211 to 700213).

use serde::Serialize;
use serde_json::Value;

use super::{Problem, problem::NotFederated};
use crate::{
    arm::ControlPlane,
    cluster::Cluster,
    data_path::AccountSignIn,
    kit::{
        Cx, NoFact, StepResult,
        azure::{ArmResource, resource::text},
        rules::is_guid,
        sanitize_text,
    },
};

/// The version of the API of managed identities.
const API: &str = "2023-01-31";
/// The kind of the resource.
const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";
/// What lets the caller see its federated credentials.
const READ: &str =
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read";

/// An identity that lets a service account sign in.
#[derive(Serialize)]
pub struct FederatedIdentity {
    /// Its name.
    pub(super) name: String,
    /// The federated credential.
    credential: String,
    /// The service account.
    subject: String,
    #[serde(skip)]
    pub(super) object_id: String,
    #[serde(skip)]
    pub(super) client_id: String,
    #[serde(skip)]
    pub(super) tenant: Option<String>,
}

/// Compares the federated credentials of the identity that a service account names with its tokens.
pub async fn federation(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    account: &AccountSignIn,
) -> StepResult<FederatedIdentity> {
    let profile =
        |field: &str| cluster.resource.text(&format!("properties.oidcIssuerProfile.{field}"));
    let Some(issuer) = profile("issuerURL").filter(|issuer| !issuer.is_empty()) else {
        return Err(Problem::NoIssuer {
            cluster: cluster.name().to_owned(),
            group: cluster.id().group().to_owned(),
            subscription: cluster.id().subscription().to_owned(),
            subject: account.subject.clone(),
            client_id: account.client_id.clone(),
            audience: account.audience.clone(),
            namespace: account.namespace.clone(),
        }
        .into());
    };
    let resource = identity(cx, control_plane, &account.client_id).await?;
    let id = &resource.id;
    let path = format!("{id}/federatedIdentityCredentials");
    let listed = control_plane.list(cx, &path, API, None).await?;
    let credentials: Vec<Credential> = listed.iter().map(Credential::of).collect();
    let fits = |field: fn(&Differs) -> bool| {
        credentials.iter().find(|one| field(&one.differs(issuer, account)))
    };
    if let Some(credential) = fits(|it| !it.issuer && !it.subject && !it.audience) {
        let owned = |field: &str| resource.text(field).map(str::to_owned);
        // It goes into commands.
        let object_id = owned("properties.principalId").filter(|id| is_guid(id));
        return Ok(FederatedIdentity {
            name: id.name().to_owned(),
            credential: credential.name.clone(),
            subject: account.subject.clone(),
            object_id: object_id.ok_or_else(|| ControlPlane::unreadable(id.as_str()))?,
            client_id: account.client_id.clone(),
            tenant: owned("properties.tenantId"),
        });
    }
    if credentials.iter().any(|one| one.is_expression) {
        let identity = id.name().to_owned();
        return Err(NoFact::could_not_tell(Problem::FederatedByExpression { identity }));
    }
    // An empty list is a fact only for a caller who may read it (design rule 9).
    if credentials.is_empty() && !control_plane.may(cx, id.as_str(), READ).await? {
        return Err(control_plane.not_permitted(READ, id.as_str()));
    }
    let nearest = [
        fits(|it| !it.issuer && !it.audience).map(|it| (it, it.subject.clone())),
        fits(|it| !it.subject && !it.audience).map(|it| (it, it.issuer.clone())),
        fits(|it| !it.issuer && !it.subject).map(|it| (it, it.audiences.join(", "))),
    ];
    let nearest = nearest.into_iter().flatten().next();
    let (nearest, instead) = nearest.map(|(it, said)| (it.name.clone(), said)).unzip();
    Err(Problem::NotFederated(NotFederated {
        identity: id.name().to_owned(),
        group: id.group().to_owned(),
        subscription: id.subscription().to_owned(),
        issuer: sanitize_text(issuer),
        subject: account.subject.clone(),
        audience: account.audience.clone(),
        namespace: account.namespace.clone(),
        nearest,
        instead,
    })
    .into())
}

/// Finds the managed identity with that client id, among all that the caller can read.
async fn identity(
    cx: &Cx,
    control_plane: &ControlPlane,
    client_id: &str,
) -> StepResult<ArmResource> {
    let not_found = || {
        let (client_id, who) = (client_id.to_owned(), control_plane.who.clone());
        NoFact::could_not_tell(Problem::FederatedIdentityNotSeen { client_id, who })
    };
    // It goes into a query.
    if !is_guid(client_id) {
        return Err(not_found());
    }
    let found = control_plane.find(cx, KIND, &[("properties.clientId", client_id)]).await?;
    let id = found.into_iter().next().ok_or_else(not_found)?;
    control_plane.get(cx, &id, API).await?.ok_or_else(not_found)
}

/// A federated credential.
struct Credential {
    name: String,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    /// Whether an expression stands in place of the subject.
    is_expression: bool,
}

/// In what a federated credential differs from a token.
struct Differs {
    issuer: bool,
    subject: bool,
    audience: bool,
}

impl Credential {
    fn of(listed: &Value) -> Self {
        let owned = |path: &str| sanitize_text(text(listed, path).unwrap_or_default());
        let audiences = listed.pointer("/properties/audiences").and_then(Value::as_array);
        let audiences = audiences.into_iter().flatten().filter_map(Value::as_str);
        let expression = listed.pointer("/properties/claimsMatchingExpression");
        Self {
            name: owned("name"),
            issuer: owned("properties.issuer"),
            subject: owned("properties.subject"),
            audiences: audiences.map(sanitize_text).collect(),
            is_expression: expression.is_some_and(|it| !it.is_null()),
        }
    }

    fn differs(&self, issuer: &str, account: &AccountSignIn) -> Differs {
        Differs {
            issuer: self.issuer != issuer,
            subject: self.subject != account.subject,
            audience: !self.audiences.contains(&account.audience),
        }
    }
}
