// The frame of the page: views by the fragment of the address, the event stream, signing in, and the theme.

import { events, readSession, session, signIn, signOut, stream } from "./js/api.js";
import { notify } from "./js/dialog.js";
import { el, setClass, setText } from "./js/dom.js";
import { age, count } from "./js/format.js";
import { artifacts } from "./js/views/artifacts.js";
import { builds } from "./js/views/builds.js";
import { cache } from "./js/views/cache.js";
import { metrics } from "./js/views/metrics.js";
import { overview } from "./js/views/overview.js";
import { sentry } from "./js/views/sentry.js";
import { workers } from "./js/views/workers.js";

const VIEWS = { overview, workers, builds, artifacts, cache, sentry, metrics };
const TITLES = {
  overview: "Overview", workers: "Workers", builds: "Builds", artifacts: "Artifacts", cache: "Cache", sentry: "Sentry",
  metrics: "Metrics",
};
/** Seconds without an event after which the connection counts as lost: the overview changes each second. */
const SILENCE = 10;
const RETRY_MS = 2000;

const main = document.getElementById("main");
const connection = document.getElementById("connection");
const links = new Map();
let view = null;
let source = null;
let retry = null;
let lastEvent = 0;
let lastOverview = null;

function makeLinks() {
  const items = Object.keys(VIEWS).map((name) => {
    const number = el("span", { class: "count" });
    const link = el("a", { href: `#/${name}` }, TITLES[name], number);
    links.set(name, { link, number });
    return el("li", {}, link);
  });
  document.getElementById("views").append(el("ul", {}, ...items));
}

function showCounts(data) {
  const counts = {
    workers: data.workers?.total, builds: data.builds?.active, artifacts: data.artifacts?.entries,
    cache: data.cache?.entries, sentry: data.sentry?.dead_letters,
  };
  for (const [name, value] of Object.entries(counts)) {
    const { number } = links.get(name);
    setText(number, value ? count(value) : "");
    if (name === "sentry") setClass(number, value ? "count bad" : "count");
  }
  setText(document.getElementById("host"), `${data.hostname} · ${data.version}`);
}

function show() {
  const wanted = location.hash.replace(/^#\//, "");
  // The skip link's target is no view.
  if (location.hash === "#main") return main.focus();
  const name = Object.hasOwn(VIEWS, wanted) ? wanted : "overview";
  const isChange = view !== null;
  view?.leave?.();
  for (const [other, { link }] of links) {
    if (other === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const root = el("div", { class: "stack" });
  main.replaceChildren(el("h1", {}, TITLES[name]), root);
  document.title = `${TITLES[name]} · Pillion`;
  view = VIEWS[name](root);
  view.topics = name === "overview" || !view.update ? ["overview"] : ["overview", name];
  view.name = name;
  if (lastOverview) view.overview?.(lastOverview);
  if (isChange) main.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  connect();
}

function connect() {
  clearTimeout(retry);
  source?.close();
  const own = view;
  source = stream(own.topics);
  const receive = (use) => (event) => {
    if (view !== own) return;
    lastEvent = Date.now();
    use(JSON.parse(event.data));
    showConnection();
  };
  source.addEventListener("overview", receive((data) => {
    lastOverview = data;
    showCounts(data);
    own.overview?.(data);
  }));
  if (own.topics.includes(own.name) && own.name !== "overview") {
    source.addEventListener(own.name, receive((data) => own.update(data)));
  }
  source.addEventListener("error", () => lost());
}

/** The browser's own retries end with some errors; these do not. */
function lost() {
  source?.close();
  source = null;
  clearTimeout(retry);
  retry = setTimeout(async () => {
    try {
      await readSession();
      if (session.required && !session.authenticated) return showLogin();
      connect();
    } catch {
      lost();
    }
  }, RETRY_MS);
  showConnection();
}

function showConnection() {
  const silent = (Date.now() - lastEvent) / 1000;
  const isLive = source !== null && silent < SILENCE;
  const state = isLive ? "live" : lastEvent === 0 ? "wait" : "lost";
  const texts = { live: "live", wait: "connecting", lost: `connection lost, data from ${age(silent)} ago` };
  setText(connection, texts[state]);
  if (connection.dataset.state !== state) connection.dataset.state = state;
}

function tick() {
  if (view === null) return;
  if (source !== null && lastEvent > 0 && Date.now() - lastEvent > SILENCE * 1000) lost();
  showConnection();
}

function showLogin() {
  view?.leave?.();
  view = null;
  source?.close();
  source = null;
  clearTimeout(retry);
  document.getElementById("views").hidden = true;
  document.body.classList.add("alone");
  document.getElementById("sign-out").hidden = true;
  connection.dataset.state = "wait";
  setText(connection, "signed out");
  const error = el("p", { class: "bad", role: "alert" });
  const token = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true });
  const button = el("button", { type: "submit", class: "main" }, "Sign in");
  const hint = el("p", { class: "dim" }, "The token is in the file that serve.token_file names.");
  const form = el("form", {}, el("label", { for: "token" }, "Token", token), hint, error, button);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.textContent = "";
    try {
      await signIn(token.value);
      start();
    } catch (thrown) {
      error.textContent = thrown.status === 401 ? "The token is wrong." : thrown.message;
      button.disabled = false;
      token.select();
    }
  });
  main.replaceChildren(el("div", { class: "panel login" }, el("h1", {}, "Sign in"), form));
  document.title = "Sign in · Pillion";
  token.focus();
}

async function start() {
  try {
    await readSession();
  } catch (thrown) {
    setText(connection, "no connection");
    main.replaceChildren(el("p", { class: "note", role: "alert" }, `No session: ${thrown.message}`));
    setTimeout(start, RETRY_MS);
    return;
  }
  if (session.required && !session.authenticated) return showLogin();
  document.getElementById("views").hidden = false;
  document.body.classList.remove("alone");
  document.getElementById("sign-out").hidden = session.csrf === null;
  show();
}

function makeTheme() {
  const button = document.getElementById("theme");
  const order = ["system", "light", "dark"];
  const stored = () => {
    try {
      return localStorage.getItem("pillion-theme") ?? "system";
    } catch {
      return "system";
    }
  };
  let theme = order.includes(stored()) ? stored() : "system";
  const apply = () => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    setText(button, `${theme[0].toUpperCase()}${theme.slice(1)} theme`);
  };
  button.addEventListener("click", () => {
    theme = order[(order.indexOf(theme) + 1) % order.length];
    try {
      localStorage.setItem("pillion-theme", theme);
    } catch {
      // The choice holds for this page only.
    }
    apply();
  });
  apply();
}

document.getElementById("sign-out").addEventListener("click", async () => {
  try {
    await signOut();
    showLogin();
  } catch (thrown) {
    notify(thrown.message);
  }
});
events.addEventListener("signed-out", showLogin);
window.addEventListener("hashchange", () => session.required && !session.authenticated ? null : show());
makeTheme();
makeLinks();
setInterval(tick, 1000);
start();
