// Requests to the API, and the session. An answer 401 ends the session of the page.

const BASE = new URL("../api/", import.meta.url);
export const session = { can_act: false, csrf: null, required: false, authenticated: false };
export const events = new EventTarget();

export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered with status ${status}.`);
    this.status = status;
    this.code = body?.error;
  }
}

async function call(path, options = {}) {
  const response = await fetch(new URL(path, BASE), { credentials: "same-origin", cache: "no-store", ...options });
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  if (response.status === 401 && path !== "session") events.dispatchEvent(new Event("signed-out"));
  throw new Refused(response.status, body);
}

function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  if (session.csrf) headers["X-Pillion-CSRF"] = session.csrf;
  return call(path, { method, headers, body: JSON.stringify(body ?? {}) });
}

export function read(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value != null && value !== ""));
  return call(query.size ? `${path}?${query}` : path);
}

export const act = (path, body) => send("POST", path, body);

export async function readSession() {
  return Object.assign(session, { csrf: null }, await call("session"));
}

export async function signIn(token) {
  await send("POST", "session", { token });
  return readSession();
}

export const signOut = () => send("DELETE", "session");

export const stream = (topics) => new EventSource(new URL(`events?topics=${topics.join(",")}`, BASE));
