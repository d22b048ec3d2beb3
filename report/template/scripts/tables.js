// Tables with a head, each to be had as CSV, and a word where one is wider than its place.
const tables = (() => {
  const orDash = (show) => (value) => (value === null ? "—" : show(value));
  const same = (value) => value;
  // how the values of a column are shown, and how they stand in a file
  const KINDS = {
    text: { show: same, plain: (text) => (/^[=+\-@\t\r]/.test(text) ? `'${text}` : text) }, // no formula from a tracker
    whole: { show: orDash(words.whole), plain: same },
    points: { show: orDash(words.points), plain: same },
    days: { show: words.days, plain: (cents) => cents / 100 },
    share: { show: words.percents, plain: (value) => Number(value.toFixed(4)) },
    day: { show: orDash(words.day), plain: words.isoDay },
    minute: { show: words.minute, plain: words.isoMinute },
  };
  const kindOf = ({ kind = "text" }) => KINDS[kind];

  const quoted = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };

  // A group's name stands in a column of its own before its rows.
  function asLines(head, rows) {
    const titles = head.flatMap(({ title, titles: several }) => several ?? [title]);
    let group = "";
    const lines = rows.map(({ cells, isGroup }) => {
      const [first, ...others] = cells.map((value, place) => (value === null ? null : kindOf(head[place]).plain(value)));
      if (!head[0].titles) return [first, ...others];
      if (isGroup) group = first;
      return [group, isGroup ? texts.all : first, ...others];
    });
    return [titles, ...lines].map((line) => line.map(quoted).join(","));
  }

  function download(name, lines) {
    // with its mark, or a spreadsheet takes it for another encoding
    const file = new Blob([`\ufeff${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" });
    const link = make("a");
    link.href = URL.createObjectURL(file);
    link.download = `${name}-${words.isoDay(period.now().to)}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }

  const contents = new Map();

  function offerDownload(table) {
    const name = table.id.replace("table_", "");
    const button = make("button", "CSV", "csv");
    button.type = "button";
    button.setAttribute("aria-label", words.fill(texts.download, { table: table.closest("section").querySelector("h2").textContent }));
    button.addEventListener("click", () => { download(name, asLines(...contents.get(table.id))); });
    (table.closest(".scroll") ?? table).before(button);
  }

  function cellOf(column, value, place) {
    const { kind, strong } = column;
    const isText = (kind ?? "text") === "text";
    return make(place ? "td" : "th", kindOf(column).show(value), isText ? "text" : strong ? "strong" : "");
  }

  // head: [{ title, kind, strong }]; rows: [{ cells, isGroup, inner, link }]; the link is the first cell's
  function fillTable(id, head, rows) {
    const header = make("tr");
    head.forEach(({ title, kind = "text" }, place) => {
      const one = make("th", title, place === 0 || kind === "text" ? "text" : "");
      one.scope = "col";
      header.append(one);
    });
    const bodies = [];
    rows.forEach(({ cells, isGroup, inner, link }) => {
      const row = make("tr", "", isGroup ? "group" : "");
      cells.forEach((value, place) => {
        const one = cellOf(head[place], value, place);
        if (!place) one.scope = isGroup ? "rowgroup" : "row";
        if (!place && inner) one.classList.add("inner");
        if (!place && link) one.replaceChildren(links.to(link, value));
        row.append(one);
      });
      if (isGroup || !bodies.length) bodies.push(make("tbody"));
      bodies.at(-1).append(row);
    });
    const top = make("thead");
    top.append(header);
    if (!contents.has(id)) offerDownload(element(id));
    contents.set(id, [head, rows]);
    element(id).replaceChildren(top, ...bodies);
  }

  // A line above each place that scrolls sideways, while it hides something.
  function hintWhereCut() {
    document.querySelectorAll(".sideways, .scroll").forEach((place) => {
      const hint = make("p", texts.cut, "cut");
      place.before(hint);
      const look = () => { hint.hidden = place.scrollWidth <= place.clientWidth + 1; };
      const watch = new ResizeObserver(look);
      [place, ...place.children].forEach((one) => watch.observe(one));
      look();
    });
  }

  return { fill: fillTable, hintWhereCut };
})();
