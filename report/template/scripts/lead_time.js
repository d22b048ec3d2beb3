// Lead time: tiles, spectrum, percentiles by quarter and team, the issues themselves.
const leadTime = (() => {
  const { issues, values, percents } = data;
  const { sortedCents, percentile, groupedBy } = statistics;
  const { labelled } = charts;
  const LONGEST = 20;
  const ROLLING = { percent: 85, days: 30, least: 10 };
  const hasAny = issues.cents.some((cents) => cents !== null);

  const view = "lead_time";
  charts.add({ view, place: "spectrum", specification: () => (charts.narrow.matches ? "spectrum_narrow" : "spectrum") });
  charts.add({ view, place: "percentiles", specification: () => "percentiles" });
  // dots on a canvas: 50,000 of them as elements would stop the browser
  charts.add({
    view, place: "scatter", renderer: "canvas", describe: aboutIssue, link: (i) => links.addressOf(issues, i),
    specification: () => (element("logarithmic").checked ? "scatter_log" : "scatter"),
  });

  function aboutIssue(i) {
    const lines = [
      issues.id[i],
      issues.summary ? issues.summary[i] : null,
      `${words.named(values.team[issues.team[i]])} · ${words.named(values.issue_type[issues.issue_type[i]])}`,
      issues.assignee ? `${texts.assignee}: ${words.named(issues.assignee[i])}` : null,
      `${texts.resolved}: ${words.day(issues.date[i])}`,
      `${texts.lead_time}: ${words.days(issues.cents[i])}`,
      links.addressOf(issues, i) && texts.click,
    ];
    return lines.filter((line) => line !== null).join("\n");
  }

  const indicesIn = (span) => selection.matching(issues, span).filter((i) => issues.cents[i] !== null);

  function showTiles(sorted) {
    const before = period.before() && sortedCents(indicesIn(period.before()));
    tiles.show("n", sorted.length, before && before.length, words.whole);
    percents.headlines.forEach((percent) => {
      tiles.show(`p${percent}`, percentile(sorted, percent), before && percentile(before, percent), words.shortDays, { unit: texts.days });
    });
  }

  // From where to where, and whose word it is.
  function meaning(indices) {
    const fromField = indices.reduce((sum, i) => sum + issues.is_from_field[i], 0);
    if (!fromField) return texts.means_history;
    if (fromField === indices.length) return texts.means_field;
    return words.fill(texts.means_both, {
      field: words.share(fromField, indices.length), history: words.share(indices.length - fromField, indices.length),
    });
  }

  // "90 days and more" under a narrow bar; a bar marks the end of a line
  const inLines = (text) => text.split(" ").reduce((lines, word) => (
    lines.length - lines.lastIndexOf("|") + word.length > 7 ? `${lines}|${word}` : `${lines} ${word}`
  ));

  function showSpectrum(indices, empty) {
    element("meaning").textContent = meaning(indices);
    const counts = new Array(data.buckets.length).fill(0);
    indices.forEach((i) => { counts[issues.bucket[i]]++; });
    const rows = data.buckets.map((bucket, order) => ({
      order, bucket, label: labelled(inLines(bucket)), name: labelled(bucket), n: counts[order],
      tip: `${bucket}\n${texts.issues_short}: ${words.whole(counts[order])} (${words.share(counts[order], indices.length)})`,
    }));
    tables.fill(
      "table_spectrum",
      [{ title: texts.bucket }, { title: texts.issues_short, kind: "whole" }, { title: texts.share, kind: "share" }],
      rows.map(({ bucket, n }) => ({ cells: [bucket, n, indices.length ? n / indices.length : null] })),
    );
    return charts.give("spectrum", { spectrum: rows }, { empty });
  }

  function showPercentiles(indices, empty) {
    const quarters = groupedBy(indices, issues.quarter).map(([quarter, those]) => {
      const name = values.quarter[quarter], n = words.whole(those.length);
      return { order: quarter, name, n, lines: [...name.split("-"), n], sorted: sortedCents(those) };
    });
    const rows = quarters.flatMap(({ order, name, n, lines, sorted }) => percents.charted.map((percent) => {
      const series = words.percent(percent), cents = percentile(sorted, percent);
      return {
        order, label: labelled(lines.join("|")), series, days: cents / 100,
        tip: `${name}\n${series}: ${words.days(cents)} ${texts.days}\n${texts.issues_short}: ${n}`,
      };
    }));
    const longest = Math.max(0, ...quarters.flatMap(({ lines }) => lines.map((line) => line.length)));
    const width = `max(100%, ${quarters.length * (longest * 6.5 + 3) + 46}px)`;
    charts.key("percentiles", percents.charted.map((percent, place) => ({
      text: words.percent(percent), style: data.keys.charted_styles[place], colour: (of) => of.percentiles[place],
    })));
    return charts.give("percentiles", { percentiles: rows }, { empty, width });
  }

  function showPercentileTable(indices, empty) {
    const cells = (those) => {
      const sorted = sortedCents(those);
      return [sorted.length, ...percents.tabled.map((percent) => percentile(sorted, percent))];
    };
    const group = (title, those) => [
      { cells: [title, ...cells(those)], isGroup: true },
      ...groupedBy(those, issues.quarter).reverse().map(([quarter, some]) => (
        { cells: [values.quarter[quarter], ...cells(some)], inner: true }
      )),
    ];
    const teams = groupedBy(indices, issues.team);
    tables.fill(
      "table_percentiles",
      [
        { title: texts.team_quarter, titles: [texts.team, texts.quarter] }, { title: texts.issues_short, kind: "whole" },
        ...percents.tabled.map((percent) => ({ title: words.percent(percent), kind: "days", strong: percent === 50 || percent === 85 })),
      ],
      // one team is all there is: its numbers stand once
      [
        ...(teams.length > 1 ? group(texts.all_teams, indices) : []),
        ...teams.flatMap(([team, those]) => group(words.named(values.team[team]), those)),
      ],
    );
    charts.sayEmpty("percentile_table", empty);
    element("scroll_percentiles").hidden = empty !== null;
  }

  function showLongest(indices) {
    const longest = [...indices].sort((one, other) => issues.cents[other] - issues.cents[one]).slice(0, LONGEST);
    element("longest").textContent = words.fill(texts.longest, { shown: longest.length });
    const more = (name) => (issues[name] ? [{ title: texts[name], of: (i) => words.named(issues[name][i]) }] : []);
    const columns = [
      { title: texts.issue, of: (i) => issues.id[i] },
      ...more("summary"),
      { title: texts.team, of: (i) => words.named(values.team[issues.team[i]]) },
      { title: texts.issue_type, of: (i) => words.named(values.issue_type[issues.issue_type[i]]) },
      ...more("assignee"),
      { title: texts.resolved, kind: "day", of: (i) => issues.date[i] },
      { title: texts.lead_time, kind: "days", of: (i) => issues.cents[i] },
    ];
    tables.fill("table_longest", columns, longest.map((i) => ({
      cells: columns.map((column) => column.of(i)), link: links.addressOf(issues, i),
    })));
  }

  // The percentile of the days up to each of some 150 days of the period, null where they have too few
  // issues; from the day on that has so many days of the selection before it.
  function rolling() {
    const { from, to } = period.now();
    const indices = indicesIn({ from: from - ROLLING.days + 1, to });
    if (!indices.length) return [];
    const first = Math.max(from, issues.date[indices[0]] + ROLLING.days - 1);
    const step = Math.max(1, Math.ceil((to - first) / 150));
    const points = [];
    for (let day = first + ((to - first) % step), low = 0, high = 0; day <= to; day += step) {
      while (high < indices.length && issues.date[indices[high]] <= day) high++;
      while (low < high && issues.date[indices[low]] <= day - ROLLING.days) low++;
      const cents = high - low < ROLLING.least ? null : percentile(sortedCents(indices.slice(low, high)), ROLLING.percent);
      points.push({ date: day * words.DAY, cents, days: cents === null ? null : cents / 100 });
    }
    return points;
  }

  function showScatter(indices, sorted, empty) {
    const lines = percents.headlines.map((percent) => ({ percent, cents: percentile(sorted, percent) }));
    const rolled = rolling();
    charts.key("scatter", [
      ...lines.map(({ percent, cents }, place) => ({
        text: `${words.percent(percent)} · ${words.shortDays(cents)} ${texts.days}`,
        style: data.keys.headline_styles[place],
        colour: (of) => of.headline,
      })),
      {
        text: words.fill(texts.rolling, { p: ROLLING.percent, days: words.shortDays(rolled.at(-1)?.cents ?? null) }),
        style: "solid",
        colour: (of) => of.rolling,
      },
    ]);
    return charts.give("scatter", {
      scatter: indices.map((i) => ({ i, date: issues.date[i] * words.DAY, days: issues.cents[i] / 100 })),
      rolling: rolled,
      lines: sorted.length ? lines.map(({ percent, cents }) => ({ percent, days: cents / 100 })) : [],
    }, { empty, signals: { opacity: Math.max(0.12, Math.min(0.65, 60 / Math.sqrt(indices.length + 1))) } });
  }

  function show() {
    const indices = indicesIn(period.now()), sorted = sortedCents(indices);
    const empty = indices.length ? null : hasAny ? texts.no_lead_time : texts.nothing_yet;
    showTiles(sorted);
    showPercentileTable(indices, empty);
    showLongest(indices);
    return Promise.all([showSpectrum(indices, empty), showPercentiles(indices, empty), showScatter(indices, sorted, empty)]);
  }

  function start(showAll) {
    const all = sortedCents(indicesIn(data.periods.all.now));
    element("logarithmic").checked = all.at(-1) > 5 * percentile(all, 95); // else the many would be a smear
    element("logarithmic").addEventListener("change", () => charts.redraw("scatter").then(showAll));
  }

  return { show, start };
})();
