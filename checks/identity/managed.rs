//! A managed identity of this machine: a token from the metadata service, or why there is none.
//!
//! Where a kubelet's provider gets none it fails, and the kubelet pulls as nobody: whatever is found here is a
//! cause only where nobody is not let in.

use std::rc::Rc;

use super::{Credential, Identity, Login, Trouble};
use crate::{
    kit::{
        Cx, Got, Halt,
        azure::{
            Endpoints, Principal, REGISTRY_AUDIENCE,
            imds::{self, Issued, Refused, Which},
        },
    },
    node::Place,
};

/// Who asks, and in whose name.
pub(super) struct Asked {
    pub(super) which: Which,
    pub(super) endpoints: Rc<Endpoints>,
    /// The directory, and the file that names it.
    pub(super) tenant: Option<(String, String)>,
    /// Where the identity is named.
    pub(super) from: String,
    /// Where the machine is.
    pub(super) place: Place,
}

/// Signs in as that identity; as nobody, where there is no token.
pub(super) async fn sign_in(cx: &Cx, asked: Asked) -> Got<Identity> {
    let Asked { which, endpoints, tenant, from, place } = asked;
    match token(cx, &which, &place).await? {
        Some(Issued { token, busy }) => {
            if !busy.is_empty() {
                cx.tell(Trouble::ImdsThrottledOrFlaky { statuses: busy, answered: "yes" });
            }
            let principal = Principal::of(&token);
            let (tenant, tenant_from) = match tenant {
                Some((tenant, file)) => (Some(tenant), Some(file)),
                None => (principal.tenant.clone(), None),
            };
            let machine = Some((which, endpoints));
            let login = Login { token, principal, tenant, tenant_from, machine };
            Ok(Identity::new(Credential::Entra(Rc::new(login)), Some(from)).called("managed-identity"))
        }
        None => Ok(Identity::nobody()),
    }
}

/// The only identity that is attached to this machine, if it is known that there is one.
pub(super) async fn the_only_one(cx: &Cx) -> Option<Identity> {
    let issued = imds::token_straight(cx, &Which::Unnamed, REGISTRY_AUDIENCE).await.ok()?;
    let principal = Principal::of(&issued.token);
    let tenant = principal.tenant.clone();
    let login = Login { token: issued.token, principal, tenant, tenant_from: None, machine: None };
    let from = Some(imds::host().name);
    Some(Identity::new(Credential::Entra(Rc::new(login)), from).called("managed-identity"))
}

/// A token for registries. `None` where there is certainly none: then it was said why.
async fn token(cx: &Cx, which: &Which, place: &Place) -> Got<Option<Issued>> {
    let refused = match imds::proxy(cx) {
        None => match imds::token(cx, which, REGISTRY_AUDIENCE).await {
            Ok(issued) => return Ok(Some(issued)),
            Err(refused) => refused,
        },
        // The environment sends it to a proxy, and so does a kubelet with the same: is it for that reason?
        Some(proxy) => {
            let straight = imds::token_straight(cx, which, REGISTRY_AUDIENCE);
            let sent = imds::token(cx, which, REGISTRY_AUDIENCE);
            match futures::future::join(sent, straight).await {
                (Ok(issued), _) => return Ok(Some(issued)),
                (Err(sent), Ok(_)) => {
                    let (variable, said) = (proxy.variable, sent.word());
                    cx.tell(Trouble::ProxyImdsNotBypassed { proxy, variable, said });
                    return Ok(None);
                }
                (Err(_), Err(straight)) if straight.is_its_own() => straight,
                (Err(sent), Err(_)) => sent,
            }
        }
    };
    let trouble = match refused {
        Refused::Unreachable(fault) => Trouble::ImdsUnreachable { fault },
        // It may take longer than we wait: the provider waits a minute.
        Refused::Silent => {
            let seconds = imds::IMDS_WAIT.as_secs();
            return Err(Halt::broke(Trouble::ImdsSilent { seconds }));
        }
        Refused::Busy(statuses) => Trouble::ImdsThrottledOrFlaky { statuses, answered: "no" },
        Refused::Stranger { status, said } => Trouble::ImdsIntercepted { status, said },
        Refused::Several => Trouble::MiMultipleUnspecified {},
        Refused::NoAudience(said) => audience_unavailable(cx, which, said).await,
        Refused::Other { status, said } => Trouble::ImdsRefuses { status, said },
        Refused::NotFound => not_found(cx, which, place.clone()).await,
    };
    cx.tell(trouble);
    Ok(None)
}

/// The identity is not attached. Is another one, that is called like a kubelet's?
async fn not_found(cx: &Cx, which: &Which, place: Place) -> Trouble {
    let id = which.id().to_owned();
    let Some(attached) = the_only_one(cx).await.filter(|_| *which != Which::Unnamed) else {
        return Trouble::MiNotOnVmss { id, attached: None, place };
    };
    let Credential::Entra(login) = &attached.credential else {
        return Trouble::MiNotOnVmss { id, attached: None, place };
    };
    let principal = login.principal.clone();
    if principal.is_called_like_a_kubelets() {
        return Trouble::MiClientIdStale { id, attached: principal, place };
    }
    let attached = principal.word().map(str::to_owned);
    Trouble::MiNotOnVmss { id, attached, place }
}

/// Registries' own audience is not known there. Is the older one?
async fn audience_unavailable(cx: &Cx, which: &Which, said: String) -> Trouble {
    let management = Endpoints::named("").management;
    let older = imds::token_straight(cx, which, &management).await;
    let management_known = if older.is_ok() { "yes" } else { "no" };
    Trouble::AadAudienceUnavailable { audience: REGISTRY_AUDIENCE, said, management_known }
}
