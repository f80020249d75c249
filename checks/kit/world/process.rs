//! Runs the programs that provide credentials, with a timeout and a limit on their output.

use std::{fmt, io, path::Path, process::Stdio, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::Command,
    time::timeout,
};

/// The longest output that is read.
const MAX_OUTPUT_BYTES: u64 = 1024 * 1024;

/// Why a program gave nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum ProcessError {
    /// Its name is not that of a credential helper: it was not run.
    NotAHelperName,
    /// The PATH has no such program.
    Missing,
    /// It took longer than we wait.
    TimedOut,
    /// It printed more than we read.
    TooLong,
    /// The system's words, or the program's.
    Failed(String),
}

impl ProcessError {
    /// The words of evidence among its texts.
    pub const WORDS: &[&str] = &["not-a-helper-name", "no-such-program", "timed-out", "too-long"];
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProcessError::NotAHelperName => "not-a-helper-name",
            ProcessError::Missing => "no-such-program",
            ProcessError::TimedOut => "timed-out",
            ProcessError::TooLong => "too-long",
            ProcessError::Failed(said) => said,
        })
    }
}

/// What a program printed, and how it ended.
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

/// Runs a program of the PATH with that on its standard input.
pub async fn run(
    program: &str,
    args: &[&str],
    input: &str,
    wait: Duration,
) -> Result<ProcessOutput, ProcessError> {
    let mut command = Command::new(program);
    command.args(args);
    run_command(command, input, wait).await
}

/// Runs a program in an environment of its own with that on its standard input.
pub async fn run_in(
    environment: &[(String, String)],
    program: &Path,
    args: &[String],
    input: &str,
    wait: Duration,
) -> Result<ProcessOutput, ProcessError> {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(environment.iter().cloned()).current_dir("/");
    run_command(command, input, wait).await
}

/// Runs a program in this environment with more variables, and with nothing on its standard input.
pub async fn run_with(
    more: &[(String, String)],
    program: &Path,
    args: &[String],
    wait: Duration,
) -> Result<ProcessOutput, ProcessError> {
    let mut command = Command::new(program);
    command.args(args).envs(more.iter().cloned());
    run_command(command, "", wait).await
}

async fn run_command(
    mut command: Command,
    input: &str,
    wait: Duration,
) -> Result<ProcessOutput, ProcessError> {
    let running = async {
        let mut child = command
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
    let ran = timeout(wait, running).await.map_err(|_| ProcessError::TimedOut)?;
    let printed = ran.map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => ProcessError::Missing,
        _ => ProcessError::Failed(error.to_string()),
    })?;
    if printed.out.len() as u64 > MAX_OUTPUT_BYTES {
        Err(ProcessError::TooLong)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_those_of_the_errors() {
        use ProcessError::{Missing, NotAHelperName, TimedOut, TooLong};
        let all = [NotAHelperName, Missing, TimedOut, TooLong];
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words, ProcessError::WORDS);
    }
}
