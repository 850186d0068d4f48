// Artifacts: search, verification, deletion. The list is read again when the number of artifacts changes.

import { act, read } from "../api.js";
import { actionButton, actionsNote, confirmAction, notify } from "../dialog.js";
import { el, later, panel, setText } from "../dom.js";
import { ago, bytes, count, date, duration, pluginList, plugins, until } from "../format.js";
import { Table } from "../table.js";

const PAGE = 100;

export function artifacts(root) {
  let [rows, next, entries, round] = [[], null, null, 0];
  const verify = (row) => confirmAction({
    title: "Verify an artifact",
    text: [`Reads all ${bytes(row.size)} of ${row.key} and compares their SHA-256 with the recorded one. Nothing is changed.`],
    button: "Verify",
    run: async () => {
      const { valid } = await act("artifacts/verify", { key: row.key });
      return valid ? `${row.key} is valid.` : `${row.key} is damaged: its SHA-256 differs.`;
    },
  });
  const remove = (row) => confirmAction({
    title: "Delete an artifact",
    text: [`Deletes ${row.key} (${row.filename}, ${bytes(row.size)}) from the cache of this host.`, "The next request for it starts a build."],
    button: "Delete",
    danger: true,
    run: async () => {
      await act("artifacts/delete", { key: row.key });
      await load();
      return `${row.key} is deleted.`;
    },
  });
  const table = new Table({
    label: "Artifacts",
    key: (row) => row.key,
    empty: "No artifact matches.",
    columns: [
      { title: "Key", class: "mono", text: (row) => row.key, value: (row) => row.key },
      { title: "RoadRunner", text: (row) => row.rr_version ?? "–", value: (row) => row.rr_version },
      { title: "Platform", text: (row) => row.platform ?? "–", value: (row) => row.platform },
      { title: "Plugins", class: "long grow", text: (row) => plugins(row.plugins), value: (row) => plugins(row.plugins), hint: (row) => pluginList(row.plugins) },
      { title: "Size", class: "n", text: (row) => bytes(row.size), value: (row) => row.size },
      { title: "Build", class: "n low", text: (row) => duration(row.build_seconds), value: (row) => row.build_seconds },
      { title: "Created", class: "low", text: (row) => ago(row.created), value: (row) => row.created, hint: (row) => date(row.created) },
      { title: "Read", class: "low", text: (row) => ago(row.accessed), value: (row) => row.accessed, hint: (row) => date(row.accessed) },
      { title: "Expires", class: "low", text: (row) => until(row.expires), value: (row) => row.expires ?? Infinity },
      { title: "SHA-256", class: "mono low rare", text: (row) => `${row.sha256.slice(0, 12)}…`, hint: (row) => row.sha256 },
      {
        title: "", class: "act",
        cell: (row, cell) => cell.append(
          actionButton("Verify", () => verify(row()), { "aria-label": `Verify ${row().key}` }),
          actionButton("Delete", () => remove(row()), { class: "danger", "aria-label": `Delete ${row().key}` }),
        ),
      },
    ],
  });
  const search = el("input", { type: "search", placeholder: "key, version, platform, plugin", title: "Part of key, version, platform, plugin or SHA-256", "aria-label": "Search artifacts" });
  const more = el("button", { type: "button", onclick: () => load(true) }, "More");
  const clean = actionButton("Clean", () => confirmAction({
    title: "Clean the artifacts",
    text: ["Removes expired artifacts, and the ones read longest ago while the cache is above its size limit. This happens by itself too."],
    button: "Clean",
    run: async () => {
      const report = await act("artifacts/clean");
      await load();
      return `Cleaned: ${Object.entries(report).map(([name, value]) => `${name} ${value}`).join(", ")}.`;
    },
  }));
  const box = panel("Artifacts", table.node, el("div", { class: "bar" }, more));
  box.bar.append(search, clean);
  const note = actionsNote();
  root.append(...(note ? [note] : []), box.node);

  async function load(isMore = false) {
    const own = ++round;
    try {
      const page = await read("artifacts", { limit: PAGE, search: search.value.trim(), after: isMore ? next : null });
      if (own !== round) return;
      rows = isMore ? [...rows, ...page.artifacts] : page.artifacts;
      next = page.next;
      table.update(rows);
      more.parentNode.hidden = next === null;
      setText(box.heading, search.value.trim() ? `${count(rows.length)} found` : `${count(rows.length)} of ${count(page.stats?.entries ?? rows.length)}`);
    } catch (thrown) {
      notify(thrown.message);
    }
  }
  search.addEventListener("input", later(() => load()));
  load();

  return {
    overview(data) {
      if (entries !== null && entries !== data.artifacts.entries && rows.length <= PAGE) load();
      entries = data.artifacts.entries;
    },
  };
}
