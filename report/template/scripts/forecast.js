// The forecast: a promise that a person can repeat, whether such promises held, and a fan.
const forecast = (() => {
  const { forecast: rows, checks } = data;
  const { confidences } = data.keys;
  const PROMISED_WEEKS = 4; // those that the marts check
  const CONFIDENCE = 0.85;

  charts.add({ view: "flow", place: "forecast", specification: () => "forecast" });
  const release = blocked("forecast", ["issue_type", "sprint", "quarter"], texts.no_forecast_by);

  const rowsOf = (columns, team) => [...columns.of.keys()].filter((i) => columns.of[i] === team);

  function emptyWords(why, teams, weeks) {
    if (why) return why;
    if (teams.length > 1) return texts.no_forecast_teams;
    return weeks.length ? null : teams.length ? texts.no_forecast : texts.no_forecast_yet;
  }

  function held(team) {
    const [i] = rowsOf(checks, team);
    if (i === undefined) return texts.never_checked;
    return words.fill(checks.checked[i] >= 52 ? texts.held_year : texts.held, {
      held: words.whole(checks.held[i]), checked: words.whole(checks.checked[i]),
    });
  }

  // in how many weeks everything that is open now is done
  function allOpen(weeks) {
    const open = rows.open[weeks[0]];
    if (!open) return "";
    const reached = weeks.find((i) => rows.probability[i] >= CONFIDENCE - 1e-9);
    const inWeeks = words.counted(texts.in_weeks, rows.week[reached ?? weeks.at(-1)]);
    return words.counted(reached === undefined ? texts.all_open_late : texts.all_open, open, { weeks: inWeeks });
  }

  function promise(team, weeks) {
    const promised = weeks.find((i) => rows.week[i] === PROMISED_WEEKS);
    const sentence = promised === undefined ? [] : [
      words.fill(texts.promise, { weeks: PROMISED_WEEKS, issues: words.counted(texts.promise_issues, rows.p85[promised]) }),
      held(team),
    ];
    return [...sentence, allOpen(weeks)].filter(Boolean).join(" ");
  }

  const at = (percent, i) => rows[`p${percent}`][i];

  function tip(i) {
    return [
      `${words.counted(texts.in_weeks, rows.week[i])}: ${words.day(data.periods.all.now.to + 7 * rows.week[i])}`,
      ...confidences.map((percent) => `${words.fill(texts.confidence, { p: percent })}: ${words.whole(at(percent, i))}`),
      `${texts.all_open_done}: ${words.percents(rows.probability[i])}`,
    ].join("\n");
  }

  function showTable(weeks) {
    tables.fill(
      "table_forecast",
      [
        { title: texts.weeks_ahead, kind: "whole" },
        ...confidences.map((percent) => ({ title: words.fill(texts.confidence, { p: percent }), kind: "whole", strong: percent === 85 })),
        { title: texts.all_open_done, kind: "share" },
      ],
      weeks.map((i) => ({ cells: [rows.week[i], ...confidences.map((percent) => at(percent, i)), rows.probability[i]] })),
    );
  }

  function show() {
    const why = release(), teams = selection.names("team"), team = teams[0] ?? "(all)";
    const weeks = why || teams.length > 1 ? [] : rowsOf(rows, team);
    const empty = emptyWords(why, teams, weeks);
    element("forecast_note").textContent = weeks.length ? words.counted(texts.forecast_note, rows.sample[weeks[0]]) : texts.forecast_means;
    element("promise").textContent = weeks.length ? promise(team, weeks) : "";
    showTable(weeks);
    const open = weeks.length ? rows.open[weeks[0]] : 0;
    charts.key("forecast", [
      ...confidences.map((percent, place) => ({
        text: words.fill(texts.confidence, { p: percent }), style: data.keys.confidence_styles[place],
        colour: (of) => of.confidences[place],
      })),
      { text: words.fill(texts.open_now, { n: words.whole(open) }), style: "dashed", colour: (of) => of.muted },
    ]);
    return charts.give("forecast", {
      forecast: weeks.length ? [
        { week: 0, ...Object.fromEntries(confidences.map((percent) => [`p${percent}`, 0])) },
        ...weeks.map((i) => ({ week: rows.week[i], ...Object.fromEntries(confidences.map((percent) => [`p${percent}`, at(percent, i)])), tip: tip(i) })),
      ] : [],
      forecast_open: weeks.length ? [{ open }] : [],
    }, { empty });
  }

  return { show };
})();
