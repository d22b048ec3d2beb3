// Asks for the state every 15 seconds, and draws what has changed.

import * as dialogs from "./dialogs.js";
import * as filters from "./filters.js";
import * as grid from "./grid.js";
import * as list from "./list.js";
import { config, duration, make, moment, say, severityName, severitySign, texts } from "./words.js";

const POLL_SECONDS = 15;
const $ = (id) => document.getElementById(id);

let chosen = filters.read();
let board = { incidents: [], places: {}, troubles: [] };
let etag = null;
// how old the figures were when the answer came, and when that was by our own clock
let age = null;
let answeredAt = null;
let silentSince = null;
// what the server's clock is ahead of ours
let ahead = 0;
let known = null;

const now = () => Date.now() / 1000 + ahead;

async function ask() {
  const headers = etag ? { "If-None-Match": etag } : {};
  try {
    // longer than a slow answer, shorter than two turns
    const signal = AbortSignal.timeout(20000);
    const response = await fetch("/api/incidents", { headers, credentials: "same-origin", signal });
    if (response.status === 401) {
      if (config.has_password) dialogs.signIn();
      throw new Error("nobody");
    }
    if (response.status !== 304 && !response.ok) throw new Error(String(response.status));
    if (response.status !== 304) {
      board = await response.json();
      etag = response.headers.get("ETag");
      compare();
    }
    const told = response.headers.get("X-Wall-Age");
    age = told === null || told === "" ? null : Number(told);
    answeredAt = performance.now();
    ahead = Number(response.headers.get("X-Wall-Now")) - Date.now() / 1000;
    silentSince = null;
  } catch {
    silentSince ??= Date.now() / 1000;
  }
  draw();
}

// What came and what went, for those who do not see it.
function compare() {
  const present = new Set(board.incidents.filter((each) => !each.suppressed).map((each) => each.id));
  if (known) {
    const begun = [...present].filter((id) => !known.has(id)).length;
    const ended = [...known].filter((id) => !present.has(id)).length;
    const words = [];
    if (begun) words.push(say("new_ones", { n: begun }));
    if (ended) words.push(say("ended_ones", { n: ended }));
    if (words.length) announce(words.join(", "));
  }
  known = present;
}

function announce(text) {
  $("said").textContent = text;
}

function draw() {
  const { everywhere, here, hidden } = filters.apply(board.incidents, chosen);
  grid.draw(everywhere, board.places, chosen, (place) => choose({ place: chosen.place === place ? "" : place }));
  const undrawn = list.draw(here, now(), actions);
  counts(everywhere);
  tell($("nothing"), here.length || etag === null ? "" : board.incidents.length > hidden ? texts.nothing_here : texts.nothing_open);
  tell($("more"), undrawn ? say("more", { n: undrawn }) : "");
  tell($("hidden"), hidden ? say("hidden", { n: hidden }) : "");
  freshness();
  showChosen();
  document.title = `${everywhere.length ? `(${everywhere.length}) ` : ""}${texts.title}`;
  document.documentElement.dataset.drawn = Number(document.documentElement.dataset.drawn ?? 0) + 1;
}

function tell(element, text) {
  element.hidden = !text;
  if (element.textContent !== text) element.textContent = text;
}

function counts(incidents) {
  const parts = [5, 4, 3, 2, 1, 0].map((severity) => {
    const n = incidents.filter((each) => each.severity === severity).length;
    if (!n && severity < 2) return null;
    return make("li", { "data-severity": n ? severity : -1, title: severityName(severity) },
      make("span", { class: "sign", "aria-hidden": "true" }, severitySign(severity)),
      ` ${severityName(severity)} `, make("b", {}, String(n)));
  });
  const made = parts.filter(Boolean);
  const key = made.map((each) => each.textContent).join();
  if ($("counts").dataset.key === key) return;
  $("counts").dataset.key = key;
  $("counts").replaceChildren(...made);
}

// The age grows here, too, so that a page whose wall is gone does not look calm.
function freshness() {
  const passed = answeredAt === null ? 0 : (performance.now() - answeredAt) / 1000;
  const seconds = age === null ? null : Math.round(age + passed);
  const isOld = seconds !== null && seconds > config.old_seconds;
  const isUnread = answeredAt !== null && seconds === null;
  tell($("fresh"), seconds === null ? texts.not_read : say("fresh", { age: duration(seconds) }));
  const lines = [];
  if (silentSince !== null) lines.push(["wall", say("no_answer", { time: moment(silentSince) })]);
  if (isOld) lines.push(["old", say("old", { age: duration(seconds) })]);
  for (const trouble of board.troubles) {
    const title = texts[`trouble_${trouble.what}`];
    const text = trouble.what === "view" ? title : `${title}: ${trouble.text}`;
    lines.push([trouble.what, `${text} (${say("since_time", { time: moment(trouble.since) })})`]);
  }
  const key = JSON.stringify(lines);
  if ($("troubles").dataset.key !== key) {
    $("troubles").dataset.key = key;
    $("troubles").replaceChildren(...lines.map(([what, text]) => make("p", { "data-what": what }, text)));
  }
  document.body.classList.toggle("old", isOld || isUnread || silentSince !== null);
}

