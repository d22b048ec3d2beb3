// The open incidents, worst and oldest first; a row is drawn anew only when it has changed.

import { rackOf } from "./filters.js";
import { NONE, config, duration, make, moment, say, severityName, severitySign, texts } from "./words.js";

// more rows are nobody's reading
const MOST = 1000;
const NEW_SECONDS = 90;

const body = document.getElementById("list");
const rows = new Map();
export const chosenOnes = new Set();

export function draw(incidents, now, actions) {
  const shown = incidents.slice(0, MOST);
  const wanted = new Set(shown.map((each) => each.id));
  for (const [id, row] of rows) {
    if (!wanted.has(id)) {
      row.element.remove();
      rows.delete(id);
      chosenOnes.delete(id);
    }
  }
  shown.forEach((incident, number) => {
    let row = rows.get(incident.id);
    const key = JSON.stringify(incident);
    if (!row || row.key !== key) {
      const element = made(incident, actions);
      if (row) row.element.replaceWith(element);
      row = { element, key, age: element.querySelector(".age"), started: incident.started };
      rows.set(incident.id, row);
    }
    if (body.children[number] !== row.element) body.insertBefore(row.element, body.children[number]);
  });
  age(now);
  return incidents.length - shown.length;
}

export function age(now) {
  for (const row of rows.values()) {
    const seconds = Math.max(0, now - row.started);
    const text = duration(seconds);
    if (row.age.textContent !== text) row.age.textContent = text;
    row.element.classList.toggle("new", seconds < NEW_SECONDS);
  }
}

export function chooseAll(isChosen) {
  for (const [id, row] of rows) {
    row.element.querySelector(".pick input").checked = isChosen;
    if (isChosen) chosenOnes.add(id);
    else chosenOnes.delete(id);
  }
}

function made(incident, actions) {
  const pick = make("input", { type: "checkbox", "aria-label": `${texts.choose}: ${incident.host}, ${incident.trigger}` });
  pick.checked = chosenOnes.has(incident.id);
  pick.addEventListener("change", () => {
    if (pick.checked) chosenOnes.add(incident.id);
    else chosenOnes.delete(incident.id);
    actions.onChosen();
  });
  const row = make("tr", {
    "data-id": incident.id, "data-severity": incident.severity,
    class: [incident.acknowledged ? "taken" : "free", incident.suppressed ? "suppressed" : ""].join(" "),
  },
    make("td", { class: "pick" }, pick),
    make("td", { class: "severity" },
      make("span", { class: "pill" },
        make("span", { class: "sign", "aria-hidden": "true" }, severitySign(incident.severity)),
        ` ${severityName(incident.severity)}`),
      incident.suppressed ? make("small", {}, texts.in_maintenance) : null),
    make("td", { class: "place" }, make("b", {}, incident.host), make("small", {}, whereOf(incident))),
    make("td", { class: "trigger" }, triggerOf(incident)),
    make("td", { class: "since" }, make("span", { class: "age" }), make("small", {}, moment(incident.started))),
    make("td", { class: "by" }, incident.acknowledged ? `✓ ${incident.by}` : "—"),
    make("td", { class: "comment wide" }, ...commentOf(incident, actions)),
    make("td", { class: "ticket wide" }, ...ticketOf(incident, actions)));
  return row;
}

function whereOf(incident) {
  const rack = rackOf(incident);
  const parts = [rack, incident.position, incident.host_group, incident.service];
  return parts.filter((each) => each && each !== NONE).join(" · ");
}

function triggerOf(incident) {
  if (!config.zabbix_url) return incident.trigger;
  const address = `${config.zabbix_url}/tr_events.php?triggerid=${encodeURIComponent(incident.trigger_id)}&eventid=${encodeURIComponent(incident.id)}`;
  return make("a", { href: address, target: "_blank", rel: "noreferrer noopener" }, incident.trigger);
}

function commentOf(incident, actions) {
  const found = [];
  if (incident.comment !== NONE) found.push(make("span", { class: "said" }, incident.comment));
  if (incident.commented) found.push(make("small", {}, moment(incident.commented)));
  if (config.can_comment) {
    const button = make("button", { type: "button", class: "quiet" }, incident.acknowledged ? texts.write : texts.acknowledge);
    button.addEventListener("click", () => actions.onComment([incident.id], incident));
    found.push(button);
  }
  return found;
}

function ticketOf(incident, actions) {
  if (incident.ticket !== NONE) {
    // only what is an address of the web becomes a link
    if (!/^https?:\/\//.test(incident.ticket_url ?? "")) return [incident.ticket];
    return [make("a", { href: incident.ticket_url, target: "_blank", rel: "noreferrer noopener" }, incident.ticket)];
  }
  const found = [];
  if (incident.ticket_state) found.push(make("small", { class: "doubt" }, texts[`ticket_${incident.ticket_state}`]));
  if (config.trackers.length) {
    const button = make("button", { type: "button", class: "quiet" }, texts.make_ticket);
    button.addEventListener("click", () => actions.onTicket(incident));
    found.push(button);
  }
  return found;
}
