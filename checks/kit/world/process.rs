//! Runs the programs that provide credentials, with a timeout and a limit on their output.

use std::{io, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

/// The longest output that is read.
const MAX_OUTPUT_BYTES: u64 = 1024 * 1024;

/// The output of a program, and how it exited.
pub struct ProcessOutput {
    /// Standard output.
    pub out: Vec<u8>,
    /// Standard error.
    pub err: Vec<u8>,
    /// Whether it exited successfully.
    pub success: bool,
    /// The exit status, as the operating system words it.
    pub status: String,
}

/// Runs a program from the `PATH` with the given standard input. An error is an evidence word or
/// the operating system's message.
pub async fn run(
    program: &str,
    args: &[&str],
    input: &str,
    wait: Duration,
) -> Result<ProcessOutput, String> {
    let running = async {
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that ignores its input may have exited already.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (out, err) = futures::future::try_join(all(out), all(err)).await?;
        let status = child.wait().await?;
        Ok(ProcessOutput { out, err, success: status.success(), status: status.to_string() })
    };
    let ran = timeout(wait, running).await.map_err(|_| "timed-out".to_owned())?;
    let printed = ran.map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "no-such-program".to_owned(),
        _ => error.to_string(),
    })?;
    if printed.out.len() as u64 > MAX_OUTPUT_BYTES {
        Err("too-long".to_owned())
    } else {
        Ok(printed)
    }
}

async fn all(from: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut read = vec![];
    if let Some(from) = from {
        from.take(MAX_OUTPUT_BYTES + 1).read_to_end(&mut read).await?;
    }
    Ok(read)
}
