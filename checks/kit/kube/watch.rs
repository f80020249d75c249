//! A watch: a response that goes on, a change in each line.

use std::{collections::VecDeque, marker::PhantomData};

use kube::core::WatchEvent;
use reqwest::Response;
use serde::de::DeserializeOwned;

use super::error::KubeError;
use crate::kit::net::Fault;

/// The longest line that is read: a pod with its history of managed fields.
const MAX_LINE_BYTES: usize = 4 * 1024 * 1024;

/// The changes of a collection, as they happen.
pub struct Watch<T> {
    response: Response,
    rest: Vec<u8>,
    lines: VecDeque<Vec<u8>>,
    of: PhantomData<T>,
}

impl<T: DeserializeOwned> Watch<T> {
    pub(super) fn new(response: Response) -> Self {
        Self { response, rest: vec![], lines: VecDeque::new(), of: PhantomData }
    }

    /// Returns the next change; `None` when the server ends the watch, as it does now and then.
    /// A caller may stop waiting and call again.
    ///
    /// # Errors
    /// Returns an error when the connection breaks or a line is no change.
    pub async fn next(&mut self) -> Result<Option<WatchEvent<T>>, KubeError> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                let change = serde_json::from_slice(&line).map_err(|_| KubeError::Unreadable)?;
                return Ok(Some(change));
            }
            let piece = self.response.chunk().await;
            let piece = piece.map_err(|error| KubeError::Broken(Fault::of(&error)))?;
            let Some(piece) = piece else { return Ok(None) };
            let mut parts = piece.split(|byte| *byte == b'\n');
            self.rest.extend_from_slice(parts.next().unwrap_or_default());
            for part in parts {
                let line = std::mem::replace(&mut self.rest, part.to_vec());
                if !line.trim_ascii().is_empty() {
                    self.lines.push_back(line);
                }
            }
            if self.rest.len() > MAX_LINE_BYTES {
                return Err(KubeError::Broken(Fault::TooLong));
            }
        }
    }
}
