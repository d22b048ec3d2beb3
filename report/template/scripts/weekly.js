// Throughput per week, with its mean.
const weekly = (() => {
  const { weeks: rows, periods } = data;
  const { total } = statistics;
  const WEEK = 7;
  const today = periods.all.now.to;
  const monday = (day) => day - ((day + 3) % WEEK); // 1 January 1970 was a Thursday

  charts.add({ view: "flow", place: "weekly", specification: () => "weekly" });
  const release = blocked("weekly", ["sprint", "quarter"], texts.no_quarter_weekly);

  // Every week from the first of the selection on, quiet ones too; those that begin in the span.
  function weeksIn(span) {
    const matching = selection.matching(rows);
    const byWeek = new Map(statistics.groupedBy(matching, rows.monday));
    const weeks = [];
    for (let from = rows.monday[matching[0]]; from <= monday(today); from += WEEK) {
      const those = byWeek.get(from) ?? [];
      if (from < span.from || from > span.to) continue;
      weeks.push({
        from, isComplete: from + WEEK <= today, created: total(those, rows.created),
        started: total(those, rows.started), done: total(those, rows.done),
      });
    }
    return weeks;
  }

  // of the weeks that lie in the span whole; null without one
  function meanOf(weeks, span) {
    const whole = weeks.filter(({ from, isComplete }) => isComplete && from + WEEK - 1 <= span.to);
    return whole.length ? whole.reduce((sum, { done }) => sum + done, 0) / whole.length : null;
  }

  function tip(week) {
    const lines = ["created", "started", "done"].map((name) => `${texts[name]}: ${words.whole(week[name])}`);
    return [words.span({ from: week.from, to: week.from + WEEK - 1 }), ...lines].join("\n");
  }

  function show() {
    const why = release();
    const now = period.now(), before = period.before();
    const weeks = why ? [] : weeksIn(now), mean = meanOf(weeks, now);
    tiles.show("weekly", mean, before && !why ? meanOf(weeksIn(before), before) : null, words.tenths);
    tables.fill(
      "table_weekly",
      [{ title: texts.week_from, kind: "day" }, ...["created", "started", "done"].map((name) => ({ title: texts[name], kind: "whole" }))],
      [...weeks].reverse().map(({ from, created, started, done }) => ({ cells: [from, created, started, done] })),
    );
    charts.key("weekly", [
      ...(mean === null ? [] : [{ text: words.fill(texts.weekly_mean, { n: words.tenths(mean) }), style: "solid", colour: (of) => of.headline }]),
      ...(weeks.some(({ isComplete }) => !isComplete) ? [{ text: texts.weekly_running, style: "hatched", colour: (of) => of.muted }] : []),
    ]);
    const at = (day) => day * words.DAY;
    return charts.give("weekly", {
      weekly: weeks.map((week) => ({
        from: at(week.from), to: at(week.from + 6), done: week.done, is_complete: week.isComplete, tip: tip(week),
      })),
      weekly_mean: mean === null ? [] : [{ from: at(weeks[0].from), to: at(weeks.at(-1).from + 6), done: mean }],
    }, { empty: why ?? (weeks.length ? null : texts.no_week) });
  }

  return { show };
})();
