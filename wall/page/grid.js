// One cell a place, coloured by the worst that is open there.

import { placesOf } from "./filters.js";
import { NONE, make, say, severityName, severitySign, texts } from "./words.js";

const grid = document.getElementById("grid");
const cells = new Map();

export function draw(everywhere, places, chosen, onChoose) {
  const found = new Map((places[chosen.by] ?? []).map((place) => [place, []]));
  for (const incident of everywhere) {
    for (const place of placesOf(incident, chosen.by)) {
      if (!found.has(place)) found.set(place, []);
      found.get(place).push(incident);
    }
  }
  const order = new Intl.Collator(undefined, { numeric: true }).compare;
  // what has no place stands at the end
  const names = [...found.keys()].sort((one, other) =>
    (one === NONE) - (other === NONE) || order(one, other));
  for (const [name, cell] of cells) {
    if (!found.has(name)) {
      cell.element.remove();
      cells.delete(name);
    }
  }
  names.forEach((name, number) => {
    let cell = cells.get(name);
    if (!cell) {
      cell = made(name, onChoose);
      cells.set(name, cell);
    }
    fill(cell, name, found.get(name), chosen.place === name);
    if (grid.children[number] !== cell.element) grid.insertBefore(cell.element, grid.children[number]);
  });
}

export function forget() {
  grid.replaceChildren();
  cells.clear();
}

function made(name, onChoose) {
  const button = make("button", { type: "button" });
  const element = make("li", {}, button);
  button.addEventListener("click", () => onChoose(name));
  return { element, button, key: "" };
}

function fill(cell, name, incidents, isChosen) {
  const taken = incidents.filter((each) => each.acknowledged).length;
  const worst = Math.max(-1, ...incidents.map((each) => each.severity));
  // one that is new shows even where worse ones are taken
  const worstFree = Math.max(-1, ...incidents.filter((each) => !each.acknowledged).map((each) => each.severity));
  const key = [worst, worstFree, incidents.length, taken, isChosen].join();
  if (cell.key === key) return;
  cell.key = key;
  const { button } = cell;
  button.dataset.severity = worst;
  button.classList.toggle("all-taken", incidents.length > 0 && taken === incidents.length);
  button.setAttribute("aria-pressed", isChosen);
  const state = worst < 0 ? texts.calm : severityName(worst);
  const about = [say("open_count", { n: incidents.length })];
  if (taken) about.push(say("taken_count", { n: taken }));
  button.replaceChildren(
    make("b", { class: "name" }, name === NONE ? texts.none : name),
    make("span", { class: "count", "aria-hidden": "true" }, worst < 0 ? "" : String(incidents.length)),
    make("span", { class: "state" },
      worst < 0 ? "" : make("span", { class: "sign", "aria-hidden": "true" }, severitySign(worst)), ` ${state}`),
    make("span", { class: "taken" }, worst < 0 ? "" : taken ? `✓ ${about[1]}` : ""),
  );
  button.setAttribute("aria-label", `${name}: ${state}, ${about.join(", ")}`);
}
