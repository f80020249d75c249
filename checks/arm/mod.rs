//! Who reads Azure's control plane?

mod control_plane;
mod problem;

use std::rc::Rc;

use crate::{
    data_path::DataPath,
    image::ImageTarget,
    kit::{
        Cloud, Cx, NoFact, StepResult, Target, World,
        azure::{Arm, arm::is_at_hand},
        target::Host,
    },
};
pub use control_plane::ControlPlane;
pub use problem::Problem;

/// Returns whether the control plane is asked at all: if the user asked for it, or if there is a
/// sign-in that needs no search. A managed identity is only looked for on request.
pub fn is_wanted(target: &Target, world: &World) -> bool {
    let named = &target.control_plane;
    let is_azures = target.asked.as_ref().is_ok_and(|asked| asked.host.azure().is_some());
    // An isolated cluster gets the images of Microsoft's registry from one in Azure.
    let may_matter = is_azures || (is_microsofts(target) && named.cluster.is_some());
    may_matter && !named.off && (named.is_asked() || is_at_hand(world))
}

/// Returns whether the registry is Microsoft's own, which no subscription has.
pub fn is_microsofts(target: &Target) -> bool {
    target.asked.as_ref().is_ok_and(|asked| asked.host.name == "mcr.microsoft.com")
}

/// Signs in to the control plane of the registry's cloud: at once if the user asked for it, and
/// otherwise once the pull has failed.
pub async fn sign_in(
    cx: &Cx,
    image_target: &ImageTarget,
    pull: &Option<Rc<DataPath>>,
) -> StepResult<ControlPlane> {
    if pull.as_ref().is_some_and(|pull| pull.works()) {
        return Err(NoFact::skipped(Problem::NotNeeded {}));
    }
    sign_in_to(cx, &image_target.asked.host).await
}

/// Signs in to the control plane of the cloud whose cluster is looked at from its nodes.
pub async fn sign_in_for_cluster(cx: &Cx) -> StepResult<ControlPlane> {
    let unread = || NoFact::skipped(Problem::NotNeeded {});
    let asked = cx.target.asked.as_ref().map_err(|_| unread())?;
    sign_in_to(cx, &asked.host).await
}

async fn sign_in_to(cx: &Cx, registry: &Host) -> StepResult<ControlPlane> {
    let suffix = registry.azure().map(|name| name.suffix);
    let cloud = suffix.and_then(Cloud::of_suffix).unwrap_or_default();
    match Arm::sign_in(cx, cloud).await {
        Ok(arm) => Ok(ControlPlane::over(arm)),
        Err(error) => Err(NoFact::could_not_tell(Problem::from(error))),
    }
}
