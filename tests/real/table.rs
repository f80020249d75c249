//! What is printed at the end: a line a case, then everything there is to know about those that failed.

use crate::judge::{Row, can};
use crate::tool::Tool;
use crate::world::World;

const WORDS: usize = 76;

pub fn print(rows: &[Row]) {
    let name = rows.iter().map(|r| r.case.name.len()).max().unwrap_or(0);
    println!(
        "{:name$} | containerd | peer   | check-acr | agree | cause | containerd's words",
        "case"
    );
    for row in rows {
        let told = row.tool.as_ref();
        let cause = told.map_or_else(
            || "-".to_owned(),
            |t| if t.codes.is_empty() { "none".into() } else { t.codes.join(" ") },
        );
        println!(
            "{:name$} | {:10} | {:6} | {:9} | {:5} | {} | {}",
            row.case.name,
            can(row.runtime.can),
            format!(
                "{}{}",
                can(row.peer.can),
                if row.case.peer_differs.is_some() { "*" } else { "" }
            ),
            told.map_or("not asked", |t| t.can.as_str()),
            if row.complaints.is_empty() { "yes" } else { "NO" },
            cause,
            shortened(&row.runtime.words, &row.image),
        );
    }
    for row in rows {
        if let Some(why) = row.case.peer_differs {
            println!("* {}: {why}", row.case.name);
        }
    }
}

/// containerd repeats the image in every layer of its words; what is left without it is the message.
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
    // The end says what happened, the beginning where.
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
        println!("  check-acr ({:.1?}): {} {:?} {}", told.took, told.can, told.codes, told.stderr);
        indent(&tool.text(&case.slug(), case.lane, &row.image, case.login).await);
    }
    let host = format!("{}.registry.test", case.host);
    let repository = case.repository();
    for (log, about) in [
        (format!("registry-{}", case.host), &repository),
        ("named".to_owned(), &host),
        (format!("containerd-{}", case.lane.name()), &repository),
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
