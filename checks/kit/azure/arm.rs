//! STUB
#![allow(missing_docs, unused, clippy::all)]
use crate::kit::{engine::Cx, net::ConnectError, target::Cloud, world::World};
use serde_json::Value;
use std::{rc::Rc, time::Duration};
pub const ARM_WAIT: Duration = Duration::from_secs(30);
pub struct Arm {}
pub struct Caller {}
impl Caller {
    pub fn name(&self) -> String {
        String::new()
    }
    pub fn object_id(&self) -> Option<&str> {
        None
    }
}
#[derive(Debug, PartialEq)]
pub enum ArmError {
    NotPermitted { action: String, scope: String },
    NotFound { code: String, said: String },
    Throttled { retry_after: Option<Duration> },
    TokenRefused { said: String },
    Unexpected { said: String },
}
impl ArmError {
    pub fn path(&self) -> &str {
        ""
    }
}
impl std::fmt::Display for ArmError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
pub enum NoArm {
    NoCredential,
    Refused { by: &'static str, said: String },
}
impl Arm {
    pub fn has_variables(_: &World) -> bool {
        false
    }
    pub async fn sign_in(cx: &Cx, cloud: Cloud) -> Result<Arm, NoArm> {
        Err(NoArm::NoCredential)
    }
    pub fn caller(&self) -> &Caller {
        unimplemented!()
    }
    pub fn host(&self) -> &str {
        ""
    }
    pub async fn get(&self, cx: &Cx, path: &str, api: &str) -> Result<Value, ArmError> {
        unimplemented!()
    }
    pub async fn list(
        &self,
        cx: &Cx,
        path: &str,
        api: &str,
        f: Option<&str>,
    ) -> Result<Vec<Value>, ArmError> {
        unimplemented!()
    }
    pub async fn query(&self, cx: &Cx, s: &[String], k: &str) -> Result<Vec<Value>, ArmError> {
        unimplemented!()
    }
    pub async fn post(&self, cx: &Cx, path: &str, api: &str, b: &Value) -> Result<Value, ArmError> {
        unimplemented!()
    }
    pub async fn may(&self, cx: &Cx, s: &str, a: &str) -> Result<bool, ArmError> {
        unimplemented!()
    }
}
