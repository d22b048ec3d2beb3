// Throughput per sprint.
const sprintsView = (() => {
  const { throughput, values } = data;
  const LATEST = innerWidth < 640 ? 6 : 16;
  const OUTCOMES = ["planned", "completed", "added", "carried_over"];
  let everySprint = false;

  charts.add({ view: "lead_time", place: "throughput", specification: () => (charts.narrow.matches ? "throughput_narrow" : "throughput") });

  const storyTypes = [...new Set(throughput.issue_type.filter((_, i) => throughput.is_story[i]))]
    .sort((one, other) => one - other).map((code) => words.named(values.issue_type[code]));

  // What a sprint's issues came to; the open ones of a sprint that runs are no failure yet.
  function sumsOf([code, those], unit) {
    const about = data.sprints[code];
    const total = (name) => those.reduce((sum, i) => sum + throughput[`${name}_${unit}`][i], 0);
    const sums = Object.fromEntries(OUTCOMES.map((name) => [name, total(name)]));
    const { carried_over: open, ...others } = sums;
    return {
      order: code,
      name: values.sprint[code],
      team: about.is_team_inferred ? words.fill(texts.guess, { team: words.named(about.team) }) : words.named(about.team),
      isInferred: about.is_team_inferred,
      finish: about.finish,
      isRunning: !about.is_closed,
      sums: about.is_closed ? sums : { ...others, still_open: open },
      completion: sums.planned ? total("planned_completed") / sums.planned : null,
    };
  }

  const label = ({ name, isRunning }) => (isRunning ? words.fill(texts.running, { sprint: name }) : name);

  function tip(sprint) {
    return [
      label(sprint), `${texts.sprint_team}: ${sprint.team}`, `${texts.ends}: ${words.day(sprint.finish)}`,
      ...Object.entries(sprint.sums).map(([name, value]) => `${texts[name]}: ${words.points(value)}`),
      `${texts.completion}: ${words.percents(sprint.completion)}`,
    ].join("\n");
  }

  function emptyWords(matching, rows, sprints, unit) {
    if (!throughput.team.length) return texts.no_sprint_yet;
    if (!matching.length) return texts.no_sprint;
    if (!rows.length) return texts.no_story;
    const isZero = sprints.every(({ sums }) => Object.values(sums).every((value) => value === 0));
    return unit === "points" && isZero ? texts.no_points : null;
  }

  function showTable(sprints) {
    const all = data.keys.outcomes;
    tables.fill(
      "table_throughput",
      [
        { title: texts.sprint }, ...all.map((name) => ({ title: texts[name], kind: "points" })), { title: texts.completion, kind: "share" },
        { title: texts.ends, kind: "day" }, { title: texts.sprint_team },
      ],
      [...sprints].reverse().map((sprint) => ({
        cells: [
          sprint.name, ...all.map((name) => sprint.sums[name] ?? null), sprint.completion, sprint.finish, sprint.team,
        ],
      })),
    );
    element("guess_note").hidden = !sprints.some(({ isInferred }) => isInferred);
  }

  function show() {
    const unit = element("unit").value, storiesOnly = element("stories_only").checked;
    // those that end in the period, and those that run
    const matching = selection.matching(throughput).filter((i) => data.sprints[throughput.sprint[i]].finish >= period.now().from);
    const rows = matching.filter((i) => !storiesOnly || throughput.is_story[i]);
    const sprints = statistics.groupedBy(rows, throughput.sprint).map((group) => sumsOf(group, unit));
    const shown = everySprint ? sprints : sprints.slice(-LATEST);
    const isCut = sprints.length > LATEST;
    const empty = emptyWords(matching, rows, shown, unit);
    element("counted").textContent = storiesOnly
      ? words.fill(texts.counted_stories, { types: storyTypes.join(", ") || "—" }) : texts.counted_all;
    element("count_all").hidden = empty !== texts.no_story;
    element("sprints_shown").textContent = isCut && !everySprint ? words.fill(texts.sprints_shown, { shown: shown.length, all: sprints.length }) : "";
    element("sprints_toggle").hidden = !isCut;
    element("sprints_toggle").textContent = everySprint ? texts.sprints_latest : texts.sprints_all;
    showTable(sprints);
    const bars = shown.flatMap((sprint) => Object.entries(sprint.sums).map(([name, value]) => ({
      order: sprint.order, sprint: charts.labelled(label(sprint)), series: texts[name], value,
      place: texts[name === "still_open" ? "carried_over" : name], tip: tip(sprint),
    })));
    charts.key("throughput", data.keys.outcomes.map((name, place) => ({
      text: texts[name], style: name === "still_open" ? "hatched" : "square", colour: (of) => of.outcomes[place],
    })));
    const width = everySprint ? `max(100%, ${shown.length * 52}px)` : "100%";
    return charts.give("throughput", { throughput: bars }, { empty, width });
  }

  function start() {
    ["stories_only", "unit"].forEach((id) => element(id).addEventListener("change", show));
    element("sprints_toggle").addEventListener("click", () => { everySprint = !everySprint; show(); });
    element("count_all").addEventListener("click", () => { element("stories_only").checked = false; show(); });
  }

  return { show, start };
})();
