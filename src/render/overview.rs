//! `status` without a name: one row a set, worst first.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;

use super::Layout;
use super::age::age;
use super::cell::{cell, cut};
use super::table::table;
use crate::diagnose::SetReport;
use crate::diagnose::ledger::Ledger;

/// How much of a verdict's reason a row holds.
const REASON: usize = 80;

/// One set's row.
#[derive(Debug)]
pub struct OverviewRow<'a> {
    /// Its report.
    pub report: &'a SetReport,
    /// Its ledger.
    pub ledger: &'a Ledger,
    /// Images of its template.
    pub images: Vec<String>,
}

/// The table. `namespaces`: whether they are a column; `wide`: with revisions and images.
pub fn overview(rows: &[OverviewRow<'_>], now: Timestamp, namespaces: bool, wide: bool, layout: &Layout) -> String {
    let mut header = vec!["NAME", "VERDICT", "SERVING", "FOR"];
    if namespaces {
        header.insert(0, "NAMESPACE");
    }
    if wide {
        header.extend(["UPDATE", "IMAGES"]);
    }
    header.push("REASON");
    let lines = rows
        .iter()
        .map(|row| line(row, now, namespaces, wide, layout))
        .collect();
    table(&header, lines, layout)
}

fn line(row: &OverviewRow<'_>, now: Timestamp, namespaces: bool, wide: bool, layout: &Layout) -> Vec<String> {
    let report = row.report;
    let verdict = report
        .verdict
        .word()
        .style(layout.palette.verdict(report.verdict))
        .to_string();
    let since = report.since.map_or("-".to_owned(), |since| age(now, since));
    let mut line = vec![cell(&report.name), verdict, serving(report), since];
    if namespaces {
        line.insert(0, cell(&report.namespace));
    }
    if wide {
        line.push(cell(&row.ledger.revisions.update));
        line.push(cell(&row.images.join(",")));
    }
    line.push(cut(&cell(&report.summary), REASON));
    line
}

/// `2/3`, or `?/3` where pods could not be read.
pub fn serving(report: &SetReport) -> String {
    let ready = report.serving.ready.map_or("?".to_owned(), |ready| ready.to_string());
    format!("{ready}/{}", report.serving.wanted)
}
