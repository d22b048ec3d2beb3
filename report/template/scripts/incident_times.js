// Times to acknowledge and to restore by quarter, beside what only makes noise.
const incidentTimes = (() => {
  const { rows, open, quarters, older, suppressed, end_kinds: ends } = data.incidents;
  const { sorted, percentile, groupedBy, total } = statistics;
  const { incident_shares: SHARES, incident_styles: STYLES } = data.keys;
  const PERCENTS = data.percents.incidents;
  const CHARTS = { acknowledging: "acknowledge", restoring: "restore" };

  [...Object.keys(CHARTS), "incident_shares"].forEach((place) => charts.add({ view: "incidents", place, specification: () => place }));

  const known = (indices, times) => sorted(indices.filter((i) => times[i] !== null), times);
  const shareOf = (part, all) => (all ? part / all : null);

  function countsOf(indices) {
    const n = indices.length, ended = (kind) => indices.filter((i) => ends[rows.end_kind[i]] === kind).length;
    return {
      n,
      is_provisional: indices.some((i) => rows.is_provisional[i]),
      in_time: shareOf(total(indices, rows.is_seen_in_time), n),
      noise: shareOf(total(indices, rows.is_noise), n),
      flapping: shareOf(total(indices, rows.is_flapping), n),
      never_seen: shareOf(n - total(indices, rows.is_seen), n),
      by_hand: shareOf(ended("by_hand"), n),
      lost: shareOf(ended("lost"), n),
    };
  }

  function showTiles(indices) {
    const before = period.before() && selection.matching(rows, period.before());
    const points = { showChange: (share) => `${words.tenths(100 * share)} ${texts.points_of_percent}` };
    tiles.show("incidents", indices.length, before && before.length, words.whole);
    tiles.show("seen_in_time", countsOf(indices).in_time, before && countsOf(before).in_time, words.percents, points);
    const half = (those) => percentile(known(those, rows.restore), 50);
    tiles.show("restored", half(indices), before && half(before), (cents) => (cents === null ? "—" : words.duration(cents)));
    const burning = selection.matching(open);
    tiles.show("incidents_open", burning.length, null, words.whole);
    element("change_incidents_open").textContent = words.fill(texts.not_seen, { n: words.whole(burning.length - total(burning, open.is_seen)) });
  }

  const label = ({ order, n, is_provisional: mark }) => (
    charts.labelled([...quarters[order].split("-"), `${words.whole(n)}${mark ? "*" : ""}`].join("|"))
  );

  function showTimes(place, byQuarter) {
    const times = rows[CHARTS[place]];
    const all = byQuarter.map(([order, those]) => {
      const some = known(those, times);
      return { order, count: some.length, cents: PERCENTS.map((percent) => percentile(some, percent)), ...countsOf(those), n: some.length };
    });
    const shown = all.filter(({ n }) => n);
    tables.fill(
      `table_${place}`,
      [
        { title: texts.quarter }, { title: texts.incidents_short, kind: "whole" }, { title: texts[`counted_${place}`], kind: "whole" },
        ...PERCENTS.map((percent) => ({ title: `${words.percent(percent)}, ${texts.minutes}`, kind: "days", strong: percent === 50 })),
      ],
      byQuarter.map(([, those], i) => ({ cells: [`${quarters[all[i].order]}${all[i].is_provisional ? "*" : ""}`, those.length, all[i].n, ...all[i].cents] })).reverse(),
    );
    charts.key(place, PERCENTS.map((percent, i) => ({ text: words.percent(percent), style: STYLES[i], colour: (of) => of.incidents[i] })));
    return charts.give(place, {
      [place]: shown.flatMap((one) => PERCENTS.map((percent, i) => ({
        order: one.order, label: label(one), series: words.percent(percent), value: one.cents[i] / 100,
        tip: [quarters[one.order], ...PERCENTS.map((each, j) => `${words.percent(each)}: ${words.duration(one.cents[j])}`), `${texts[`counted_${place}`]}: ${words.whole(one.n)}`].join("\n"),
      }))),
    }, { empty: shown.length ? null : texts[`no_${place}`], width: `max(100%, ${shown.length * 46 + 60}px)` });
  }

  function showShares(byQuarter) {
    const all = byQuarter.map(([order, those]) => ({ order, ...countsOf(those) }));
    const columns = [...SHARES, "by_hand", "lost"];
    tables.fill(
      "table_incident_shares",
      [{ title: texts.quarter }, { title: texts.incidents_short, kind: "whole" }, ...columns.map((name) => ({ title: texts[`share_${name}`], kind: "share" }))],
      [...all].reverse().map((one) => ({ cells: [`${quarters[one.order]}${one.is_provisional ? "*" : ""}`, one.n, ...columns.map((name) => one[name])] })),
    );
    charts.key("incident_shares", SHARES.map((name, i) => ({ text: texts[`share_${name}`], style: STYLES[i], colour: (of) => of.incidents[i] })));
    return charts.give("incident_shares", {
      incident_shares: all.flatMap((one) => SHARES.map((name) => ({
        order: one.order, label: label(one), series: texts[`share_${name}`], value: 100 * one[name],
        tip: [quarters[one.order], ...columns.map((each) => `${texts[`share_${each}`]}: ${words.percents(one[each])}`), `${texts.incidents_short}: ${words.whole(one.n)}`].join("\n"),
      }))),
    }, { empty: all.length ? null : texts.no_incident, width: `max(100%, ${all.length * 46 + 60}px)` });
  }

  function showLeftOut() {
    const told = [
      suppressed ? words.fill(texts.suppressed_left_out, { n: words.whole(suppressed) }) : "",
      older ? words.fill(texts.older_left_out, { n: words.whole(older), quarter: quarters[0] }) : "",
    ];
    element("incidents_left_out").textContent = told.filter(Boolean).join(" ");
  }

  function show() {
    const indices = selection.matching(rows);
    const byQuarter = groupedBy(indices, rows.start_quarter);
    showTiles(indices);
    showLeftOut();
    return Promise.all([...Object.keys(CHARTS).map((place) => showTimes(place, byQuarter)), showShares(byQuarter)]);
  }

  return { show };
})();
