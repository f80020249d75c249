//! What Entra ID says of an application or a federated identity.

use std::rc::Rc;

use super::{Application, Credential, Identity, Login, Trouble};
use crate::kit::{
    Cx, Got, Halt, Secret, printable,
    azure::{
        Endpoints, Principal, REGISTRY_AUDIENCE,
        entra::{self, Proof, Refused},
    },
};

/// No federated credential of the identity is for this token, its subject, its issuer or its audience; the token
/// is out of date; its issuer was not reached.
const NOT_FEDERATED: [u64; 6] = [70_021, 700_211, 700_212, 700_213, 700_024, 70_025];
const ISSUER_UNREACHABLE: u64 = 90_061;
/// There is no such audience in the directory.
const NO_AUDIENCE: [u64; 2] = [50_001, 500_011];

/// Why an application that a registry refuses gets no token of Entra's either, or that it does; `None` where that
/// cannot be told.
pub(super) async fn why_refused(cx: &Cx, application: &Application) -> Option<Trouble> {
    let tenant = application.tenant.clone()?;
    let asking = entra::Application {
        authority: application.endpoints.authority.clone(),
        tenant,
        client_id: application.client_id.clone(),
        proof: Proof::Secret(application.secret.clone()),
    };
    // A registry checks the password itself: that there is no way to Entra from here is no reason.
    match entra::token(cx, &asking, REGISTRY_AUDIENCE).await {
        // Registries check the password for themselves, whatever audiences there are.
        Err(refused @ Refused::Said { .. }) if !refused.is(&NO_AUDIENCE) => {
            Some(said(&asking, &refused))
        }
        Err(_) => None,
        Ok(token) => {
            let object_id = Principal::of(&token).object_id;
            let client_id = asking.client_id;
            Some(Trouble::ServicePrincipalWithoutRole { client_id, object_id })
        }
    }
}

/// Signs in as the workload identity of this pod (the variables of its webhook).
pub(super) async fn workload(cx: &Cx) -> Got<Identity> {
    let variable = |name: &str| cx.world.variables.get(name).cloned();
    let missing = |what: &'static str| Halt::broke(Trouble::WorkloadIdentityMissing { variable: what });
    let client_id = variable("AZURE_CLIENT_ID").ok_or_else(|| missing("AZURE_CLIENT_ID"))?;
    let tenant = variable("AZURE_TENANT_ID").ok_or_else(|| missing("AZURE_TENANT_ID"))?;
    let file = variable("AZURE_FEDERATED_TOKEN_FILE");
    let file = file.ok_or_else(|| missing("AZURE_FEDERATED_TOKEN_FILE"))?;
    let read = cx.world.read(std::path::Path::new(&file)).await;
    let bytes = read.map_err(|unread| {
        Halt::from(Trouble::AuthFileUnreadable { file: file.clone(), said: unread.to_string() })
    })?;
    let assertion = Secret::new(String::from_utf8_lossy(&bytes).trim());
    let authority = variable("AZURE_AUTHORITY_HOST");
    let endpoints = Endpoints::named("").at(authority.as_deref());
    let asking = entra::Application {
        authority: endpoints.authority,
        tenant: tenant.clone(),
        client_id,
        proof: Proof::Assertion(assertion),
    };
    match entra::token(cx, &asking, REGISTRY_AUDIENCE).await {
        Ok(token) => {
            let principal = Principal::of(&token);
            let tenant = Some(tenant);
            let login = Login { token, principal, tenant, tenant_from: None, machine: None };
            let identity = Identity::new(Credential::Entra(Rc::new(login)), Some(file));
            Ok(identity.called("workload-identity"))
        }
        Err(Refused::Unclear(said)) => {
            Err(Halt::broke(Trouble::AadUnclear { authority: asking.authority, said }))
        }
        Err(refused) => {
            cx.tell(said(&asking, &refused));
            Ok(Identity::nobody())
        }
    }
}

/// What a refusal of Entra's means.
fn said(asked: &entra::Application, refused: &Refused) -> Trouble {
    let (client_id, tenant) = (asked.client_id.clone(), asked.tenant.clone());
    let said = printable(&refused.word());
    match refused {
        Refused::Unreachable(unopened) => Trouble::AadEndpointBlocked {
            authority: asked.authority.clone(),
            stage: unopened.stage.word(),
            fault: unopened.fault.clone(),
        },
        _ if refused.is(&[7_000_222]) => Trouble::SpSecretExpired { client_id, said },
        _ if refused.is(&[7_000_215]) => Trouble::SpSecretWrong { client_id, said },
        _ if refused.is(&[700_016]) => Trouble::SpAppMissing { client_id, tenant, said },
        _ if refused.is(&[90_002]) => Trouble::TenantUnknown { tenant, said },
        _ if refused.is(&[53_003]) => Trouble::AadConditionalAccess { client_id, said },
        _ if refused.is(&NO_AUDIENCE) => {
            let management_known = "not-asked";
            Trouble::AadAudienceUnavailable { audience: REGISTRY_AUDIENCE, said, management_known }
        }
        _ if refused.is(&NOT_FEDERATED) || refused.is(&[ISSUER_UNREACHABLE]) => {
            Trouble::IdentityBindingFicMismatch { client_id, said }
        }
        _ => Trouble::AadRefuses { authority: asked.authority.clone(), said },
    }
}
