// What a person does: the token, a comment, a ticket, signing in.

import { config, say, texts } from "./words.js";

const $ = (id) => document.getElementById(id);

// In this page's memory and nowhere else: gone with a reload.
let token = "";

export function hasToken() {
  return token !== "";
}

export async function send(path, body, headers = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: { "X-Wall": "1", ...(body === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new Error(texts.broken);
  }
  const answer = await response.json().catch(() => ({ error: texts.broken }));
  if (!response.ok) throw new Error(answer.error ?? texts.broken);
  return answer;
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.querySelector(".cancel")?.addEventListener("click", () => dialog.close());
}
// nobody gets past this one
$("sign_in_dialog").addEventListener("cancel", (event) => event.preventDefault());

// A form that is sent once at a time, and says in itself what went wrong.
function onSubmit(dialog, act) {
  const form = dialog.querySelector("form");
  const fault = dialog.querySelector(".fault");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    if (button.disabled) return;
    const label = button.textContent;
    button.disabled = true;
    button.textContent = texts.sending;
    if (fault) fault.textContent = "";
    try {
      await act();
      dialog.close();
    } catch (error) {
      fault.textContent = error.message;
    } finally {
      button.disabled = false;
      button.textContent = label;
    }
  });
}

export function askForToken(after) {
  $("token_value").value = "";
  $("token_demo").hidden = !config.demo_token;
  if (config.demo_token) $("token_demo").textContent = say("token_demo", { token: config.demo_token });
  afterToken = after ?? (() => {});
  $("token_dialog").showModal();
  $("token_value").focus();
}

let afterToken = () => {};

function keep(value) {
  token = value;
  $("token_value").value = "";
  $("token").textContent = token ? texts.token_kept : texts.token;
  $("token_dialog").close();
}

$("token_dialog").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  keep($("token_value").value.trim());
  if (token) afterToken();
});
$("token_forget").addEventListener("click", () => keep(""));

let commented = [];

export function comment(ids, about, after) {
  if (!hasToken()) {
    askForToken(() => comment(ids, about, after));
    return;
  }
  commented = ids;
  afterComment = after;
  const dialog = $("comment_dialog");
  dialog.querySelector(".about").textContent = about;
  dialog.querySelector(".fault").textContent = "";
  $("comment_text").value = "";
  $("comment_take").checked = true;
  dialog.showModal();
  $("comment_text").focus();
}

let afterComment = () => {};

onSubmit($("comment_dialog"), async () => {
  const body = { ids: commented, message: $("comment_text").value, acknowledge: $("comment_take").checked };
  await send("/api/comment", body, { "X-Zabbix-Token": token });
  afterComment(texts.written);
});

let ticketOf = null;
let afterTicket = () => {};

export async function ticket(incident, after) {
  const draft = await send(`/api/ticket/${encodeURIComponent(incident.id)}`);
  ticketOf = incident.id;
  afterTicket = after;
  const dialog = $("ticket_dialog");
  dialog.querySelector(".about").textContent = say("ticket_where", draft);
  dialog.querySelector(".fault").textContent = "";
  $("ticket_summary").value = draft.summary;
  $("ticket_text").value = draft.description;
  dialog.showModal();
  $("ticket_summary").focus();
}

onSubmit($("ticket_dialog"), async () => {
  const body = { id: ticketOf, summary: $("ticket_summary").value, description: $("ticket_text").value };
  const sent = await send("/api/ticket", body);
  afterTicket(say(sent.is_new ? "ticket_made" : "ticket_there", sent));
});

export function signIn() {
  $("sign_in_dialog").showModal();
}

onSubmit($("sign_in_dialog"), async () => {
  await send("/api/sign-in", { password: $("password").value });
  location.reload();
});
