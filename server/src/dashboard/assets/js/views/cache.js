// The shared cache: totals, patterns, largest values, keys; deletion by pattern and tag.

import { act, read } from "../api.js";
import { actionButton, actionsNote, confirmAction, notify } from "../dialog.js";
import { el, facts, panel } from "../dom.js";
import { bytes, count, many, percent, title, until } from "../format.js";
import { Table } from "../table.js";

const PREVIEW = 100;
const nameOf = (row) => row.key ?? `base64:${row.key_base64}`;

function keyTable(label, remove) {
  return new Table({
    label,
    key: nameOf,
    empty: "No value.",
    columns: [
      { title: "Key", class: "wrap grow mono", text: nameOf, value: nameOf },
      { title: "Size", class: "n", text: (row) => bytes(row.bytes), value: (row) => row.bytes },
      { title: "Expires", class: "low", text: (row) => until(row.expires), value: (row) => row.expires ?? Infinity },
      {
        title: "", class: "act",
        cell: (row, cell) => cell.append(actionButton("Delete", () => remove(row()), { class: "danger", "aria-label": `Delete ${nameOf(row())}` })),
      },
    ],
  });
}

/** A key as a pattern that matches only itself. */
const literal = (key) => key.replace(/[\\*?[\]]/g, "\\$&");

export function cache(root) {
  const totals = facts("wide");
  const patterns = new Table({
    label: "Patterns",
    key: (row) => row.pattern,
    sort: { at: 1, descending: true },
    empty: "No pattern is configured (pillion.cache_patterns).",
    columns: [
      { title: "Pattern", class: "wrap grow mono", text: (row) => row.pattern, value: (row) => row.pattern },
      { title: "Hits", class: "n", text: (row) => count(row.hits), value: (row) => row.hits },
      { title: "Misses", class: "n", text: (row) => count(row.misses), value: (row) => row.misses },
      { title: "Hit ratio", class: "n", text: (row) => percent(row.ratio), value: (row) => row.ratio },
      { title: "Stores", class: "n low", text: (row) => count(row.stores), value: (row) => row.stores },
      { title: "Refused", class: "n", text: (row) => count(row.failures), value: (row) => row.failures, state: (row) => (row.failures ? "bad" : "") },
    ],
  });
  const removeKey = (row) => confirmAction({
    title: "Delete a value",
    text: [`Deletes the value of the key ${nameOf(row)} (${bytes(row.bytes)}) from all tiers.`],
    button: "Delete",
    danger: true,
    run: async () => {
      const body = row.key === undefined ? { pattern_base64: btoa(literal(atob(row.key_base64))) } : { pattern: literal(row.key) };
      const { removed } = await act("cache/delete", body);
      refresh();
      return `${many(removed, "value")} deleted.`;
    },
  });
  const largest = keyTable("Largest values", removeKey);
  const found = keyTable("Found keys", removeKey);
  const foundBox = panel("Keys", found.node);
  foundBox.node.hidden = true;

  const pattern = el("input", { type: "text", placeholder: "user:*", class: "mono", spellcheck: "false", required: true });
  const list = el("button", { type: "submit" }, "List keys");
  const flush = actionButton("Delete matching…", () => flushPattern(), { class: "danger" });
  const patternForm = el("form", { class: "bar" }, el("label", {}, el("span", {}, "Pattern"), pattern), list, flush);
  const tags = el("input", { type: "text", placeholder: "users, orders", class: "mono", spellcheck: "false", required: true });
  const byTag = actionButton("Invalidate tags…", () => flushTags(), { class: "danger" });
  const tagForm = el("form", { class: "bar" }, el("label", {}, el("span", {}, "Tags"), tags), byTag);
  const clear = actionButton("Clear all…", () => confirmAction({
    title: "Clear the cache",
    text: ["Deletes every value of this namespace, for all workers of the host and in the second tier."],
    button: "Clear all",
    danger: true,
    run: async () => {
      await act("cache/clear");
      refresh();
      return "The cache is empty.";
    },
  }), { class: "danger" });
  const tools = panel("Keys and tags", patternForm, tagForm);
  tools.bar.append(clear);
  const second = facts("wide");
  const secondBox = panel("Second tier", second.node);
  const note = actionsNote();
  const largestBox = panel("Largest values", largest.node);
  root.append(...(note ? [note] : []), panel("Memory", totals.node).node, panel("Hits by pattern", patterns.node).node,
    tools.node, foundBox.node, largestBox.node, secondBox.node);

  async function find() {
    try {
      const page = await read("cache/keys", { pattern: pattern.value, limit: PREVIEW });
      found.update(page.keys);
      foundBox.node.hidden = false;
      foundBox.heading.textContent = `${page.next ? "The first " : ""}${many(page.keys.length, "key")} of ${pattern.value}`;
    } catch (thrown) {
      notify(thrown.message);
    }
  }
  /** Lists the keys again that an action may have removed. */
  function refresh() {
    if (!foundBox.node.hidden) find();
  }
  async function flushPattern() {
    if (!pattern.reportValidity()) return;
    const wanted = pattern.value;
    try {
      const page = await read("cache/keys", { pattern: wanted, limit: PREVIEW });
      const matching = `${page.next ? "more than " : ""}${many(page.keys.length, "key")}`;
      confirmAction({
        title: "Delete values by pattern",
        text: [`Deletes all values whose key matches ${wanted}, from all tiers.`, `On this host it matches ${matching} now.`],
        button: "Delete",
        danger: true,
        run: async () => {
          const { removed } = await act("cache/delete", { pattern: wanted });
          refresh();
          return `${many(removed, "value")} deleted.`;
        },
      });
    } catch (thrown) {
      notify(thrown.message);
    }
  }
  function flushTags() {
    if (!tags.reportValidity()) return;
    const names = tags.value.split(",").map((tag) => tag.trim()).filter(Boolean);
    confirmAction({
      title: "Invalidate tags",
      text: [`Makes all values with one of these tags invalid: ${names.join(", ")}.`],
      button: "Invalidate",
      danger: true,
      run: async () => {
        await act("cache/invalidate", { tags: names });
        refresh();
        return `${many(names.length, "tag")} invalidated.`;
      },
    });
  }
  patternForm.addEventListener("submit", (event) => {
    event.preventDefault();
    find();
  });
  tagForm.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!byTag.disabled) flushTags();
  });

  return {
    update(data) {
      const stats = data.stats ?? {};
      totals.update([
        ["Namespace", data.namespace || "none"], ["Hit ratio", percent(data.hit_ratio)],
        ["Hits", count(stats.hits)], ["Misses", count(stats.misses)], ["Values", count(data.entries)],
        ["Memory", `${bytes(data.bytes_used)} of ${bytes(data.bytes_limit)}`], ["Evictions", count(data.evictions)],
        ...(data.reason ? [["Not available", data.reason, "bad"]] : []),
      ]);
      patterns.update(data.patterns);
      largest.update(data.largest);
      largestBox.heading.textContent = data.largest_complete === false ? "Largest values, of those searched" : "Largest values";
      const tier = Object.entries(data.second_tier ?? {});
      secondBox.node.hidden = !data.second_tier?.configured;
      second.update(tier.filter(([, value]) => typeof value !== "object").map(([name, value]) => [title(name), typeof value === "number" ? count(value) : String(value)]));
    },
  };
}
