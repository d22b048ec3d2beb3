// The page: what it shows on each change, and its start.
const views = [leadTime, sprintsView];

async function show() {
  await Promise.all(views.map((view) => view.show()));
  // for whoever waits: how often everything was drawn
  document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown || 0) + 1);
}

async function start() {
  run.show();
  views.forEach((view) => view.start(show));
  selection.start(show);
  await charts.start(leadTime.aboutIssue, show);
  await show();
  tables.hintWhereCut();
}

start();
