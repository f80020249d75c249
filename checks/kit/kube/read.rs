//! Reads objects: one by its name, and lists page by page, so that they are never held whole; and what
//! admission would make of one.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{GetParams, Kube, KubeRequest, List, ListParams, PostParams, error::KubeError};
use crate::kit::engine::Cx;

/// How many objects are asked for at once.
pub const AT_ONCE: usize = 8;
/// The most pages of a list that are read.
const MAX_PAGES: usize = 400;

impl Kube {
    /// Returns the object of that name.
    ///
    /// # Errors
    /// Returns an error when there is none, or when it cannot be read.
    pub async fn named<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        path: &str,
        name: &str,
    ) -> Result<T, KubeError> {
        self.ask(cx, KubeRequest::new(path).get(name, &GetParams::default())?).await
    }

    /// Returns an object as admission would leave it. Nothing is created.
    ///
    /// # Errors
    /// Returns an error when it is refused, or when that cannot be asked.
    pub async fn dry_run(&self, cx: &Cx, path: &str, object: &Value) -> Result<Value, KubeError> {
        let params = PostParams { dry_run: true, ..PostParams::default() };
        let request = KubeRequest::new(path).create(&params, object.to_string().into_bytes())?;
        self.ask(cx, request).await
    }

    /// Hands on each object of a list.
    ///
    /// # Errors
    /// Returns an error when a page cannot be read, and when the list does not end: what was seen of it is
    /// not all of it.
    pub async fn each<T: DeserializeOwned>(
        &self,
        cx: &Cx,
        path: &str,
        mut params: ListParams,
        mut take: impl FnMut(T),
    ) -> Result<(), KubeError> {
        let mut tokens = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let page: List<T> = self.ask(cx, KubeRequest::new(path).list(&params)?).await?;
            page.items.into_iter().for_each(&mut take);
            let next = page.metadata.r#continue;
            if next.is_empty() {
                return Ok(());
            }
            if !tokens.insert(next.clone()) {
                return Err(KubeError::Endless(
                    "the list leads back to one of its own pages".into(),
                ));
            }
            params = params.continue_token(&next);
        }
        Err(KubeError::Endless(format!("the list has more than {MAX_PAGES} pages")))
    }
}
