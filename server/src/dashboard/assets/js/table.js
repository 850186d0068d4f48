// A table that keeps its rows: an update writes only cells with a new text, and moves only rows with a new place. It
// sorts by a column, and filters by a text.

import { el, setClass, setText } from "./dom.js";

/**
 * A column: `title`, `text(row)`, and optionally `value(row)` to sort by, `class`, `state(row)` (a class of the cell),
 * `cell(row, td)` in place of the text (once for each row), `hint(row)`.
 */
export class Table {
  constructor({ label, columns, key, sort, empty = "None." }) {
    Object.assign(this, { columns, key, sort: sort ?? null, rows: [], shown: new Map(), wanted: () => true });
    this.heads = columns.map((column, at) => this.head(column, at));
    this.body = el("tbody");
    const head = el("thead", {}, el("tr", {}, ...this.heads));
    this.table = el("table", { "aria-label": label }, head, this.body);
    this.box = el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, this.table);
    this.empty = el("p", { class: "empty" }, empty);
    this.empty.hidden = true;
    this.node = el("div", {}, this.box, this.empty);
    this.markSort();
  }

  head(column, at) {
    if (!column.value) return el("th", { scope: "col", class: column.class }, column.title);
    const order = () => {
      const descending = this.sort?.at === at ? !this.sort.descending : column.class?.includes("n") ?? false;
      this.sort = { at, descending };
      this.markSort();
      this.draw();
    };
    return el("th", { scope: "col", class: column.class }, el("button", { type: "button", onclick: order }, column.title));
  }

  markSort() {
    this.heads.forEach((head, at) => {
      if (this.sort?.at !== at) head.removeAttribute("aria-sort");
      else head.setAttribute("aria-sort", this.sort.descending ? "descending" : "ascending");
    });
  }

  update(rows) {
    this.rows = rows;
    this.draw();
  }

  filter(wanted) {
    this.wanted = wanted;
    this.draw();
  }

  draw() {
    const rows = this.rows.filter(this.wanted);
    if (this.sort) {
      const { at, descending } = this.sort;
      const { value } = this.columns[at];
      rows.sort((a, b) => compare(value(a), value(b)) * (descending ? -1 : 1) || compare(this.key(a), this.key(b)));
    }
    const shown = new Map();
    for (const row of rows) {
      const key = this.key(row);
      const line = this.shown.get(key) ?? this.line(row);
      shown.set(key, line);
      this.fill(line, row);
    }
    for (const [key, line] of this.shown) if (!shown.has(key)) line.node.remove();
    this.shown = shown;
    let next = this.body.firstElementChild;
    for (const line of shown.values()) {
      if (line.node === next) next = next.nextElementSibling;
      else this.body.insertBefore(line.node, next);
    }
    this.box.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    this.count = rows.length;
  }

  line(row) {
    const line = { node: el("tr"), row };
    line.cells = this.columns.map((column) => {
      const cell = el("td", { class: column.class });
      column.cell?.(() => line.row, cell);
      return cell;
    });
    line.node.append(...line.cells);
    return line;
  }

  fill(line, row) {
    line.row = row;
    this.columns.forEach((column, at) => {
      const cell = line.cells[at];
      if (column.text) setText(cell, column.text(row));
      if (column.state) setClass(cell, `${column.class ?? ""} ${column.state(row) ?? ""}`.trim());
      const hint = column.hint?.(row);
      if (hint && cell.title !== hint) cell.title = hint;
    });
  }
}

function compare(a, b) {
  if (a === b) return 0;
  if (a == null) return -1;
  if (b == null) return 1;
  return a < b ? -1 : 1;
}
