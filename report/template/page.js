"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { texts, locale, issues, throughput, values, percents } = data;
  const DIMENSIONS = ["team", "issue_type", "sprint", "quarter"];
  const OUTCOMES = ["planned", "completed", "added", "carried_over"];
  const DAY = 86_400_000;
  const LATEST_SPRINTS = innerWidth < 640 ? 6 : 16;
  const LONGEST = 20;
  const LINES = [50, 85, 95];

  const element = (id) => document.getElementById(id);
  const fill = (text, words) => text.replace(/\{(\w+)\}/g, (_, word) => words[word]);
  const named = (value) => (value === "(none)" ? texts.none : value);

  // ---- numbers and moments in the reader's language, in the reporting time zone
  const number = (digits) => new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const whole = number(0), fine = number(2), oneDigit = number(1);
  const days = (cents) => (cents === null ? "—" : fine.format(cents / 100));
  const shortDays = (cents) => (cents === null ? "—" : (cents < 1000 ? oneDigit : whole).format(cents / 100));
  const share = (part, all) => (all ? `${oneDigit.format((100 * part) / all)} %` : "—");
  const points = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const moment = (() => {
    const style = { dateStyle: "medium", timeStyle: "short" };
    try {
      return new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { ...style, timeZone: data.time_zone });
    } catch {
      return new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { ...style, timeZone: "UTC" });
    }
  })();
  const day = new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { dateStyle: "medium", timeZone: "UTC" });
  const ago = (iso) => {
    const hours = (Date.parse(iso) - Date.now()) / 3_600_000;
    const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
    if (hours > -1) return relative.format(Math.min(0, Math.round(hours * 60)), "minute");
    return hours > -48 ? relative.format(Math.round(hours), "hour") : relative.format(Math.round(hours / 24), "day");
  };

  // ---- tables, by text nodes alone: nothing from the tracker is ever markup
  function table(id, head, rows) {
    const cell = (tag, value, className) => {
      const one = document.createElement(tag);
      one.textContent = value;
      if (className) one.className = className;
      return one;
    };
    const header = document.createElement("tr");
    head.forEach(({ title, text }) => {
      const one = cell("th", title, text ? "text" : "");
      one.scope = "col";
      header.append(one);
    });
    const parts = [];
    rows.forEach(({ cells, isGroup, inner }) => {
      const row = document.createElement("tr");
      if (isGroup) row.className = "group";
      cells.forEach((value, place) => {
        const one = cell(place ? "td" : "th", value, head[place].text ? "text" : head[place].strong ? "strong" : "");
        if (!place) one.scope = isGroup ? "rowgroup" : "row";
        if (!place && inner) one.classList.add("inner");
        row.append(one);
      });
      if (isGroup || !parts.length) parts.push(document.createElement("tbody"));
      parts.at(-1).append(row);
    });
    const top = document.createElement("thead");
    top.append(header);
    element(id).replaceChildren(top, ...parts);
  }

  // ---- the selection: an empty set of codes is every value
  const chosen = Object.fromEntries(DIMENSIONS.map((name) => [name, new Set()]));

  function matching(rows) {
    const allowed = DIMENSIONS.map((name) => {
      const mask = new Uint8Array(values[name].length).fill(chosen[name].size ? 0 : 1);
      chosen[name].forEach((code) => { mask[code] = 1; });
      return [rows[name], mask];
    });
    const found = [];
    for (let i = 0; i < rows.team.length; i++) {
      if (allowed.every(([codes, mask]) => mask[codes[i]])) found.push(i);
    }
    return found;
  }

  // Linear interpolation between ranks, as percentile_cont; in whole hundredths, so that halves round up.
  function percentile(sorted, percent) {
    if (!sorted.length) return null;
    const rank = percent * (sorted.length - 1), low = Math.floor(rank / 100);
    const high = Math.min(low + 1, sorted.length - 1);
    return Math.round((100 * sorted[low] + (sorted[high] - sorted[low]) * (rank % 100)) / 100);
  }

  const sortedCents = (indices) => Float64Array.from(indices, (i) => issues.cents[i]).sort();

  function groupedBy(indices, codes) {
    const groups = new Map();
    indices.forEach((i) => {
      if (!groups.has(codes[i])) groups.set(codes[i], []);
      groups.get(codes[i]).push(i);
    });
    return [...groups].sort(([one], [other]) => one - other);
  }

  // ---- charts: drawn once, given new data on each change
  // Vega makes keys of objects of labels, and __proto__ is none; SVG draws no space at the start.
  const labelled = (text) => ` ${text}`;
  const tooltip = element("tooltip");
  function showTooltip(_handler, event, item, value) {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    tooltip.textContent = item.datum.i === undefined ? value : aboutIssue(item.datum.i);
    const { width, height } = tooltip.getBoundingClientRect();
    tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tooltip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }

  function aboutIssue(i) {
    const lines = [
      issues.id[i],
      issues.summary ? issues.summary[i] : null,
      `${named(values.team[issues.team[i]])} · ${named(values.issue_type[issues.issue_type[i]])}`,
      issues.assignee ? `${texts.assignee}: ${named(issues.assignee[i])}` : null,
      `${texts.resolved}: ${day.format(issues.date[i] * DAY)}`,
      `${texts.lead_time}: ${days(issues.cents[i])}`,
    ];
    return lines.filter((line) => line !== null).join("\n");
  }

  const views = {};
  async function draw(place, specification, renderer) {
    const result = await vegaEmbed(`#chart_${place}`, { ...data.charts[specification], description: texts[place] }, {
      ast: true, // no code is made of strings: the page's policy forbids it
      actions: false,
      logLevel: 1, // errors; an empty selection has no extent, which is no news
      defaultStyle: false,
      renderer,
      tooltip: showTooltip,
      formatLocale: data.format_locale,
      timeFormatLocale: data.time_locale,
    });
    views[place]?.finalize();
    views[place] = result.view;
  }

  const give = (place, sets, signals = {}) => {
    const view = views[place];
    Object.entries(signals).forEach(([name, value]) => view.signal(name, value));
    Object.entries(sets).forEach(([name, rows]) => view.data(name, rows));
    return view.resize().runAsync();
  };

  // ---- the views
  function showRun() {
    const { status, last_finished_status: finished, error } = data.status;
    element("badge").textContent = status === "RUNNING" && finished !== "(none)" ? `${status} (${finished})` : status;
    element("badge").classList.add(status);
    [["last_run", data.status.last_run_at], ["data_as_of", data.status.data_as_of]].forEach(([id, iso]) => {
      const age = document.createElement("small");
      age.textContent = iso ? ` · ${ago(iso)}` : "";
      const nothing = data.status.last_run_at ? "—" : texts.no_data_yet;
      element(id).replaceChildren(iso ? moment.format(Date.parse(iso)) : nothing, age);
    });
    const failed = error && error !== "(none)";
    element("error").hidden = !failed;
    element("error").textContent = failed ? error : "";
    const hours = (Date.now() - Date.parse(data.written_at)) / 3_600_000;
    element("old").hidden = hours < 26;
    element("old").textContent = fill(texts.old_page, { age: ago(data.written_at) });
    element("written_at").textContent = `${texts.written_at}: ${moment.format(Date.parse(data.written_at))} (${data.time_zone})`;
  }

  function showTiles(sorted) {
    element("tile_n").textContent = whole.format(sorted.length);
    LINES.forEach((percent) => {
      const cents = percentile(sorted, percent);
      element(`tile_p${percent}`).textContent = cents === null ? "—" : `${shortDays(cents)} ${texts.days}`;
    });
    element("nothing").hidden = sorted.length > 0;
    element("nothing").textContent = sorted.length ? "" : issues.id.length ? texts.nothing : texts.nothing_yet;
  }

  // "90 days and more" under a narrow bar; a bar marks the end of a line
  const inLines = (text) => text.split(" ").reduce((lines, word) => (
    lines.length - lines.lastIndexOf("|") + word.length > 7 ? `${lines}|${word}` : `${lines} ${word}`
  ));

  function showSpectrum(indices) {
    const counts = new Array(data.buckets.length).fill(0);
    indices.forEach((i) => { counts[issues.bucket[i]]++; });
    const rows = data.buckets.map((bucket, place) => ({
      bucket, label: labelled(inLines(bucket)), n: counts[place], tip: `${bucket}\n${texts.issues_short}: ${whole.format(counts[place])} (${share(counts[place], indices.length)})`,
    }));
    table(
      "table_spectrum",
      [{ title: texts.bucket, text: true }, { title: texts.issues_short }, { title: texts.share }],
      rows.map(({ bucket, n }) => ({ cells: [bucket, whole.format(n), share(n, indices.length)] })),
    );
    return give("spectrum", { spectrum: rows });
  }

  const percentileCells = (indices) => {
    const sorted = sortedCents(indices);
    return [whole.format(sorted.length), ...percents.map((percent) => days(percentile(sorted, percent)))];
  };

  function showPercentiles(indices) {
    const quarters = groupedBy(indices, issues.quarter);
    const points = quarters.flatMap(([quarter, those]) => {
      const sorted = sortedCents(those);
      const label = `${values.quarter[quarter]}|n=${whole.format(those.length)}`;
      return percents.map((percent) => {
        const series = fill(texts.percentile, { p: percent }), cents = percentile(sorted, percent);
        return {
          label, series, days: cents / 100,
          tip: `${values.quarter[quarter]}\n${series}: ${days(cents)} ${texts.days}\n${texts.issues_short}: ${whole.format(those.length)}`,
        };
      });
    });
    const group = (title, those) => [
      { cells: [title, ...percentileCells(those)], isGroup: true },
      ...groupedBy(those, issues.quarter).reverse().map(([quarter, some]) => (
        { cells: [values.quarter[quarter], ...percentileCells(some)], inner: true }
      )),
    ];
    const teams = groupedBy(indices, issues.team);
    table(
      "table_percentiles",
      [
        { title: texts.team_quarter, text: true }, { title: texts.issues_short },
        ...percents.map((percent) => ({ title: fill(texts.percentile, { p: percent }), strong: percent === 50 })),
      ],
      indices.length
        ? [...group(texts.all_teams, indices), ...teams.flatMap(([team, those]) => group(named(values.team[team]), those))]
        : [],
    );
    return give("percentiles", { percentiles: points });
  }

  let everySprint = false;
  async function showThroughput() {
    const unit = element("unit").value, storiesOnly = element("stories_only").checked;
    const column = (name) => throughput[`${name}_${unit}`];
    const rows = matching(throughput).filter((i) => !storiesOnly || throughput.is_story[i]);
    const sprints = groupedBy(rows, throughput.sprint).map(([sprint, those]) => {
      const total = (name) => those.reduce((sum, i) => sum + column(name)[i], 0);
      const sums = Object.fromEntries(OUTCOMES.map((name) => [name, total(name)]));
      return { sprint: values.sprint[sprint], sums, completion: share(total("planned_completed"), sums.planned) };
    });
    const shown = everySprint ? sprints : sprints.slice(-LATEST_SPRINTS);
    const isCut = sprints.length > LATEST_SPRINTS;
    element("sprints_shown").textContent = isCut && !everySprint ? fill(texts.sprints_shown, { shown: shown.length, all: sprints.length }) : "";
    element("sprints_toggle").hidden = !isCut;
    element("sprints_toggle").textContent = everySprint ? texts.sprints_latest : texts.sprints_all;
    element("chart_throughput").style.width = everySprint ? `max(100%, ${shown.length * 52}px)` : "100%";
    table(
      "table_throughput",
      [{ title: texts.sprint, text: true }, ...OUTCOMES.map((name) => ({ title: texts[name] })), { title: texts.completion }],
      [...sprints].reverse().map(({ sprint, sums, completion }) => (
        { cells: [sprint, ...OUTCOMES.map((name) => points.format(sums[name])), completion] }
      )),
    );
    await give("throughput", {
      throughput: shown.flatMap(({ sprint, sums, completion }) => OUTCOMES.map((name) => ({
        sprint: labelled(sprint), series: texts[name], value: sums[name],
        tip: [sprint, ...OUTCOMES.map((one) => `${texts[one]}: ${points.format(sums[one])}`), `${texts.completion}: ${completion}`].join("\n"),
      }))),
    });
    dispatchEvent(new Event("resize")); // a chart as wide as its container asks for it again
    const sideways = element("chart_throughput").parentElement;
    sideways.scrollLeft = sideways.scrollWidth;
  }

  function showScatter(indices, sorted) {
    const opacity = Math.max(0.12, Math.min(0.65, 60 / Math.sqrt(indices.length + 1)));
    const longest = [...indices].sort((one, other) => issues.cents[other] - issues.cents[one]).slice(0, LONGEST);
    element("longest").textContent = fill(texts.longest, { shown: longest.length });
    const more = (name) => (issues[name] ? [{ title: texts[name], text: true, of: (i) => named(issues[name][i]) }] : []);
    const columns = [
      { title: texts.issue, text: true, of: (i) => issues.id[i] },
      ...more("summary"),
      { title: texts.team, text: true, of: (i) => named(values.team[issues.team[i]]) },
      { title: texts.issue_type, text: true, of: (i) => named(values.issue_type[issues.issue_type[i]]) },
      ...more("assignee"),
      { title: texts.resolved, of: (i) => day.format(issues.date[i] * DAY) },
      { title: texts.lead_time, of: (i) => days(issues.cents[i]) },
    ];
    table("table_longest", columns, longest.map((i) => ({ cells: columns.map((column) => column.of(i)) })));
    return give("scatter", {
      scatter: indices.map((i) => ({ i, date: issues.date[i] * DAY, days: issues.cents[i] / 100 })),
      lines: sorted.length
        ? groupedBy(LINES, Object.fromEntries(LINES.map((percent) => [percent, percentile(sorted, percent)]))).map(([cents, those]) => ({
          days: cents / 100,
          text: `${those.map((percent) => fill(texts.percentile, { p: percent })).join(", ")} · ${shortDays(cents)} ${texts.days}`,
        }))
        : [],
    }, { opacity });
  }

  async function show() {
    const indices = matching(issues), sorted = sortedCents(indices);
    showTiles(sorted);
    await Promise.all([showSpectrum(indices), showPercentiles(indices), showThroughput(), showScatter(indices, sorted)]);
    document.documentElement.dataset.shown = String(Number(document.documentElement.dataset.shown || 0) + 1);
  }

  // ---- the selectors
  function makeSelector(details) {
    const name = details.dataset.dimension;
    const options = details.querySelector(".options");
    const describe = () => {
      const codes = [...chosen[name]];
      details.querySelector(".chosen").textContent = codes.length === 0 ? texts.all
        : codes.length < 3 ? codes.map((code) => named(values[name][code])).join(", ") : `${codes.length} / ${values[name].length}`;
      details.classList.toggle("active", codes.length > 0);
    };
    const order = values[name].map((_, code) => code);
    if (name === "sprint" || name === "quarter") order.reverse(); // the newest first
    order.forEach((code) => {
      const label = document.createElement("label"), box = document.createElement("input"), words = document.createElement("span");
      box.type = "checkbox";
      box.value = values[name][code];
      box.addEventListener("change", () => {
        chosen[name][box.checked ? "add" : "delete"](code);
        describe();
        show();
      });
      words.textContent = named(values[name][code]);
      label.append(box, words);
      options.append(label);
    });
    const search = details.querySelector("input[type=search]");
    search.hidden = order.length < 9;
    search.addEventListener("input", () => {
      options.querySelectorAll("label").forEach((label) => {
        label.hidden = !label.textContent.toLocaleLowerCase().includes(search.value.toLocaleLowerCase());
      });
    });
    const clear = () => {
      chosen[name].clear();
      options.querySelectorAll("input").forEach((box) => { box.checked = false; });
      describe();
    };
    details.querySelector(".clear").addEventListener("click", () => { clear(); show(); });
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      details.open = false;
      details.querySelector("summary").focus();
    });
    details.addEventListener("focusout", ({ relatedTarget }) => { // Tab led out of it
      if (relatedTarget && !details.contains(relatedTarget)) details.open = false;
    });
    describe();
    return clear;
  }

  async function start() {
    showRun();
    const selectors = [...document.querySelectorAll(".selector")];
    const clears = selectors.map(makeSelector);
    element("filters").addEventListener("submit", (event) => event.preventDefault());
    element("filters").addEventListener("reset", () => { clears.forEach((clear) => clear()); show(); });
    document.addEventListener("click", (event) => {
      selectors.forEach((details) => { if (!details.contains(event.target)) details.open = false; });
    });
    ["stories_only", "unit"].forEach((id) => element(id).addEventListener("change", showThroughput));
    element("sprints_toggle").addEventListener("click", () => { everySprint = !everySprint; showThroughput(); });
    const all = sortedCents(issues.cents.keys());
    element("logarithmic").checked = all.at(-1) > 5 * percentile(all, 95); // else the many would be a smear
    // dots on a canvas: 50,000 of them as elements would stop the browser
    const drawScatter = () => draw("scatter", element("logarithmic").checked ? "scatter_log" : "scatter", "canvas");
    element("logarithmic").addEventListener("change", async () => { await drawScatter(); show(); });
    await Promise.all([...["spectrum", "percentiles", "throughput"].map((place) => draw(place, place, "svg")), drawScatter()]);
    await show();
  }

  start();
})();
