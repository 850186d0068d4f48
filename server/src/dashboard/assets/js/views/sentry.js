// Sentry: queue, rate limits, counts, and dead letters, which can be read, replayed and discarded.

import { act, read } from "../api.js";
import { actionButton, actionsNote, confirmAction, notify, showDialog } from "../dialog.js";
import { el, facts, panel } from "../dom.js";
import { ago, bytes, count, date, many, title, until } from "../format.js";
import { Table } from "../table.js";

const PAGE = 100;

export function sentry(root) {
  const queue = facts("wide");
  const counts = facts("wide");
  const limits = new Table({
    label: "Rate limits",
    key: (row) => `${row.project}/${row.category}`,
    empty: "No rate limit holds.",
    columns: [
      { title: "Project", text: (row) => row.project, value: (row) => row.project },
      { title: "Category", text: (row) => row.category || "all", value: (row) => row.category },
      { title: "Ends", text: (row) => until(row.until), value: (row) => row.until },
    ],
  });
  const titleOf = (row) => row.title ?? row.type ?? "no title";
  const replay = (row) => confirmAction({
    title: "Replay a dead letter",
    text: [`Puts the envelope “${titleOf(row)}” (${bytes(row.bytes)}) into the queue again. It is no dead letter then; Sentry gets it with the next delivery.`],
    button: "Replay",
    run: async () => `${many((await act("sentry/replay", { id: row.id })).replayed, "dead letter")} replayed.`,
  });
  const discard = (row) => confirmAction({
    title: "Discard a dead letter",
    text: [`Deletes the envelope “${titleOf(row)}” (${bytes(row.bytes)}). Sentry never gets it.`],
    button: "Discard",
    danger: true,
    run: async () => {
      await act("sentry/discard", { id: row.id });
      await load();
      return "1 dead letter discarded.";
    },
  });
  const show = async (row) => {
    try {
      const letter = await read(`sentry/dead-letters/${encodeURIComponent(row.id)}`);
      const about = facts("wide");
      about.update([["Id", row.id], ["Time", date(row.time)], ["Reason", row.reason], ["Attempts", count(row.attempts)], ["Event", row.event_id ?? "–"]]);
      const items = (letter.items ?? []).map((item) => el("section", {},
        el("h3", {}, `${item.type ?? "item"} `, el("span", { class: "sub" }, bytes(item.bytes) + (item.is_truncated ? ", cut" : ""))),
        el("pre", { tabindex: "0" }, item.payload != null ? JSON.stringify(item.payload, null, 2) : item.text ?? "binary")));
      showDialog(titleOf(row), about.node,
        el("section", {}, el("h3", {}, "Headers"), el("pre", { tabindex: "0" }, JSON.stringify(letter.headers ?? {}, null, 2))), ...items);
    } catch (thrown) {
      notify(thrown.message);
    }
  };
  const letters = new Table({
    label: "Dead letters",
    key: (row) => row.id,
    empty: "No dead letter.",
    columns: [
      { title: "Time", text: (row) => ago(row.time), value: (row) => row.time, hint: (row) => date(row.time) },
      { title: "Type", class: "low", text: (row) => row.type ?? "–", value: (row) => row.type },
      { title: "Title", class: "wrap grow", text: titleOf, value: titleOf },
      {
        title: "Reason", class: "long low", text: (row) => row.reason ?? "", value: (row) => row.reason,
        hint: (row) => row.reason,
      },
      { title: "Attempts", class: "n low", text: (row) => count(row.attempts), value: (row) => row.attempts },
      { title: "Size", class: "n low", text: (row) => bytes(row.bytes), value: (row) => row.bytes },
      {
        title: "", class: "act",
        cell: (row, cell) => cell.append(
          el("button", { type: "button", onclick: () => show(row()) }, "Read"),
          actionButton("Replay", () => replay(row())),
          actionButton("Discard", () => discard(row()), { class: "danger" }),
        ),
      },
    ],
  });
  const all = actionButton("Replay all…", async () => {
    try {
      // The number of a second ago may be wrong.
      const { dead_letters: dead } = await read("sentry");
      confirmAction({
        title: "Replay all dead letters",
        text: [`Puts ${many(dead.count, "dead letter")} into the queue again, in place of the dead letters.`],
        button: "Replay all",
        run: async () => `${many((await act("sentry/replay", { all: true })).replayed, "dead letter")} replayed.`,
      });
    } catch (thrown) {
      notify(thrown.message);
    }
  });
  const more = el("button", { type: "button", onclick: () => load(true) }, "More");
  const box = panel("Dead letters", letters.node, el("div", { class: "bar" }, more));
  box.bar.append(all);
  const note = actionsNote();
  root.append(...(note ? [note] : []), panel("Queue", queue.node).node, panel("Rate limits", limits.node).node, box.node,
    panel("Counts", counts.node).node);
  let [shown, next, rows, round] = [null, null, [], 0];

  async function load(isMore = false) {
    const own = ++round;
    try {
      const page = await read("sentry/dead-letters", { limit: PAGE, after: isMore ? next : null });
      if (own !== round) return;
      rows = isMore ? [...rows, ...page.dead_letters] : page.dead_letters;
      next = page.next;
      letters.update(rows);
      more.parentNode.hidden = !next;
    } catch (thrown) {
      notify(thrown.message);
    }
  }
  load();

  return {
    update(data) {
      const { queue: queued = {}, dead_letters: dead = {} } = data;
      queue.update([
        ["Project", data.project ?? "–"], ["Queued", `${count(queued.queued)} of ${count(queued.limit)}`], ["Size", bytes(queued.bytes)],
        ["Queues of workers", count(queued.workers)], ["On disk", typeof queued.on_disk === "number" ? count(queued.on_disk) : queued.on_disk ? "yes" : "no"],
        ["Dead letters", `${count(dead.count)} of ${count(dead.max_count)}`, dead.count ? "bad" : ""],
        ["Their size", `${bytes(dead.bytes)} of ${bytes(dead.max_bytes)}`],
      ]);
      const names = Object.entries(data.counts ?? {});
      counts.update(names.map(([name, value]) => [title(name), name.startsWith("bytes") ? bytes(value) : count(value)]));
      limits.update(data.rate_limits ?? []);
      if (shown !== null && shown !== dead.count) load();
      shown = dead.count ?? 0;
      all.disabled = all.title !== "" || !shown;
    },
  };
}
