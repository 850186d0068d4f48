// The numbers of the whole host.

import { el, facts, setText } from "../dom.js";
import { bytes, count, duration, many, number, percent } from "../format.js";
import { Spark } from "../spark.js";

function card(title, view) {
  const heading = el("h2", {}, view ? el("a", { href: `#/${view}` }, title) : title);
  const figure = el("span");
  const unit = el("small");
  const rest = facts();
  const node = el("section", { class: "panel card" }, heading, el("div", { class: "figure" }, figure, " ", unit));
  return {
    node, heading, rest,
    update(value, text, entries) {
      setText(figure, value);
      setText(unit, text);
      rest.update(entries);
      if (!rest.node.isConnected) node.append(rest.node);
    },
  };
}

/** A bar below the facts of a card, with its meaning: without it, it would seem to show the figure above. */
function meter(box, label) {
  const bar = el("meter", { min: "0", max: "1", high: "0.9", optimum: "0", "aria-label": label });
  const caption = el("span", { class: "sub" });
  const node = el("div", { class: "fill" }, caption, bar);
  return (part, whole) => {
    node.hidden = !whole;
    if (!node.isConnected) box.node.append(node);
    if (!whole) return;
    bar.value = part / whole;
    setText(caption, `${label}: ${percent(part / whole)}`);
  };
}

const bad = (value) => (value ? "bad" : "");

export function overview(root) {
  const problems = el("ul");
  const problemBox = el("section", { class: "panel problems" }, el("h2", {}, "Problems"), problems);
  problemBox.hidden = true;
  const cards = {
    workers: card("Workers", "workers"), requests: card("Requests", "workers"), builds: card("Builds", "builds"),
    artifacts: card("Artifacts", "artifacts"), cache: card("Cache", "cache"), sentry: card("Sentry", "sentry"),
    delivery: card("Delivery"), memory: card("Memory of workers", "workers"),
  };
  const fill = { artifacts: meter(cards.artifacts, "Used space"), cache: meter(cards.cache, "Used memory") };
  const lines = { requests: new Spark("Requests per second, last minute"), workers: new Spark("Busy workers, last minute"), memory: new Spark("Memory of workers, last minute") };
  for (const [name, line] of Object.entries(lines)) cards[name].heading.append(line.node);
  const host = facts("wide");
  const hostPanel = el("section", { class: "panel" }, el("header", {}, el("h2", {}, "Host")), host.node);
  root.append(problemBox, el("div", { class: "cards" }, ...Object.values(cards).map((one) => one.node)), hostPanel);
  let shown = "";
  let last = null;

  return {
    overview(data) {
      const { workers, builds, artifacts, cache, sentry, delivery } = data;
      const found = JSON.stringify(data.problems);
      if (found !== shown) {
        shown = found;
        problems.replaceChildren(...data.problems.map((text) => el("li", {}, text)));
        problemBox.hidden = data.problems.length === 0;
      }
      if (data.time !== last) {
        last = data.time;
        lines.requests.add(workers.requests_per_second);
        lines.workers.add(workers.busy);
        lines.memory.add(workers.memory);
      }
      cards.workers.update(count(workers.busy), `busy of ${count(workers.total)}`, [
        ["Idle", count(workers.total - workers.busy)], ["Leaks", count(workers.leaks), bad(workers.leaks)],
      ]);
      cards.requests.update(number(round(workers.requests_per_second)), "per second", [["Total", count(workers.requests)]]);
      cards.memory.update(bytes(workers.memory), "", [["Peak", bytes(workers.peak_memory)]]);
      cards.builds.update(count(builds.active), "active", [
        ["Built", count(builds.success)], ["Failed", count(builds.failed), bad(builds.failed)],
        ["Cache hits, misses", `${count(builds.hits)}, ${count(builds.misses)}`],
      ]);
      cards.artifacts.update(artifacts.enabled === false ? "off" : count(artifacts.entries), artifacts.enabled === false ? "" : `of ${count(artifacts.max_entries)}`, [
        ["Size", `${bytes(artifacts.bytes)} of ${bytes(artifacts.max_bytes)}`],
        ["Writable", artifacts.writable === false ? "no" : "yes", artifacts.writable === false ? "bad" : ""],
      ]);
      fill.artifacts(artifacts.bytes, artifacts.max_bytes);
      const tier = cache.second_tier;
      cards.cache.update(cache.enabled ? percent(cache.hit_ratio) : "off", cache.enabled ? "hits" : "", [
        ["Values", count(cache.entries)], ["Evictions", count(cache.evictions)],
        ["Memory", `${bytes(cache.bytes_used)} of ${bytes(cache.bytes_limit)}`],
        ["Second tier", !tier.configured ? "none" : tier.connected ? "connected" : "not connected", tier.configured && !tier.connected ? "bad" : ""],
        ...(cache.reason ? [["Reason", cache.reason, "bad"]] : []),
      ]);
      fill.cache(cache.bytes_used, cache.bytes_limit);
      cards.sentry.update(sentry.enabled ? count(sentry.queued) : "off", sentry.enabled ? "queued" : "", [
        ["Sent", count(sentry.sent)], ["Failed", count(sentry.failed), bad(sentry.failed)],
        ["Dead letters", count(sentry.dead_letters), bad(sentry.dead_letters)],
        ["Rate limits", count(sentry.rate_limits), sentry.rate_limits ? "warn" : ""],
      ]);
      cards.delivery.update(count(delivery.active), many(delivery.active, "transfer").replace(/^\S+ /, ""), [
        ["Responses", count(delivery.total)], ["Held workers", count(delivery.held), delivery.held ? "warn" : ""],
      ]);
      host.update([
        ["Host name", data.hostname], ["Version", data.version], ["Process", `${data.pid}, up ${duration(data.uptime)}`],
        ["Leader", data.leader ? `${data.leader.pid}, ${data.leader.mode}` : "none", data.leader ? "" : "warn"],
        ["run_dir", data.run_dir ?? "–"], ["state_dir", data.state_dir ?? "–"],
      ]);
    },
  };
}

function round(value) {
  return typeof value === "number" ? Math.round(value * 10) / 10 : value;
}
