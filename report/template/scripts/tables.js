// Tables with a head, and a word where one is wider than its place.
const tables = (() => {
  // head: [{ title, text, strong }]; rows: [{ cells, isGroup, inner }]
  function fillTable(id, head, rows) {
    const header = make("tr");
    head.forEach(({ title, text }) => {
      const one = make("th", title, text ? "text" : "");
      one.scope = "col";
      header.append(one);
    });
    const bodies = [];
    rows.forEach(({ cells, isGroup, inner }) => {
      const row = make("tr", "", isGroup ? "group" : "");
      cells.forEach((value, place) => {
        const one = make(place ? "td" : "th", value, head[place].text ? "text" : head[place].strong ? "strong" : "");
        if (!place) one.scope = isGroup ? "rowgroup" : "row";
        if (!place && inner) one.classList.add("inner");
        row.append(one);
      });
      if (isGroup || !bodies.length) bodies.push(make("tbody"));
      bodies.at(-1).append(row);
    });
    const top = make("thead");
    top.append(header);
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
