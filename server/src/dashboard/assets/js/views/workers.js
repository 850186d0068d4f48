// All workers of the host; the rows are kept from update to update, so that 500 of them cost little.

import { el, panel, setText } from "../dom.js";
import { age, bytes, count, duration, many } from "../format.js";
import { Table } from "../table.js";

const SLOW = 5;

const target = (worker) => worker.request ? `${worker.request.method ?? ""} ${worker.request.uri ?? ""}`.trim() : "";
const isBusy = (worker) => worker.busy !== null && worker.busy !== undefined;

export function workers(root) {
  const table = new Table({
    label: "Workers",
    key: (worker) => `${worker.pid}/${worker.thread ?? 0}`,
    sort: { at: 0, descending: false },
    empty: "No worker matches.",
    columns: [
      { title: "PID", text: (row) => (row.thread && row.thread !== row.pid ? `${row.pid}/${row.thread}` : row.pid), value: (row) => row.pid },
      { title: "Mode", class: "low", text: (row) => row.mode, value: (row) => row.mode },
      {
        title: "State", class: "", value: (row) => (isBusy(row) ? 1e9 + row.busy : -(row.idle ?? 0)),
        text: (row) => (isBusy(row) ? `busy ${duration(row.busy)}` : `idle ${age(row.idle)}`),
        state: (row) => (!isBusy(row) ? "dim" : row.busy > SLOW ? "warn" : "good"),
      },
      { title: "Request", class: "long grow mono", text: target, value: target, hint: target },
      { title: "Requests", class: "n", text: (row) => count(row.requests), value: (row) => row.requests },
      { title: "Last", class: "n low", text: (row) => duration(row.durations?.last), value: (row) => row.durations?.last },
      { title: "p50", class: "n low", text: (row) => duration(row.durations?.p50), value: (row) => row.durations?.p50 },
      { title: "p99", class: "n", text: (row) => duration(row.durations?.p99), value: (row) => row.durations?.p99 },
      { title: "Memory", class: "n", text: (row) => bytes(row.memory), value: (row) => row.memory },
      { title: "Peak", class: "n low", text: (row) => bytes(row.peak_memory), value: (row) => row.peak_memory },
      { title: "Restarts", class: "n low", text: (row) => count(row.restarts), value: (row) => row.restarts },
      {
        title: "Leaks", class: "n", text: (row) => count(row.leaks), value: (row) => row.leaks,
        state: (row) => (row.leaks ? "bad" : ""),
      },
      { title: "Up", class: "n low", text: (row) => age(row.uptime), value: (row) => row.uptime },
    ],
  });
  const processes = new Table({
    label: "Processes",
    key: (row) => row.pid,
    columns: [
      { title: "PID", text: (row) => row.pid, value: (row) => row.pid },
      { title: "Mode", class: "grow", text: (row) => row.mode, value: (row) => row.mode },
      { title: "Version", text: (row) => row.version, value: (row) => row.version },
      { title: "Up", class: "n", text: (row) => age(row.seconds), value: (row) => row.seconds },
    ],
  });
  const search = el("input", { type: "search", placeholder: "PID, mode, request", "aria-label": "Filter workers" });
  const busyOnly = el("input", { type: "checkbox" });
  const box = panel("", table.node);
  box.bar.append(el("label", {}, busyOnly, "busy only"), search);
  const other = panel("Processes", processes.node);
  root.append(box.node, other.node);
  const filter = () => {
    const text = search.value.trim().toLowerCase();
    table.filter((row) => (!busyOnly.checked || isBusy(row))
      && (text === "" || `${row.pid} ${row.mode} ${target(row)}`.toLowerCase().includes(text)));
    heading();
  };
  const heading = () => {
    const all = table.rows.length;
    setText(box.heading, table.count === all ? many(all, "worker") : `${count(table.count)} of ${many(all, "worker")}`);
  };
  search.addEventListener("input", filter);
  busyOnly.addEventListener("change", filter);

  return {
    update(data) {
      table.update(data.workers);
      processes.update(data.processes ?? []);
      heading();
    },
  };
}
