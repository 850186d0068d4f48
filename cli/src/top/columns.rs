//! The columns and rows of workers. Pure.

use serde_json::Value;

use super::sort::Sort;
use crate::units::{bytes, float, number, seconds, text};

/// A column of numbers, which stand at the right; or of texts, at the left.
#[derive(Debug)]
pub(super) struct Column {
    title: &'static str,
    width: usize,
    sort: Option<Sort>,
    is_text: bool,
    /// The columns with the lowest rank are left out first where there is no room.
    rank: u8,
    value: fn(&Value) -> String,
}

/// Columns that the request has at least; for it, others are left out.
const MIN_REQUEST: usize = 24;
/// The rank of a column that always stays.
const NEEDED: u8 = 9;

const fn column(
    title: &'static str,
    width: usize,
    sort: Option<Sort>,
    rank: u8,
    value: fn(&Value) -> String,
) -> Column {
    Column {
        title,
        width,
        sort,
        is_text: false,
        rank,
        value,
    }
}

/// All columns; the request has the rest of the width.
const COLUMNS: [Column; 10] = [
    column("PID", 8, Some(Sort::Pid), NEEDED, |worker| {
        number(worker, "/pid").to_string()
    }),
    column("THREAD", 8, None, 1, |worker| {
        number(worker, "/thread").to_string()
    }),
    column("BUSY", 8, Some(Sort::Age), NEEDED, |worker| {
        age(worker, "/busy")
    }),
    column("IDLE", 8, None, 3, |worker| age(worker, "/idle")),
    column("REQUESTS", 10, Some(Sort::Requests), 6, |worker| {
        number(worker, "/requests").to_string()
    }),
    column("P50", 8, None, 2, |worker| age(worker, "/durations/p50")),
    column("P99", 8, Some(Sort::P99), 5, |worker| {
        age(worker, "/durations/p99")
    }),
    column("MEMORY", 11, Some(Sort::Memory), 7, |worker| {
        bytes(number(worker, "/memory"))
    }),
    column("LEAKS", 7, None, 4, |worker| {
        number(worker, "/leaks").to_string()
    }),
    Column {
        is_text: true,
        ..column("MODE", 18, None, 0, |worker| text(worker, "/mode"))
    },
];

/// A duration; a dash where there is none.
fn age(worker: &Value, pointer: &str) -> String {
    float(worker, pointer).map_or_else(|| "-".to_owned(), seconds)
}

/// The columns that fit beside the request. The one of the order stays.
pub(super) fn fitting(width: usize, sort: Sort) -> Vec<&'static Column> {
    let mut columns: Vec<&Column> = COLUMNS.iter().collect();
    let rank = |column: &Column| match column.sort == Some(sort) {
        true => NEEDED,
        false => column.rank,
    };
    let taken =
        |columns: &[&Column]| -> usize { columns.iter().map(|column| column.taken()).sum() };
    while taken(&columns) + 2 + MIN_REQUEST > width {
        let lowest = columns.iter().map(|column| rank(column)).min();
        let Some(lowest) = lowest.filter(|lowest| *lowest < NEEDED) else {
            break;
        };
        columns.retain(|column| rank(column) != lowest);
    }
    columns
}

impl Column {
    /// Its width with the gap before a text.
    const fn taken(&self) -> usize {
        self.width + if self.is_text { 2 } else { 0 }
    }

    fn aligned(&self, text: &str) -> String {
        let width = self.width;
        match self.is_text {
            true => format!("  {text:<width$}"),
            false => format!("{text:>width$}"),
        }
    }

    /// The title, with a mark where the column is the order.
    fn heading(&self, sort: Sort, is_reversed: bool) -> String {
        match (self.sort == Some(sort), is_reversed) {
            (true, false) => self.aligned(&format!("{}v", self.title)),
            (true, true) => self.aligned(&format!("{}^", self.title)),
            (false, _) => self.aligned(self.title),
        }
    }
}

/// The line of titles.
pub(super) fn titles(columns: &[&Column], sort: Sort, is_reversed: bool) -> String {
    let titles = columns
        .iter()
        .map(|column| column.heading(sort, is_reversed));
    format!("{}  REQUEST", titles.collect::<String>())
}

/// The row of a worker.
pub(super) fn row(columns: &[&Column], worker: &Value) -> String {
    let values = columns
        .iter()
        .map(|column| column.aligned(&(column.value)(worker)));
    let request = [
        text(worker, "/request/method"),
        text(worker, "/request/uri"),
    ];
    format!("{}  {}", values.collect::<String>(), request.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn narrow_terminal_keeps_order_and_request() {
        let worker = json!({
            "pid": 7, "thread": 7, "busy": null, "idle": 147.0, "requests": 3, "memory": 2048,
            "request": {"method": "GET", "uri": "/orders"},
        });
        for sort in Sort::ALL {
            let columns = fitting(80, sort);
            let titles = titles(&columns, sort, false);
            assert_eq!(titles.matches('v').count(), 1, "{titles}");
            // `REQUESTS` is another column.
            let request = titles.rfind("REQUEST").unwrap();
            assert!(request + MIN_REQUEST <= 80, "{titles}");
            // A dash has three bytes, and one place.
            let row = row(&columns, &worker);
            let before = row.split("GET /orders").next().unwrap();
            assert_eq!(before.chars().count(), request, "{row}");
        }
        let wide = fitting(200, Sort::Age);
        assert_eq!(wide.len(), COLUMNS.len());
        let titles = titles(&wide, Sort::Age, true);
        assert!(titles.contains("  BUSY^    IDLE"), "{titles}");
        let row = row(&wide, &worker);
        assert!(row.contains("-   2m27s"), "{row}");
    }
}
