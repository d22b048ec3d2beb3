// Cumulative flow: how many issues stood where at the end of each day.
const cumulative = (() => {
  const { cumulative: rows, values } = data;
  const { bands } = data.keys;
  const COLUMNS = [...bands, "cancelled"];
  const name = (category) => texts.categories[category];

  charts.add({ view: "flow", place: "cumulative", specification: () => "cumulative" });
  const release = blocked("cumulative", ["sprint", "quarter"], texts.no_quarter_here);

  // What stood in each category at the end of each day that the page knows; the first has a change.
  function standings(span) {
    const counts = new Map(), present = Object.fromEntries(COLUMNS.map((category) => [category, 0]));
    selection.matching(rows).forEach((i) => { // in the order of their days
      present[values.category[rows.category[i]]] += rows.change[i];
      counts.set(rows.day[i], { ...present });
    });
    let latest = null;
    return data.points.map((day) => {
      latest = counts.get(day) ?? latest;
      return latest && { day, ...latest };
    }).filter((one) => one && one.day >= span.from);
  }

  function tip(one) {
    return [words.day(one.day), ...[...bands].reverse().map((category) => `${name(category)}: ${words.whole(one[category])}`)].join("\n");
  }

  function show() {
    const why = release();
    const days = why ? [] : standings(period.now());
    const done = Math.min(...days.map((one) => one.done)); // from here on it is drawn
    tables.fill(
      "table_cumulative",
      [{ title: texts.date, kind: "day" }, ...COLUMNS.map((category) => ({ title: name(category), kind: "whole" }))],
      [...days].reverse().map((one) => ({ cells: [one.day, ...COLUMNS.map((category) => one[category])] })),
    );
    charts.key("cumulative", bands.map((category, place) => ({ text: name(category), style: "square", colour: (of) => of.bands[place] })).reverse());
    return charts.give("cumulative", {
      cumulative: days.flatMap((one) => bands.map((category, order) => ({
        date: one.day * words.DAY, series: name(category), order, n: one[category] - (category === "done" ? done : 0),
      }))),
      cumulative_told: days.map((one) => ({ date: one.day * words.DAY, tip: tip(one) })),
    }, { empty: why ?? (days.length ? null : texts.no_flow) });
  }

  return { show };
})();
