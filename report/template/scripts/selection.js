// What the reader has chosen, and the selectors to choose with.
const selection = (() => {
  const { values } = data;
  // those that the page has selectors of: nothing may filter unseen
  const DIMENSIONS = [...document.querySelectorAll(".selector")].map(({ dataset }) => dataset.dimension);
  // an empty set of codes is every value
  const chosen = Object.fromEntries(DIMENSIONS.map((name) => [name, new Set()]));

  // The rows of a table of columns that match: by the dimensions that it has and, where it has dates,
  // in a span of days.
  function matching(rows, span = period.now()) {
    const allowed = DIMENSIONS.filter((name) => rows[name] && chosen[name].size).map((name) => {
      const mask = new Uint8Array(values[name].length);
      chosen[name].forEach((code) => { mask[code] = 1; });
      return [rows[name], mask];
    });
    const dates = rows.date;
    const found = [];
    const [{ length }] = Object.values(rows);
    for (let i = 0; i < length; i++) {
      if (dates && (dates[i] < span.from || dates[i] > span.to)) continue;
      if (allowed.every(([codes, mask]) => mask[codes[i]])) found.push(i);
    }
    return found;
  }

  const isChosen = (...names) => names.some((name) => chosen[name].size > 0);
  const names = (name) => [...chosen[name]].map((code) => values[name][code]);
  // of values that read otherwise than in the address
  const titles = { tracker: data.tracker_titles, severity: data.severity_titles };
  const shown = (name, code) => (
    titles[name]?.[values[name][code]] ?? words.named(values[name][code])
  );

  const sprintsOf = values.team.map(() => new Set());
  [data.issues, data.throughput].forEach(({ team, sprint }) => {
    team.forEach((code, i) => { sprintsOf[code].add(sprint[i]); });
  });
  // only the sprints of the chosen teams are offered
  const isOffered = (name, code) => (
    name !== "sprint" || !chosen.team.size || [...chosen.team].some((team) => sprintsOf[team].has(code))
  );

  function makeSelector(details, changed) {
    const name = details.dataset.dimension;
    const options = details.querySelector(".options");
    const search = details.querySelector("input[type=search]");
    const boxes = new Map();

    function refresh() {
      const sought = search.value.toLocaleLowerCase();
      boxes.forEach(({ box, label }, code) => {
        const offered = isOffered(name, code);
        if (!offered) chosen[name].delete(code); // nothing may filter unseen
        box.checked = chosen[name].has(code);
        label.hidden = !offered || !label.textContent.toLocaleLowerCase().includes(sought);
      });
      const codes = [...chosen[name]].sort((one, other) => one - other);
      details.querySelector(".chosen").textContent = codes.length === 0 ? texts.all
        : codes.length < 3 ? codes.map((code) => shown(name, code)).join(", ")
          : `${codes.length} / ${values[name].length}`;
      details.classList.toggle("active", codes.length > 0);
    }

    const order = values[name].map((_, code) => code);
    if (name === "sprint" || name === "quarter") order.reverse(); // the newest first
    order.forEach((code) => {
      const label = make("label"), box = make("input");
      box.type = "checkbox";
      box.value = values[name][code];
      box.addEventListener("change", () => {
        chosen[name][box.checked ? "add" : "delete"](code);
        changed();
      });
      label.append(box, make("span", shown(name, code)));
      options.append(label);
      boxes.set(code, { box, label });
    });
    search.hidden = order.length < 9;
    search.addEventListener("input", refresh);
    details.querySelector(".clear").addEventListener("click", () => { chosen[name].clear(); changed(); });
    details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      details.open = false;
      details.querySelector("summary").focus();
    });
    details.addEventListener("focusout", ({ relatedTarget }) => { // Tab led out of it
      if (relatedTarget && !details.contains(relatedTarget)) details.open = false;
    });
    return refresh;
  }

  // Choose exactly these values; returns those that there are not.
  function choose(name, wanted) {
    chosen[name].clear();
    return wanted.filter((value) => {
      const code = values[name].indexOf(value);
      if (code >= 0) chosen[name].add(code);
      return code < 0;
    });
  }

  // Only the selectors that act in a view are seen there.
  function open(view) {
    document.querySelectorAll(".selector").forEach((details) => {
      details.hidden = !details.dataset.views.split(" ").includes(view);
    });
  }

  let release, refresh; // take choices of some dimensions back; show what is chosen

  function start(show) {
    const selectors = [...document.querySelectorAll(".selector")];
    const reset = element("reset");
    refresh = () => {
      refreshers.forEach((one) => one());
      reset.disabled = !isChosen(...DIMENSIONS) && period.isAll();
    };
    const changed = () => { refresh(); show(); };
    release = (...dimensions) => { dimensions.forEach((name) => chosen[name].clear()); changed(); };
    const refreshers = selectors.map((details) => makeSelector(details, changed));
    element("filters").addEventListener("submit", (event) => event.preventDefault());
    reset.addEventListener("click", () => {
      period.choose("all");
      release(...DIMENSIONS);
    });
    period.start(changed);
    document.addEventListener("click", (event) => {
      selectors.forEach((details) => { if (!details.contains(event.target)) details.open = false; });
    });
    refresh();
  }

  return {
    DIMENSIONS, choose, isChosen, matching, names, open, shown, start,
    refresh: () => refresh(), release: (...dimensions) => release(...dimensions),
  };
})();
