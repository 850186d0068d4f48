// Dialogs and messages. An action runs only after a dialog that names its effect.

import { session } from "./api.js";
import { el } from "./dom.js";

let timer;
export function notify(text) {
  const notice = document.getElementById("notice");
  notice.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => (notice.textContent = ""), 8000);
}

function open(dialog) {
  const from = document.activeElement;
  dialog.addEventListener("close", () => {
    dialog.remove();
    // The element may have gone with its row.
    (from?.isConnected ? from : document.getElementById("main")).focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/**
 * Opens a dialog; its button runs `run()`, and the returned text is shown as a message.
 *
 * @param {{title: string, text: string[], button: string, danger?: boolean, run: () => Promise<string>}} action
 */
export function confirmAction({ title, text, button, danger, run }) {
  const error = el("p", { class: "bad", role: "alert" });
  const cancel = el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Cancel");
  const go = el("button", { type: "button", class: danger ? "main danger" : "main" }, button);
  const lines = text.map((line) => el("p", {}, line));
  const heading = el("h2", { id: "dialog-title" }, title);
  const buttons = el("div", { class: "buttons" }, cancel, go);
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, heading, ...lines, error, buttons);
  go.addEventListener("click", async () => {
    go.disabled = true;
    error.textContent = "";
    try {
      const done = await run();
      dialog.close();
      notify(done);
    } catch (thrown) {
      error.textContent = thrown.message;
      go.disabled = false;
    }
  });
  open(dialog);
}

export function showDialog(title, ...content) {
  const close = el("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
  const heading = el("h2", { id: "dialog-title" }, title);
  const buttons = el("div", { class: "buttons" }, close);
  const dialog = el("dialog", { class: "large", "aria-labelledby": "dialog-title" }, heading, ...content, buttons);
  open(dialog);
}

export const NO_ACTIONS = "Actions are off: set serve.token_file, and sign in with the token.";

/** A button of an action; it says why it is disabled. */
export function actionButton(label, onclick, attributes = {}) {
  const disabled = !session.can_act;
  return el("button", { type: "button", onclick, disabled, title: disabled ? NO_ACTIONS : null, ...attributes }, label);
}

export function actionsNote() {
  return session.can_act ? null : el("p", { class: "note" }, NO_ACTIONS);
}
