//! A blob that a manifest names, and who serves it.

use super::problem::Problem;
use crate::{
    kit::{Cx, StepResult},
    registry::{Refusal, RegistryClient},
    token::{BlobResponse, Session},
};

/// A blob that a manifest names.
#[derive(Clone, Debug)]
pub struct Blob {
    pub(crate) digest: String,
    /// Not known in the format of 2015.
    pub(crate) size: Option<u64>,
}

impl Blob {
    /// Asks the registry for it.
    pub(crate) async fn ask(&self, cx: &Cx, session: &Session) -> StepResult<BlobResponse> {
        self.ask_from(cx, session, 0).await
    }

    /// Asks the registry for what begins with that byte of it.
    pub(crate) async fn ask_from(
        &self,
        cx: &Cx,
        session: &Session,
        from: u64,
    ) -> StepResult<BlobResponse> {
        let missing = match session.blob(cx, &self.digest, from).await? {
            Ok(source) => return Ok(source),
            Err(missing) => missing,
        };
        let registrys = missing.is_registrys();
        let not_a_registry = RegistryClient::not_a_registry("GET blob", &missing);
        let refusal = Refusal::read(missing).await;
        if let Some(problem) = refusal.by_error_body("GET blob") {
            return Err(problem.into());
        }
        let body = refusal.body;
        if body.code.is_empty() && !registrys {
            return Err(not_a_registry);
        }
        let (digest, said) = (self.digest.clone(), body.words());
        Err(Problem::BlobUnknown { digest, said }.into())
    }
}
