//! Reading a file of credentials.

use std::path::Path;

use tokio::{fs::File, io::AsyncReadExt, time::timeout};

use super::Trouble;
use crate::kit::{Cx, FILE_WAIT};

/// The longest file that is read.
const LONGEST: u64 = 1024 * 1024;

/// All of a file.
pub(super) async fn read(cx: &Cx, file: &Path) -> Result<Vec<u8>, Trouble> {
    let unreadable =
        |said: String| Trouble::AuthFileUnreadable { file: file.display().to_string(), said };
    if let Some(text) = cx.world.files.get(file) {
        return Ok(text.expose().as_bytes().to_vec());
    }
    let reading = async {
        let said = |error: std::io::Error| unreadable(error.to_string());
        let mut bytes = vec![];
        let opened = File::open(file).await.map_err(said)?;
        opened.take(LONGEST + 1).read_to_end(&mut bytes).await.map_err(said)?;
        if bytes.len() as u64 > LONGEST {
            return Err(unreadable("too-long".to_owned()));
        }
        Ok(bytes)
    };
    timeout(FILE_WAIT, reading).await.map_err(|_| unreadable("no-answer".to_owned()))?
}
