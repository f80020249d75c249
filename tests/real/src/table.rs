//! Prints the results: one line per case, then all details of the failed ones.

use crate::cri::SILENCE;
use crate::judge::{Row, can};
use crate::lanes::NODE;
use crate::nodes;
use crate::tool::{Told, Tool};
use crate::world::World;

const WORDS: usize = 76;

/// Returns the table as rows of cells, the header first.
pub fn lines(rows: &[Row]) -> Vec<[String; 7]> {
    let head = ["case", "containerd", "peer", "check-acr", "agree", "found", "containerd's words"];
    std::iter::once(head.map(str::to_owned)).chain(rows.iter().map(line)).collect()
}

fn line(row: &Row) -> [String; 7] {
    let star = if row.case.peer_differs.is_some() { "*" } else { "" };
    [
        row.case.name.to_owned(),
        if row.runtime.words == SILENCE { "silent" } else { can(row.runtime.can) }.to_owned(),
        format!("{}{star}", can(row.peer.can)),
        row.tool.as_ref().map_or("not asked", |told| &told.can).to_owned(),
        if row.complaints.is_empty() { "yes" } else { "NO" }.to_owned(),
        row.tool.as_ref().map_or_else(String::new, Told::found),
        shortened(&row.runtime.words, &row.image),
    ]
}

/// Returns the accepted differences of the second client, with the reasons.
pub fn differences(rows: &[Row]) -> impl Iterator<Item = String> {
    rows.iter().filter_map(|row| Some(format!("{}: {}", row.case.name, row.case.peer_differs?)))
}

pub fn print(rows: &[Row]) {
    let lines = lines(rows);
    let widths: [usize; 7] =
        std::array::from_fn(|i| lines.iter().map(|l| l[i].chars().count()).max().unwrap_or(0));
    for line in &lines {
        let cells = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<Vec<_>>().join(" | ").trim_end());
    }
    for why in differences(rows) {
        println!("* {why}");
    }
}

/// Returns containerd's error without the image that it repeats at every level.
fn shortened(words: &str, image: &str) -> String {
    let mut words = words.to_owned();
    for prefix in
        ["rpc error: code = ", "failed to pull and unpack image ", "failed to resolve reference "]
    {
        words = words.replace(&format!("{prefix}\"{image}\": "), "");
    }
    let chars: Vec<char> = words.chars().collect();
    if chars.len() <= WORDS {
        return words;
    }
    // The end states the error; the beginning only says where it occurred.
    let tail: String = chars[chars.len() - WORDS..].iter().collect();
    format!("…{tail}")
}

pub async fn explain(world: &World, tool: Option<&Tool>, row: &Row) {
    let case = &row.case;
    println!("\n--- {} ({})", case.name, row.image);
    for complaint in &row.complaints {
        println!("  {complaint}");
    }
    println!("  containerd ({:.1?}): {}", row.runtime_took, row.runtime.words);
    println!("  peer: {}", row.peer.words);
    if let (Some(tool), Some(told)) = (tool, &row.tool) {
        println!(
            "  check-acr ({:.1?}): {} {:?} {:?} {}",
            told.took, told.can, told.codes, told.warnings, told.stderr
        );
        if case.lane.name == NODE.name {
            // The world of that node no longer exists.
            return indent(&nodes::text(&world.folder, case));
        }
        indent(&tool.text(&case.slug(), case.lane, &row.image, case.login).await);
    }
    let host = format!("{}.registry.test", case.host);
    let repository = case.repository();
    for (log, about) in [
        (format!("registry-{}", case.host), &repository),
        ("named".to_owned(), &host),
        (format!("containerd-{}", case.lane.name), &repository),
    ] {
        let lines = world.log_about(&log, about, 4);
        if !lines.is_empty() {
            println!("  {log} wrote:");
            indent(&lines);
        }
    }
}

fn indent(text: &str) {
    for line in text.lines() {
        println!("    {line}");
    }
}
