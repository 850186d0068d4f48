//! The lines of one picture: the head, and as many workers as have room. Pure.

use serde_json::Value;

use super::{
    columns::{fitting, row, titles},
    head::head,
    keys::Key,
    sort::Sort,
};
use crate::units::list;

const REVERSE: &str = "\x1b[7m";
const RESET: &str = "\x1b[0m";

/// The choices of the user.
#[derive(Debug, Clone)]
pub(super) struct View {
    sort: Sort,
    is_reversed: bool,
    /// Workers above the first row that is shown.
    scrolled: usize,
    /// Rows of workers of the last picture.
    page: usize,
}

impl View {
    pub(super) const fn new(sort: Sort) -> Self {
        Self {
            sort,
            is_reversed: false,
            scrolled: 0,
            page: 1,
        }
    }

    /// Applies a key.
    pub(super) fn apply(&mut self, key: Key) {
        let scrolled = self.scrolled;
        match key {
            Key::Quit => {}
            Key::Up => self.scrolled = scrolled.saturating_sub(1),
            Key::Down => self.scrolled = scrolled.saturating_add(1),
            Key::PageUp => self.scrolled = scrolled.saturating_sub(self.page),
            Key::PageDown => self.scrolled = scrolled.saturating_add(self.page),
            Key::Home => self.scrolled = 0,
            Key::End => self.scrolled = usize::MAX,
            Key::NextOrder => self.sort = self.sort.step(1),
            Key::LastOrder => self.sort = self.sort.step(-1),
            Key::Order(sort) => self.sort = sort,
            Key::Reverse => self.is_reversed = !self.is_reversed,
        }
    }

    /// Keeps the last worker at the bottom of so many rows.
    pub(super) fn fit(&mut self, state: &Value, columns: usize, rows: usize) {
        let above = head(state, columns, false).len() + 1;
        self.page = rows.saturating_sub(above).max(1);
        let workers = list(state, "/workers").len();
        self.scrolled = self.scrolled.min(workers.saturating_sub(self.page));
    }

    /// The lines, each of at most `columns` characters.
    pub(super) fn lines(
        &self,
        state: &Value,
        columns: usize,
        rows: usize,
        has_colours: bool,
    ) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (style, line) in head(state, columns, has_colours) {
            lines.push(styled(style, &cut(&line, columns)));
        }
        let shown = fitting(columns, self.sort);
        let titles = cut(&titles(&shown, self.sort, self.is_reversed), columns);
        lines.push(match has_colours {
            true => styled(REVERSE, &format!("{titles:<columns$}")),
            false => titles,
        });
        let room = rows.saturating_sub(lines.len());
        let workers = self.sort.sorted(list(state, "/workers"), self.is_reversed);
        let workers = workers.iter().skip(self.scrolled).take(room);
        lines.extend(workers.map(|worker| cut(row(&shown, worker).trim_end(), columns)));
        lines.truncate(rows);
        lines
    }
}

fn styled(style: &str, line: &str) -> String {
    match style {
        "" => line.to_owned(),
        style => format!("{style}{line}{RESET}"),
    }
}

fn cut(line: &str, columns: usize) -> String {
    line.chars().take(columns).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn host(workers: u64) -> Value {
        let workers: Vec<Value> = (1..=workers)
            .map(|pid| {
                json!({
                    "pid": pid, "thread": pid, "busy": pid as f64, "mode": "fpm", "requests": 1,
                    "request": {"method": "GET", "uri": "/\u{1b}[2J"},
                })
            })
            .collect();
        json!({"overview": {"version": "1"}, "workers": workers, "builds": {"active": []}})
    }

    #[test]
    fn picture_fits_and_scrolls_to_the_last_worker() {
        let state = host(500);
        let mut view = View::new(Sort::Pid);
        for (columns, rows) in [(80, 24), (200, 60), (10, 3), (1, 1), (0, 0)] {
            view.fit(&state, columns, rows);
            let lines = view.lines(&state, columns, rows, false);
            assert!(lines.len() <= rows, "{lines:?}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns));
        }
        view.apply(Key::End);
        view.fit(&state, 80, 24);
        let lines = view.lines(&state, 80, 24, false);
        assert_eq!(lines.len(), 24);
        assert!(lines[23].trim_start().starts_with("500 "), "{lines:?}");
        view.apply(Key::PageUp);
        view.fit(&state, 80, 24);
        let before = view.lines(&state, 80, 24, false);
        assert_eq!(before[23].split_whitespace().next(), Some("482"));
        assert!(
            !lines.concat().contains('\u{1b}'),
            "neither colours nor orders of a client"
        );
    }

    #[test]
    fn fewer_workers_leave_no_empty_screen() {
        let mut view = View::new(Sort::Age);
        view.apply(Key::End);
        view.fit(&host(500), 80, 24);
        let few = host(2);
        view.fit(&few, 80, 24);
        assert_eq!(view.lines(&few, 80, 24, false).len(), 8);
    }
}
