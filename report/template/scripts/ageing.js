// Age of work in progress: one dot an issue, against the cycle times of those done.
const ageing = (() => {
  const { in_work: rows, issues, percents, values } = data;
  const { percentile, sortedCycles } = statistics;
  const OLDEST = 20;
  const [, LATE] = percents.headlines;

  charts.add({
    view: "flow", place: "ageing", describe: aboutIssue, link: (i) => links.addressOf(rows, i),
    specification: () => (charts.narrow.matches ? "ageing_narrow" : "ageing"),
  });

  function aboutIssue(i) {
    const lines = [
      rows.id[i],
      rows.summary ? rows.summary[i] : null,
      `${words.named(values.team[rows.team[i]])} · ${words.named(values.issue_type[rows.issue_type[i]])}`,
      rows.assignee ? `${texts.assignee}: ${words.named(rows.assignee[i])}` : null,
      `${texts.age}: ${words.days(rows.age[i])}`,
      `${words.named(values.state[rows.state[i]])}: ${words.days(rows.state_age[i])} ${texts.days}`,
      links.addressOf(rows, i) && texts.click,
    ];
    return lines.filter((line) => line !== null).join("\n");
  }

  function showOldest(indices) {
    const [oldest] = indices; // they stand in the order of their age
    element("oldest").hidden = oldest === undefined;
    if (oldest === undefined) return;
    const [before, after] = words.fill(texts.oldest, {
      issue: "\n", days: words.shortDays(rows.age[oldest]), state: words.named(values.state[rows.state[oldest]]),
    }).split("\n");
    const address = links.addressOf(rows, oldest);
    const name = address ? links.to(address, rows.id[oldest]) : make("b", rows.id[oldest]);
    element("oldest").replaceChildren(before, name, after);
  }

  function showTable(indices) {
    const more = (name) => (rows[name] ? [{ title: texts[name], of: (i) => words.named(rows[name][i]) }] : []);
    const columns = [
      { title: texts.issue, of: (i) => rows.id[i] },
      { title: texts.age, kind: "days", strong: true, of: (i) => rows.age[i] },
      { title: texts.state, of: (i) => words.named(values.state[rows.state[i]]) },
      { title: texts.state_age, kind: "days", of: (i) => rows.state_age[i] },
      ...more("summary"),
      { title: texts.team, of: (i) => words.named(values.team[rows.team[i]]) },
      { title: texts.issue_type, of: (i) => words.named(values.issue_type[rows.issue_type[i]]) },
      ...more("assignee"),
    ];
    const shown = indices.slice(0, OLDEST);
    element("in_work_shown").textContent = words.fill(texts.in_work_shown, { shown: shown.length, all: words.whole(indices.length) });
    tables.fill("table_in_work", columns, shown.map((i) => ({
      cells: columns.map((column) => column.of(i)), link: links.addressOf(rows, i),
    })));
  }

  function dotsOf(indices) {
    return statistics.groupedBy(indices, rows.state).flatMap(([state, those]) => those.map((i, rank) => ({
      i, order: state, state: charts.labelled(words.named(values.state[state])), days: rows.age[i] / 100,
      place: (rank * 0.618) % 1, // spread over the state's row, the same way each time
    })));
  }

  function showTiles(indices, cycles) {
    const before = period.before() && sortedCycles(selection.matching(issues, period.before()));
    const late = percentile(cycles, LATE);
    tiles.show("cycle", late, before && percentile(before, LATE), words.shortDays, { unit: texts.days });
    const older = indices.filter((i) => late !== null && rows.age[i] > late).length;
    tiles.show("in_work", indices.length, null, words.whole);
    element("change_in_work").textContent = late === null ? "" : words.fill(texts.in_work_old, { n: words.whole(older) });
  }

  function show() {
    const indices = selection.matching(rows), cycles = sortedCycles(selection.matching(issues));
    const lines = percents.headlines.map((percent) => ({ percent, cents: percentile(cycles, percent) }));
    showTiles(indices, cycles);
    showOldest(indices);
    showTable(indices);
    element("ageing_unmoved").hidden = !indices.length || !selection.isChosen("sprint", "quarter");
    charts.key("ageing", lines.map(({ percent, cents }, place) => ({
      text: `${words.percent(percent)} · ${words.shortDays(cents)} ${texts.days}`,
      style: data.keys.headline_styles[place],
      colour: (of) => of.headline,
    })));
    const dots = dotsOf(indices);
    return charts.give("ageing", {
      ageing: dots,
      ageing_lines: lines.filter(({ cents }) => cents !== null).map(({ percent, cents }) => ({ percent, days: cents / 100 })),
    }, { empty: indices.length ? null : texts.no_work, signals: { height: 46 * new Set(dots.map(({ order }) => order)).size } });
  }

  return { show };
})();
