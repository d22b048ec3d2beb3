// The worst triggers, the longest incidents, those that nobody has acknowledged, and what is open now.
const incidentLists = (() => {
  const { rows, open, triggers, end_kinds: ends } = data.incidents;
  const { values } = data;
  const { total, groupedBy } = statistics;
  const SHOWN = 20;

  const place = (of, i) => [of.rack, of.service].map((codes, at) => words.named(values[at ? "service" : "rack"][codes[i]]));
  const severity = (of, i) => selection.shown("severity", of.severity[i]);
  const trigger = (of, i) => triggers.name[of.trigger[i]];
  const host = (of, i) => words.named(triggers.host[of.trigger[i]]);

  const ABOUT = [{ title: texts.trigger }, { title: texts.host }, { title: texts.rack }, { title: texts.service }];
  const about = (of, i) => [trigger(of, i), host(of, i), ...place(of, i)];

  function list(name, head, found, cells, none) {
    const shown = found.slice(0, SHOWN);
    charts.sayEmpty(name, found.length ? null : none);
    element(`table_${name}`).closest(".scroll").hidden = !found.length;
    element(`shown_${name}`).textContent = found.length > SHOWN ? words.fill(texts.list_shown, { shown: SHOWN, all: words.whole(found.length) }) : "";
    tables.fill(`table_${name}`, head, shown.map((one) => ({ cells: cells(one) })));
  }

  function showTriggers(indices) {
    const found = groupedBy(indices, rows.trigger).map(([, those]) => ({
      those, n: those.length, length: total(those.filter((i) => rows.length[i] !== null), rows.length),
      noise: total(those, rows.is_noise), flapping: total(those, rows.is_flapping),
    }));
    found.sort((one, other) => other.n - one.n || other.length - one.length);
    list(
      "worst_triggers",
      [
        ...ABOUT, { title: texts.incidents_short, kind: "whole", strong: true }, { title: texts.minutes_open, kind: "days" },
        { title: texts.noise, kind: "whole" }, { title: texts.flapping, kind: "whole" },
      ],
      found, ({ those, n, length, noise, flapping }) => [...about(rows, those[0]), n, length, noise, flapping], texts.no_incident,
    );
  }

  const INCIDENT = [
    ...ABOUT, { title: texts.severity }, { title: texts.began, kind: "minute" }, { title: texts.minutes_open, kind: "days", strong: true },
    { title: texts.ended }, { title: texts.incident },
  ];
  const incident = (i) => [...about(rows, i), severity(rows, i), rows.started[i], rows.length[i], texts.end_kinds[ends[rows.end_kind[i]]], rows.id[i]];

  const byLength = (one, other) => (rows.length[other] ?? Infinity) - (rows.length[one] ?? Infinity) || one - other;

  function showLongest(indices) {
    const found = indices.filter((i) => rows.length[i] !== null).sort(byLength);
    list("longest_incidents", INCIDENT, found, incident, texts.no_incident);
  }

  // the worst first, among them the longest
  function showNeverSeen(indices) {
    const found = indices.filter((i) => !rows.is_seen[i]).sort((one, other) => rows.severity[one] - rows.severity[other] || byLength(one, other) || 0);
    list("never_seen", INCIDENT, found, incident, texts.all_seen);
  }

  function showOpen() {
    list(
      "open_now", [...ABOUT, { title: texts.severity }, { title: texts.began, kind: "minute" }, { title: texts.acknowledged }, { title: texts.incident }],
      selection.matching(open),
      (i) => [...about(open, i), severity(open, i), open.started[i], open.is_seen[i] ? texts.is_so : texts.is_not_so, open.id[i]],
      texts.nothing_open,
    );
  }

  function show() {
    const indices = selection.matching(rows);
    [showTriggers, showLongest, showNeverSeen].forEach((one) => one(indices));
    showOpen();
  }

  return { show };
})();
