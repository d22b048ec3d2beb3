// Time in state of done issues, in calendar days or working hours.
const stateTimes = (() => {
  const { state_times: rows, values } = data;
  const { total, groupedBy } = statistics;
  const { bands } = data.keys;
  const DAY_SECONDS = 86_400;
  const SHOWN = bands.filter((category) => category !== "done");

  const keys = rows.state.map((state, i) => state * values.category.length + rows.category[i]);

  charts.add({
    view: "flow", place: "state_times",
    specification: () => (charts.narrow.matches ? "state_times_narrow" : "state_times"),
  });

  // [{ order, state, category, issues, visits, time }], times in hundredths of a day or an hour
  function sumsOf(indices, isWorking) {
    return groupedBy(indices, keys).map(([order, those]) => ({
      order,
      state: values.state[rows.state[those[0]]],
      category: values.category[rows.category[those[0]]],
      issues: total(those, rows.issues),
      visits: total(those, rows.visits),
      time: isWorking ? total(those, rows.work_cents) : (100 * total(those, rows.seconds)) / DAY_SECONDS,
    }));
  }

  function show() {
    const isWorking = element("time_unit").value === "working";
    const unit = isWorking ? texts.hours : texts.days;
    const states = sumsOf(selection.matching(rows), isWorking);
    const all = states.reduce((sum, { time }) => sum + time, 0);
    const names = states.map(({ state }) => state);
    // one name may have two categories in two projects
    const label = ({ state, category }) => (
      names.filter((name) => name === state).length > 1 ? `${state} (${texts.categories[category]})` : words.named(state)
    );
    const mean = ({ time, issues }) => Math.round(time / issues);
    tables.fill(
      "table_state_times",
      [
        { title: texts.state }, { title: texts.issues_short, kind: "whole" }, { title: texts.visits, kind: "whole" },
        { title: isWorking ? texts.mean_hours : texts.mean_days, kind: "days", strong: true }, { title: texts.share_of_time, kind: "share" },
      ],
      states.map((one) => ({ cells: [label(one), one.issues, one.visits, mean(one), all ? one.time / all : null] })),
    );
    charts.key("state_times", SHOWN.map((category) => ({
      text: texts.categories[category], style: "square", colour: (of) => of.bands[bands.indexOf(category)],
    })).reverse());
    return charts.give("state_times", {
      state_times: states.map((one) => ({
        order: one.order, state: charts.labelled(label(one)), category: one.category, time: mean(one) / 100,
        number: `${words.shortDays(mean(one))} ${unit}`,
        tip: `${label(one)}\n${words.days(mean(one))} ${unit}\n${texts.issues_short}: ${words.whole(one.issues)}\n${texts.visits}: ${words.whole(one.visits)}`,
      })),
    }, { empty: states.length ? null : texts.no_state_times, signals: { height: 28 * states.length } });
  }

  function start(showAll) {
    element("time_unit").addEventListener("change", showAll);
  }

  return { show, start };
})();
