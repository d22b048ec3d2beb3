// Flow efficiency by quarter: active work, as a share of the time from start to end.
const efficiency = (() => {
  const { efficiency: rows, values } = data;
  const { total, groupedBy } = statistics;

  charts.add({ view: "flow", place: "efficiency", specification: () => "efficiency" });

  function sumsOf(indices) {
    const active = total(indices, rows.active), waiting = total(indices, rows.waiting);
    return { n: total(indices, rows.issues), active, waiting, share: indices.length ? active / (active + waiting) : null };
  }

  function show() {
    const indices = selection.matching(rows);
    const before = period.before() && sumsOf(selection.matching(rows, period.before())).share;
    tiles.show("efficiency", sumsOf(indices).share, before, words.percents, { showChange: (share) => `${words.tenths(100 * share)} ${texts.points_of_percent}` });
    const quarters = groupedBy(indices, rows.quarter).map(([order, those]) => ({ order, name: values.quarter[order], ...sumsOf(those) }));
    tables.fill(
      "table_efficiency",
      [
        { title: texts.quarter }, { title: texts.issues_short, kind: "whole" }, { title: texts.active_days, kind: "days" },
        { title: texts.waiting_days, kind: "days" }, { title: texts.efficiency, kind: "share", strong: true },
      ],
      [...quarters].reverse().map(({ name, n, active, waiting, share }) => ({ cells: [name, n, active, waiting, share] })),
    );
    return charts.give("efficiency", {
      efficiency: quarters.map(({ order, name, n, share }) => ({
        order, label: charts.labelled([...name.split("-"), words.whole(n)].join("|")), share: 100 * share,
        number: `${Math.round(100 * share)} %`,
        tip: `${name}\n${texts.efficiency}: ${words.percents(share)}\n${texts.issues_short}: ${words.whole(n)}`,
      })),
    }, { empty: indices.length ? null : texts.no_efficiency, width: `max(100%, ${quarters.length * 42 + 46}px)` });
  }

  return { show };
})();
