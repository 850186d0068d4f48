// All metrics, with a search; the history of a shown series is kept while the view is open.

import { el, later, panel, setText } from "../dom.js";
import { count, many, number } from "../format.js";
import { Spark } from "../spark.js";

/** Series that are drawn at once; a search finds the others. */
const MAX_SERIES = 200;

const labelsOf = (sample) => Object.entries(sample.labels).map(([name, value]) => `${name}="${value}"`).join(", ");
const average = (sample) => sample.count === undefined ? number(sample.value)
  : `${number(sample.value)} mean of ${count(sample.count)}`;

export function metrics(root) {
  const search = el("input", { type: "search", placeholder: "name, label, help", "aria-label": "Search metrics" });
  const own = el("input", { type: "checkbox" });
  const list = el("div");
  const box = panel("Metrics", list);
  box.bar.append(el("label", {}, own, "application only"), search);
  root.append(box.node);
  let families = [];
  const shown = new Map();

  function family(data) {
    const body = el("tbody");
    const kind = el("span", { class: "sub" }, data.type, data.application ? ", application" : "");
    const node = el("section", { class: "family" }, el("h2", {}, el("span", { class: "mono" }, data.name), " ", kind),
      el("p", {}, data.help), el("div", { class: "scroll" }, el("table", { "aria-label": data.name }, body)));
    return { node, body, series: new Map() };
  }
  function series(name, text) {
    const spark = new Spark(`${name}: last minute`);
    const value = el("td", { class: "n" });
    const node = el("tr", {}, el("td", { class: "mono" }, text || "value"), value, el("td", {}, spark.node));
    return { node, value, spark };
  }

  function draw(isNew) {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let [left, found] = [MAX_SERIES, 0];
    const kept = new Set();
    for (const data of families) {
      if (own.checked && !data.application) continue;
      const head = `${data.name} ${data.help}`.toLowerCase();
      const samples = data.samples.map((sample) => [labelsOf(sample), sample])
        .filter(([text]) => words.every((word) => head.includes(word) || text.toLowerCase().includes(word)));
      found += samples.length;
      if (samples.length === 0 || left <= 0) continue;
      let entry = shown.get(data.name);
      if (!entry) shown.set(data.name, (entry = family(data)));
      kept.add(data.name);
      const lines = new Set();
      for (const [text, sample] of samples.slice(0, left)) {
        let line = entry.series.get(text);
        if (!line) {
          entry.series.set(text, (line = series(data.name, text)));
          entry.body.append(line.node);
        }
        lines.add(text);
        setText(line.value, average(sample));
        if (isNew || line.spark.values.length === 0) line.spark.add(sample.count ?? sample.value);
      }
      left -= samples.length;
      for (const [text, line] of entry.series) {
        if (lines.has(text)) continue;
        line.node.remove();
        entry.series.delete(text);
      }
      list.append(...(entry.node.isConnected ? [] : [entry.node]));
    }
    for (const [name, entry] of shown) {
      if (kept.has(name)) continue;
      entry.node.remove();
      shown.delete(name);
    }
    setText(box.heading, found > MAX_SERIES ? `The first ${MAX_SERIES} of ${many(found, "series", "series")}` : many(found, "series", "series"));
  }
  const again = later(() => draw(false), 100);
  search.addEventListener("input", again);
  own.addEventListener("change", again);

  return {
    update(data) {
      families = data.families;
      draw(true);
    },
  };
}
