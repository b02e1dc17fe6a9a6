//! Tables with kubectl's spacing.

use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::peaker::Priority;
use tabled::settings::{Padding, Style, Width};

use super::Layout;

/// Below this nothing is gained by shrinking columns.
const NARROWEST: usize = 60;

/// A table of rows under a header; in a terminal the last column shrinks first.
pub fn table(header: &[&str], rows: Vec<Vec<String>>, layout: &Layout) -> String {
    let mut builder = Builder::new();
    builder.push_record(header.iter().copied());
    for row in rows {
        builder.push_record(row);
    }
    let mut table = builder.build();
    table
        .with(Style::empty())
        .with(Padding::new(0, 2, 0, 0))
        .modify(Columns::last(), Padding::zero());
    if let Some(width) = layout.width {
        table.with(
            Width::wrap(width.max(NARROWEST))
                .priority(Priority::right())
                .keep_words(true),
        );
    }
    // Every row is padded to the full width, also its last column.
    table
        .to_string()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// A table without the columns in which no row says anything.
pub fn sparse(header: &[&str], rows: Vec<Vec<String>>, layout: &Layout) -> String {
    let used = |column: usize| {
        rows.iter()
            .any(|row| row.get(column).is_some_and(|cell| !cell.is_empty() && cell != "-"))
    };
    let kept: Vec<usize> = (0..header.len()).filter(|column| used(*column)).collect();
    let header: Vec<&str> = kept.iter().map(|&column| header[column]).collect();
    let rows = rows
        .iter()
        .map(|row| kept.iter().map(|&column| row[column].clone()).collect())
        .collect();
    table(&header, rows, layout)
}
