// Where and when incidents were open: places by day, hours by weekday, the days of a year.
const incidentHeat = (() => {
  const { heat, severity_numbers: severities, places_held: held } = data.incidents;
  const { total, groupedBy } = statistics;
  const CHOOSABLE = ["rack", "service"]; // of the kinds of place; a host has several groups
  const SECTIONS = ["incident_map", "incident_hours", "incident_year"];
  const WEEK = 7, WEEKDAYS = [1, 2, 3, 4, 5, 6, 7], HOURS = [...Array(24).keys()];
  const DAILY = 92; // a longer period is told by weeks
  // the colours' steps end where so much of all cells lies below
  const STEPS = [0.5, 0.75, 0.9, 0.97, 1];
  const today = data.periods.all.now.to;
  const monday = (day) => day - ((day + 3) % WEEK); // 1 January 1970 was a Thursday
  const weekdayOf = (day) => ((day + 3) % WEEK) + 1;

  charts.add({
    view: "incidents", place: "incident_map",
    specification: () => (charts.narrow.matches ? "incident_map_narrow" : "incident_map"),
  });
  charts.add({ view: "incidents", place: "incident_hours", specification: () => "incident_hours" });
  charts.add({ view: "incidents", place: "incident_year", specification: () => "incident_year" });

  const measure = () => element("heat_of").value;
  const said = (value) => (measure() === "started" ? words.whole(value) : words.duration(value));
  const chosenKinds = () => CHOOSABLE.filter((name) => selection.isChosen(name));

  // Why there is no heat of this selection; null: there is.
  function obstacle() {
    if (selection.isChosen("severity")) return texts.no_severity_heat;
    return chosenKinds().length > 1 ? texts.no_two_places_heat : null;
  }

  // Of some rows of a table: its sums.
  const sumsOf = (rows, those) => ({
    started: total(those, rows.started), open: total(those, rows.open), unseen: total(those, rows.unseen),
    worst: those.reduce((worst, i) => Math.max(worst, rows.worst[i]), 0),
  });

  function about(cell) {
    return [
      `${texts.heat_open}: ${words.duration(cell.open)}`,
      `${texts.heat_unseen}: ${words.duration(cell.unseen)}`,
      `${texts.heat_started}: ${words.whole(cell.started)}`,
      `${texts.worst}: ${severityName(cell.worst)}`,
    ].join("\n");
  }

  const severityName = (number) => data.severity_titles[severities[number]] ?? "—";

  // At most two digits, rounded up.
  function rounded(value) {
    const unit = measure() === "started" ? 1 : 100;
    const digits = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, value / unit))) - 1);
    return Math.ceil(value / unit / digits) * digits * unit;
  }

  // The upper ends of the steps; a few equal cells make fewer.
  function boundsOf(cells) {
    const sorted = cells.map((cell) => cell[measure()]).filter((value) => value > 0).sort((one, other) => one - other);
    const ends = STEPS.map((share) => sorted[Math.ceil(share * sorted.length) - 1]).filter((end) => end !== undefined);
    return [...new Set(ends.map(rounded))];
  }

  // Cells with their steps; those where nothing is to be told are left out.
  function coloured(place, cells) {
    const bounds = boundsOf(cells), first = STEPS.length - bounds.length;
    charts.key(place, bounds.map((bound, step) => ({
      text: words.fill(texts.up_to, { n: said(bound) }), style: "square", colour: (of) => of.heat[first + step],
    })));
    return cells.filter((cell) => cell[measure()] > 0).map((cell) => ({
      ...cell, row: charts.labelled(cell.row), step: first + bounds.findIndex((bound) => cell[measure()] <= bound),
    }));
  }

  function give(place, cells, rows, why) {
    return charts.give(place, { [place]: coloured(place, cells) }, {
      empty: why ?? (cells.some((cell) => cell[measure()] > 0) ? null : texts.no_heat), signals: { height: 24 * rows },
    });
  }

  const SUMS = [
    { title: texts.heat_started, kind: "whole" }, { title: texts.minutes_open, kind: "days", strong: true },
    { title: texts.minutes_unseen, kind: "days" }, { title: texts.worst },
  ];
  const cellsOf = (sums) => [sums.started, sums.open, sums.unseen, severityName(sums.worst)];

  // A row of cells for each place, those with most first.
  function showMap(kind, why) {
    const rows = heat.days[kind], span = period.now();
    const matching = why ? [] : selection.matching(rows);
    const isDaily = span.to - span.from < DAILY;
    const starts = rows.date.map((day) => (isDaily ? day : monday(day)));
    const length = isDaily ? 1 : WEEK;
    const places = groupedBy(matching, rows[kind])
      .map(([code, those]) => ({ name: words.named(data.values[kind][code]), those, sums: sumsOf(rows, those) }))
      .sort((one, other) => other.sums[measure()] - one.sums[measure()] || (one.name < other.name ? -1 : 1));
    const cells = places.flatMap(({ name, those }, order) => groupedBy(those, starts).map(([from, some]) => {
      const sums = sumsOf(rows, some);
      const when = isDaily ? words.day(from) : words.span({ from, to: from + WEEK - 1 });
      return { order, row: name, day: from, from: from * words.DAY, to: (from + length) * words.DAY, ...sums, tip: `${name}\n${when}\n${about(sums)}` };
    }));
    tables.fill(
      "table_incident_map",
      [{ title: `${texts[kind]}, ${isDaily ? texts.date : texts.week_from}`, titles: [texts[kind], isDaily ? texts.date : texts.week_from] }, ...SUMS],
      places.flatMap(({ name, sums }, order) => [
        { cells: [name, ...cellsOf(sums)], isGroup: true },
        ...cells.filter((cell) => cell.order === order).map((cell) => ({ cells: [words.isoDay(cell.day), ...cellsOf(cell)], inner: true })),
      ]),
    );
    const all = data.values[kind].length;
    element("places_shown").textContent = all > held ? words.fill(texts.places_shown, { shown: held, all: words.whole(all) }) : "";
    return give("incident_map", cells, places.length, why);
  }

  function showHours(kind, why) {
    const rows = heat.hours[kind];
    const matching = why ? [] : selection.matching(rows);
    const byCell = new Map(groupedBy(matching, rows.weekday.map((weekday, i) => weekday * 24 + rows.hour[i])));
    const at = (weekday, hour) => sumsOf(rows, byCell.get(weekday * 24 + hour) ?? []);
    const cells = WEEKDAYS.flatMap((weekday) => HOURS.map((hour) => {
      const sums = at(weekday, hour);
      return { order: weekday, row: words.weekday(weekday), hour, ...sums, tip: `${words.weekday(weekday)}, ${hour}:00–${hour + 1}:00\n${about(sums)}` };
    }));
    const kindOf = measure() === "started" ? "whole" : "days";
    tables.fill(
      "table_incident_hours",
      [{ title: measure() === "started" ? texts.hour : texts.hour_minutes }, ...WEEKDAYS.map((weekday) => ({ title: words.weekday(weekday), kind: kindOf }))],
      HOURS.map((hour) => ({ cells: [`${hour}:00`, ...WEEKDAYS.map((weekday) => at(weekday, hour)[measure()])] })),
    );
    return give("incident_hours", cells, WEEK, why);
  }

  // The last 53 weeks, whatever the period is.
  function showYear(kind, why) {
    const rows = heat.days[kind], first = monday(today) - 52 * WEEK;
    const matching = why ? [] : selection.matching(rows, { from: first, to: today });
    const days = groupedBy(matching, rows.date).map(([day, those]) => ({ day, ...sumsOf(rows, those) }));
    const cells = days.map(({ day, ...sums }) => ({
      order: weekdayOf(day), row: words.weekday(weekdayOf(day)), from: monday(day) * words.DAY, to: (monday(day) + WEEK) * words.DAY,
      ...sums, tip: `${words.day(day)}\n${about(sums)}`,
    }));
    tables.fill(
      "table_incident_year", [{ title: texts.date, kind: "day" }, ...SUMS],
      [...days].reverse().map((one) => ({ cells: [one.day, ...cellsOf(one)] })),
    );
    return give("incident_year", cells, WEEK, why);
  }

  function show() {
    const why = obstacle(), [chosen] = chosenKinds(), list = element("place_kind");
    list.disabled = chosen !== undefined;
    if (chosen) list.value = chosen;
    SECTIONS.forEach((name) => { element(`release_${name}`).hidden = why === null; });
    const of = chosen ?? "all"; // what is seen of all places counts each incident once
    return Promise.all([showMap(chosen ?? list.value, why), showHours(of, why), showYear(of, why)]);
  }

  function start(showAll) {
    ["place_kind", "heat_of"].forEach((name) => element(name).addEventListener("change", showAll));
    SECTIONS.forEach((name) => {
      element(`release_${name}`).addEventListener("click", () => selection.release(...CHOOSABLE, "severity"));
    });
  }

  return { show, start };
})();
