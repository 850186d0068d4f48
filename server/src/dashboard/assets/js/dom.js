// Elements. Foreign text is only ever a text node: there is no innerHTML in this page.

export function el(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** Writes a text only where it differs, so that an unchanged page costs no layout and no announcement. */
export function setText(node, text) {
  text = String(text);
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

/** A list of names and values which keeps its elements: `update([[name, value, class], …])`. */
export function facts(className) {
  const list = el("dl", { class: className });
  const rows = new Map();
  return {
    node: list,
    update(entries) {
      const seen = new Set();
      for (const [name, value, state] of entries) {
        seen.add(name);
        let row = rows.get(name);
        if (!row) {
          row = { value: el("dd"), box: el("div", className === "wide" ? {} : { hidden: true }) };
          row.name = el("dt", {}, name);
          if (className === "wide") {
            row.box.append(row.name, row.value);
            list.append(row.box);
          } else list.append(row.name, row.value);
          rows.set(name, row);
        }
        setText(row.value, value);
        setClass(row.value, state ?? "");
      }
      for (const [name, row] of rows) {
        if (seen.has(name)) continue;
        for (const node of [row.name, row.value, row.box]) node.remove();
        rows.delete(name);
      }
    },
  };
}

export function panel(title, ...rest) {
  const heading = el("h2", {}, title);
  const bar = el("header", {}, heading);
  const node = el("section", { class: "panel" }, bar, ...rest);
  return { node, heading, bar };
}

/** Calls a function when nothing was typed for a moment. */
export function later(call, ms = 200) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), ms);
  };
}
