// Builds in flight with their log, and those that ended within the last minute.

import { el, facts, panel, setText } from "../dom.js";
import { ago, age, bytes, date, duration, pluginList, plugins } from "../format.js";
import { showDialog } from "../dialog.js";
import { Table } from "../table.js";

const platformOf = (build) => [build.os, build.arch].filter(Boolean).join("/") || "–";
const idOf = (build) => build.key ?? build.request_ids?.[0] ?? "";

/** Seconds of the build; of a cached one, those of the build that made it. */
const took = (row) => row.build_seconds ?? row.seconds;

function activeBuild() {
  const title = el("h2", { class: "mono" });
  const state = el("span", { class: "tag" });
  const elapsed = el("span", { class: "dim" });
  const about = facts("wide");
  const log = el("pre", { class: "log", tabindex: "0", "aria-label": "Build log" });
  const head = el("header", {}, title, state, elapsed);
  const node = el("article", { class: "panel" }, head, about.node, log);
  return {
    node,
    update(build) {
      setText(title, idOf(build));
      setText(state, build.state ?? "");
      setText(elapsed, age(build.elapsed));
      about.update([
        ["RoadRunner", build.rr_version ?? "–"], ["Platform", platformOf(build)],
        ["Plugins", plugins(build.plugins, Infinity)],
        ["Attempt", build.attempt ?? "–"], ["Forced", build.force_rebuild ? "yes" : "no"],
        ["Process", build.pid ?? "–"], ["Started", date(build.started)],
        ["Requests", (build.request_ids ?? []).join(", ") || "–"],
      ]);
      const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      const text = (build.lines ?? []).join("\n") || "No lines yet.";
      if (log.textContent !== text) {
        log.textContent = text;
        if (isAtEnd) log.scrollTop = log.scrollHeight;
      }
    },
  };
}

export function builds(root) {
  const active = el("div", { class: "stack" });
  const none = el("p", { class: "empty panel" }, "No build is active.");
  const shown = new Map();
  const recent = new Table({
    label: "Ended builds",
    key: (row) => `${idOf(row)}/${row.ended}`,
    empty: "No build has ended within the last minute.",
    columns: [
      { title: "Key", class: "mono", text: idOf, value: idOf },
      {
        title: "State", class: "", text: (row) => (row.state === "done" && row.built === false ? "done, cached" : row.state),
        value: (row) => row.state, state: (row) => (row.state === "failed" ? "bad" : "good"),
      },
      { title: "RoadRunner", text: (row) => row.rr_version ?? "–", value: (row) => row.rr_version },
      { title: "Platform", class: "low", text: platformOf, value: platformOf },
      { title: "Plugins", class: "long", text: (row) => plugins(row.plugins), value: (row) => plugins(row.plugins), hint: (row) => pluginList(row.plugins) },
      { title: "Size", class: "n low", text: (row) => bytes(row.size), value: (row) => row.size },
      { title: "Duration", class: "n", text: (row) => duration(took(row)), value: took },
      { title: "Ended", class: "low", text: (row) => ago(row.ended), value: (row) => row.ended },
      { title: "Message", class: "wrap grow", text: (row) => row.message ?? "" },
      {
        title: "", class: "act",
        cell: (row, cell) => {
          const open = () => showDialog(`Build ${idOf(row())}`, el("p", {}, row().message ?? "Done."),
            el("pre", { tabindex: "0" }, (row().lines ?? []).join("\n") || "The build has left no lines."));
          if (row().lines?.length) cell.append(el("button", { type: "button", onclick: open }, "Log"));
        },
      },
    ],
  });
  root.append(none, active, panel("Ended within the last minute", recent.node).node);

  return {
    update(data) {
      const seen = new Set();
      for (const build of data.active) {
        const id = idOf(build);
        seen.add(id);
        if (!shown.has(id)) {
          shown.set(id, activeBuild());
          active.append(shown.get(id).node);
        }
        shown.get(id).update(build);
      }
      for (const [id, one] of shown) {
        if (seen.has(id)) continue;
        one.node.remove();
        shown.delete(id);
      }
      none.hidden = data.active.length > 0;
      recent.update(data.recent);
    },
  };
}
