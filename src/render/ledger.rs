//! `status NAME`: header, verdict, the ledger of ordinals, and what comes next.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;

use super::Layout;
use super::age::age;
use super::cell::cell;
use super::diagnosis::{header, tail, verdict};
use super::table::sparse;
use crate::diagnose::SetReport;
use crate::diagnose::ledger::{Ledger, Published, RevisionStanding, Row};

/// Longer ledgers fold their healthy runs.
const SCREEN: usize = 30;
/// A run of fewer rows is not worth folding.
const SHORTEST_RUN: usize = 4;

/// How much of the ledger is shown.
#[derive(Clone, Copy, Debug, Default)]
pub struct Detail {
    /// With addresses, volumes and sizes.
    pub wide: bool,
    /// Every row, however many.
    pub rows: bool,
}

/// One set in full.
pub fn ledger(
    origin: &str,
    report: &SetReport,
    ledger: &Ledger,
    now: Timestamp,
    detail: Detail,
    layout: &Layout,
) -> String {
    let works = format!(
        "{}, {}{}",
        cell(&ledger.pod_management_policy),
        cell(&ledger.strategy),
        partition(ledger)
    );
    let mut text = header(origin, report, &works, now, layout);
    text += &verdict(report, now, layout);
    text += &rows(report, ledger, now, detail, layout);
    if !ledger.parked.is_empty() {
        text += &layout.labelled(
            "Parked",
            &cell(&format!(
                "claims kept for a later scale-up: {}",
                ledger.parked.join(", ")
            )),
        );
    }
    text + &tail(report, &ledger.decision.because, layout)
}

fn partition(ledger: &Ledger) -> String {
    if ledger.partition == 0 {
        String::new()
    } else {
        format!(" partition {}", ledger.partition)
    }
}

fn rows(report: &SetReport, ledger: &Ledger, now: Timestamp, detail: Detail, layout: &Layout) -> String {
    let mut header = vec![
        "ORD", "POD", "STATE", "RESTARTS", "REVISION", "NODE", "ZONE", "CLAIM", "DNS",
    ];
    if detail.wide {
        header.extend(["ADDRESS", "VOLUME"]);
    }
    let differs = ledger.ordinals.iter().any(Row::misses_record);
    let fold = !detail.rows && ledger.ordinals.len() > SCREEN;
    let mut lines = Vec::new();
    let mut at = 0;
    while let Some(row) = ledger.ordinals.get(at) {
        let run = ledger.ordinals[at..].iter().take_while(|row| plain(row)).count();
        if fold && run >= SHORTEST_RUN {
            let last = &ledger.ordinals[at + run - 1];
            let mut line = vec![
                format!("{}–{}", row.ordinal, last.ordinal),
                format!("{run} pods"),
                "ready".to_owned(),
            ];
            line.resize(header.len(), String::new());
            lines.push(line);
            at += run;
            continue;
        }
        lines.push(line(report, row, now, differs, detail, layout));
        at += 1;
    }
    sparse(&header, lines, layout)
}

/// Whether there is nothing to say of a row beyond its number.
fn plain(row: &Row) -> bool {
    row.ready
        && !row.condemned
        && row.restarts.unwrap_or(0) == 0
        && row.revision_standing == Some(RevisionStanding::Wanted)
        && row.claims.iter().all(|claim| claim.state == "bound")
}

fn line(report: &SetReport, row: &Row, now: Timestamp, dns: bool, detail: Detail, layout: &Layout) -> Vec<String> {
    let since = row.since.map_or(String::new(), |since| format!(" {}", age(now, since)));
    let style = if row.ready {
        layout.palette.good
    } else {
        layout.palette.bad
    };
    let state = format!("{}{since}", cell(&row.state));
    let condemned = if row.condemned { " (leaving)" } else { "" };
    let prefix = format!("{}-", report.name);
    let revision = row.revision.as_deref().map(|revision| {
        let hash = cell(revision.strip_prefix(prefix.as_str()).unwrap_or(revision));
        match row.revision_standing {
            Some(RevisionStanding::Wanted) | None => hash,
            Some(other) => format!("{hash} {}", other.word()),
        }
    });
    let claims: Vec<_> = row
        .claims
        .iter()
        .map(|claim| format!("{} {}", cell(&claim.name), cell(&claim.state)))
        .collect();
    let dash = || "-".to_owned();
    let mut line = vec![
        row.ordinal.to_string(),
        format!("{}{condemned}", cell(&row.pod)),
        state.style(style).to_string(),
        row.restarts.map_or_else(dash, |restarts| restarts.to_string()),
        revision.unwrap_or_else(dash),
        row.node.as_deref().map_or_else(dash, cell),
        row.zone.as_deref().map_or_else(dash, cell),
        if claims.is_empty() { dash() } else { claims.join(", ") },
        match row.dns {
            Some(Published::Published) if dns => "published".to_owned(),
            Some(Published::Differs) if dns => "another address".to_owned(),
            Some(Published::Unpublished) if dns => "not published".to_owned(),
            _ => dash(),
        },
    ];
    if detail.wide {
        let volumes = row.claims.iter().filter_map(|claim| {
            Some(format!(
                "{} {}",
                claim.volume.as_ref()?,
                claim.size.as_deref().unwrap_or("")
            ))
        });
        let volumes: Vec<_> = volumes.collect();
        line.push(row.address.as_deref().map_or_else(dash, cell));
        line.push(if volumes.is_empty() {
            dash()
        } else {
            cell(&volumes.join(", "))
        });
    }
    line
}
