//! Writes `docs/proof.md`: keeps the text above the last marker and replaces what is below it with
//! this run's results.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::Fallible;
use crate::daemon::run;
use crate::judge::Row;
use crate::table;

const MARKER: &str = "<!-- Below this line the run writes. -->";
/// The commands that print versions. The first line of the output counts.
const PROGRAMS: &[&[&str]] = &[
    &["docker-registry", "--version"],
    &["named", "-v"],
    &["squid", "-v"],
    &["tinyproxy", "-v"],
    &["skopeo", "--version"],
    &["nft", "--version"],
];
const LOCKED: &str = include_str!("../../../Cargo.lock");

pub struct Run<'a> {
    pub rows: &'a [Row],
    /// The judge's name and version.
    pub judge: &'a str,
    /// The tool under test.
    pub tool: Option<&'a Path>,
    pub took: Duration,
    /// The last line of the output.
    pub result: &'a str,
}

/// Replaces the results of an earlier run.
pub async fn write(page: &Path, seen: &Run<'_>) -> Fallible<()> {
    replace(page, &seen.written().await?)
}

/// Replaces the text below the marker.
pub fn replace(page: &Path, written: &str) -> Fallible<()> {
    let text = std::fs::read_to_string(page).map_err(|e| format!("{}: {e}", page.display()))?;
    let (above, _) = text
        .split_once(MARKER)
        .ok_or_else(|| format!("{} has no line {MARKER:?}", page.display()))?;
    std::fs::write(page, format!("{above}{MARKER}\n\n{written}"))?;
    Ok(())
}

impl Run<'_> {
    async fn written(&self) -> Fallible<String> {
        let day = said(&["date", "-u", "+%F"]).await?;
        let processors = std::thread::available_parallelism()?;
        let healthy = self.rows.iter().filter(|row| row.case.codes.is_empty()).count();
        let faults = self.rows.len() - healthy;
        let mut page = format!(
            "{day}: {faults} faults and {healthy} healthy cases; {result}. It took {took:.0} s on {processors} processors.\n\n\
             The judge: {judge}. The peer: oci-client {peer}. ",
            result = self.result,
            took = self.took.as_secs_f32(),
            judge = self.judge,
            peer = peer_version(),
        );
        if let Some(tool) = self.tool {
            let version = said(&[&tool.to_string_lossy(), "--version"]).await?;
            page += &format!("Tool under test: {version}. ");
        }
        let mut others = vec![];
        for program in PROGRAMS {
            others.push(said(program).await?);
        }
        page += &format!("Other software: {}.\n\n", others.join(" · "));
        for (at, line) in table::lines(self.rows).iter().enumerate() {
            page += &format!(
                "| {} |\n",
                line.each_ref().map(|cell| cell.replace('|', "\\|")).join(" | ")
            );
            if at == 0 {
                page += &format!("|{}\n", " --- |".repeat(line.len()));
            }
        }
        page.push('\n');
        for why in table::differences(self.rows) {
            page += &format!("\\* {why}\\\n");
        }
        Ok(page)
    }
}

/// Returns the first line of a program's output.
pub async fn said(words: &[&str]) -> Fallible<String> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    let first = run(command).await?.lines().next().unwrap_or_default().to_owned();
    // Removes a build's mark in angle brackets, which a browser would read as a tag.
    Ok(first.split(" <").next().unwrap_or_default().trim().to_owned())
}

fn peer_version() -> &'static str {
    let after = LOCKED.split_once("name = \"oci-client\"\nversion = \"").map(|(_, rest)| rest);
    after.and_then(|rest| rest.split('"').next()).unwrap_or("of an unknown version")
}