function choose(change) {
  const before = chosen;
  chosen = { ...chosen, ...change };
  if (before.by !== chosen.by) {
    chosen.place = "";
    grid.forget();
  }
  filters.write(chosen);
  showFilters();
  draw();
}

function showFilters() {
  for (const button of $("by").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", button.value === chosen.by);
  }
  $("severity").value = String(chosen.severity || "");
  $("taken").value = chosen.taken;
  $("suppressed").checked = Boolean(chosen.suppressed);
  if ($("q").value !== chosen.q) $("q").value = chosen.q;
  document.body.classList.toggle("compact", Boolean(chosen.compact));
  $("compact").textContent = chosen.compact ? texts.full : texts.compact;
  $("compact").href = filters.addressOf({ ...chosen, compact: chosen.compact ? "" : "1" });
}

const actions = {
  onChosen: showChosen,
  onComment: (ids, incident) => dialogs.comment(ids, about(ids, incident), saidAndAsk),
  onTicket: (incident) => dialogs.ticket(incident, saidAndAsk).catch((error) => announce(error.message)),
};

function about(ids, incident) {
  return ids.length === 1 && incident ? `${incident.host}: ${incident.trigger}` : say("chosen", { n: ids.length });
}

// What was written comes back with the next round of the watcher.
function saidAndAsk(text) {
  announce(text);
  list.chooseAll(false);
  showChosen();
  for (const seconds of [1, 3, 6]) setTimeout(ask, seconds * 1000);
}

function showChosen() {
  const n = list.chosenOnes.size;
  $("chosen").hidden = n === 0 || !config.can_comment;
  $("chosen").querySelector("b").textContent = say("chosen", { n });
  $("choose_all").checked = n > 0 && n === document.querySelectorAll("#list tr").length;
}

function prepare() {
  for (const by of filters.KINDS) {
    const button = make("button", { type: "button", value: by }, texts[`by_${by}`]);
    button.addEventListener("click", () => choose({ by }));
    $("by").append(button);
  }
  $("severity").append(make("option", { value: "" }, texts.all_severities));
  for (const severity of [3, 4, 5]) {
    $("severity").append(make("option", { value: String(severity) }, say("from_severity", { name: severityName(severity) })));
  }
  $("severity").addEventListener("change", (event) => choose({ severity: Number(event.target.value) }));
  $("taken").addEventListener("change", (event) => choose({ taken: event.target.value }));
  $("suppressed").addEventListener("change", (event) => choose({ suppressed: event.target.checked ? "1" : "" }));
  $("q").addEventListener("input", (event) => choose({ q: event.target.value }));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("clear").addEventListener("click", () => choose({ severity: 0, taken: "", suppressed: "", q: "", place: "" }));
  $("compact").addEventListener("click", (event) => {
    event.preventDefault();
    choose({ compact: chosen.compact ? "" : "1" });
  });
  $("choose_all").addEventListener("change", (event) => {
    list.chooseAll(event.target.checked);
    showChosen();
  });
  $("unchoose").addEventListener("click", () => {
    list.chooseAll(false);
    showChosen();
  });
  $("write").addEventListener("click", () => {
    const ids = [...list.chosenOnes];
    dialogs.comment(ids, about(ids, null), saidAndAsk);
  });
  $("token").hidden = !config.can_comment;
  $("token").addEventListener("click", () => dialogs.askForToken());
  $("sign_out").hidden = !(config.has_password && config.is_in);
  $("sign_out").addEventListener("click", () => dialogs.send("/api/sign-out", {}).then(() => location.reload()));
  $("demo").hidden = !config.is_demo;
  $("visitor").textContent = config.visitor ? say("signed_in_as", { name: config.visitor }) : "";
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, textarea, select, dialog")) {
      event.preventDefault();
      $("q").focus();
    }
  });
  window.addEventListener("popstate", () => choose(filters.read()));
}

prepare();
showFilters();
ask();
setInterval(ask, POLL_SECONDS * 1000);
// a screen that was asleep asks at once
document.addEventListener("visibilitychange", () => document.hidden || ask());
setInterval(() => {
  freshness();
  list.age(now());
}, 5000);
