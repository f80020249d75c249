//! Runs the programs that provide credentials, with a timeout and a limit on their output.

use std::{
    fmt, io,
    path::Path,
    process::Stdio,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::join3;
use rustix::process::{Pid, Signal, kill_process_group};
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

/// How long what a program left running may still write, once the program itself has ended.
const REST_WAIT: Duration = Duration::from_millis(500);

async fn run_command(
    mut command: Command,
    input: &str,
    wait: Duration,
) -> Result<ProcessOutput, ProcessError> {
    let running = async {
        // A group of its own, which ends as a whole: also what the program started, on Ctrl-C too.
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let _group = Group(child.id());
        let stdin = child.stdin.take();
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // A program that ignores its input may have exited already.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let (out, err) = (Mutex::default(), Mutex::default());
        let (from, from_err) = (child.stdout.take(), child.stderr.take());
        let reading = async { join3(all(from, &out), all(from_err, &err), writing).await };
        let mut reading = std::pin::pin!(reading);
        let status = tokio::select! {
            (read, read_err, ()) = &mut reading => {
                read.and(read_err)?;
                child.wait().await?
            }
            status = child.wait() => {
                // Another process may hold the pipes open, for as long as it likes.
                if let Ok((read, read_err, ())) = timeout(REST_WAIT, &mut reading).await {
                    read.and(read_err)?;
                }
                status?
            }
        };
        let [out, err] = [&out, &err].map(|read| std::mem::take(&mut *lock(read)));
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

/// The processes that a program started, and itself: killed when it is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(leader) = leader {
            // There may be none left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

fn lock(read: &Mutex<Vec<u8>>) -> MutexGuard<'_, Vec<u8>> {
    read.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads to the end, or as much as is read.
async fn all(from: Option<impl AsyncRead + Unpin>, into: &Mutex<Vec<u8>>) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut from = from.take(MAX_OUTPUT_BYTES + 1);
    let mut piece = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        lock(into).extend_from_slice(&piece[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> (Result<ProcessOutput, ProcessError>, std::time::Duration) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = std::time::Instant::now();
        let ran = runtime.block_on(run("sh", &["-c", script], "", Duration::from_secs(20)));
        (ran, began.elapsed())
    }

    #[test]
    fn a_pipe_that_another_process_holds_open_is_not_waited_for() {
        let began = std::time::Instant::now();
        let (ran, took) = shell("echo token; sleep 300 & echo $! >&2; exit 0");
        let printed = ran.map_err(|error| error.to_string()).unwrap();
        assert_eq!((printed.out.as_slice(), printed.success), (b"token\n".as_slice(), true));
        assert!(took < Duration::from_secs(10), "{took:?}");
        // What it left running was ended with it.
        let pid = String::from_utf8(printed.err).unwrap();
        let is_gone = || {
            let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            state.map_or(true, |stat| stat.contains(") Z ") || !stat.contains("(sleep)"))
        };
        // The system takes a moment to end it.
        while !is_gone() && took < Duration::from_secs(10) && began.elapsed() < took * 10 {
            std::thread::yield_now();
        }
        assert!(is_gone(), "a process was left: {pid}");
    }

    #[test]
    fn the_words_are_those_of_the_errors() {
        use ProcessError::{Missing, NotAHelperName, TimedOut, TooLong};
        let all = [NotAHelperName, Missing, TimedOut, TooLong];
        let words: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(words, ProcessError::WORDS);
    }
}
