// The page: its views, what they show on each change, and its start.
const VIEWS = {
  lead_time: [leadTime, sprintsView],
  flow: [ageing, cumulative, weekly, forecast, stateTimes, efficiency],
};
if (data.incidents) VIEWS.incidents = [incidentHeat, incidentTimes, incidentLists];
const tabs = [...document.querySelectorAll("[role=tab]")];
let opened = "lead_time";

async function show() {
  const name = opened;
  period.show();
  address.write(name);
  await Promise.all(VIEWS[name].map((view) => view.show()));
  if (name !== opened) return;
  // for whoever waits: how often everything was drawn
  document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown || 0) + 1);
}

// Draw a view anew, in the present theme and width.
async function openView(name) {
  opened = name;
  selection.open(name);
  tabs.forEach((tab) => {
    const isOpen = tab.dataset.view === name;
    tab.setAttribute("aria-selected", String(isOpen));
    tab.tabIndex = isOpen ? 0 : -1;
    element(tab.getAttribute("aria-controls")).hidden = !isOpen;
  });
  await charts.drawAll(name);
  if (name === opened) await show();
}

function startTabs() {
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => openView(tab.dataset.view));
    tab.addEventListener("keydown", ({ key }) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
      if (!step) return;
      const next = tabs[(place + step + tabs.length) % tabs.length];
      next.focus();
      openView(next.dataset.view);
    });
  });
}

// What the address asks for.
function openAsked() {
  const name = address.read();
  selection.refresh();
  return openView(Object.hasOwn(VIEWS, name) ? name : "lead_time");
}

async function start() {
  run.show();
  startTabs();
  selection.start(show);
  charts.start(() => openView(opened));
  addEventListener("hashchange", openAsked);
  Object.values(VIEWS).flat().forEach((view) => view.start?.(show));
  await openAsked();
  tables.hintWhereCut();
}

start();
