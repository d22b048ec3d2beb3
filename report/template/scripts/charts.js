// Charts: drawn once in the reader's theme and width, given new data on each change of the selection.
const charts = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const tooltip = element("tooltip");
  const drawn = {}, known = [];

  const theme = () => (dark.matches ? "dark" : "light");

  // Vega makes keys of objects of labels, and __proto__ is none; SVG draws no space at the start.
  const labelled = (text) => ` ${text}`;

  // `describe` tells of an issue by its row, where a mark stands for one.
  const tooltipBy = (describe) => (_handler, event, item, value) => {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    tooltip.textContent = item.datum.i === undefined ? value : describe(item.datum.i);
    const { width, height } = tooltip.getBoundingClientRect();
    tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tooltip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  };

  // A click on an issue's mark opens it; the first touch only tells of it.
  function openBy(link) {
    let told = null;
    return (event, item) => {
      const i = item?.datum?.i;
      if (i === undefined) return;
      const isTold = told === i;
      told = i;
      if (event.pointerType === "touch" && !isTold) return;
      const address = link(i);
      if (address) window.open(address, "_blank", "noopener,noreferrer");
    };
  }

  async function embed({ place, specification, renderer, describe, link }, before) {
    const container = element(`chart_${place}`), former = await before; // never two at once in one place
    container.hidden = false; // a chart asks for the width of its container
    const result = await vegaEmbed(container, { ...data.charts[theme()][specification()], description: texts[place] }, {
      ast: true, // no code is made of strings: the page's policy forbids it
      actions: false,
      logLevel: 1, // errors; an empty selection has no extent, which is no news
      defaultStyle: false,
      renderer,
      tooltip: tooltipBy(describe),
      formatLocale: data.format_locale,
      timeFormatLocale: data.time_locale,
    });
    if (link) result.view.addEventListener("click", openBy(link));
    former?.finalize();
    container.dataset.theme = theme();
    return result.view;
  }

  const draw = (chart) => { drawn[chart.place] = embed(chart, drawn[chart.place]); return drawn[chart.place]; };

  // `place` names the element chart_<place> in the panel `view`; `specification` is asked for a name
  // at each drawing.
  const add = (chart) => known.push({ renderer: "svg", ...chart });
  // hidden charts have no width: those of a view are drawn when it is opened
  const drawAll = (view) => Promise.all(known.filter((chart) => chart.view === view).map(draw));
  const redraw = (place) => draw(known.find((chart) => chart.place === place));

  // Say in place of a chart or table why there is none; null: there is one.
  function sayEmpty(place, message) {
    const line = element(`empty_${place}`);
    line.hidden = message === null;
    line.textContent = message ?? "";
    line.closest("section").classList.toggle("empty", message !== null);
  }

  // New data, or the reason why there are none. `width` is of CSS.
  async function give(place, sets, { empty = null, signals = {}, width = "100%" } = {}) {
    const view = await drawn[place], container = element(`chart_${place}`), before = container.clientWidth;
    sayEmpty(place, empty);
    container.hidden = empty !== null;
    container.style.width = width;
    Object.entries(signals).forEach(([name, value]) => view.signal(name, value));
    Object.entries(sets).forEach(([name, rows]) => view.data(name, rows));
    // it asks for its container's width again, and so does every other chart: seldom
    if (empty === null && container.clientWidth !== before) dispatchEvent(new Event("resize"));
    await view.resize().runAsync();
    const sideways = container.parentElement;
    if (sideways.matches(".sideways")) sideways.scrollLeft = sideways.scrollWidth; // the newest
  }

  // What a chart's marks mean, above it: items of { text, style, colour: of a theme's colours }.
  function key(place, items) {
    const colours = data.keys.colours[theme()];
    element(`key_${place}`).dataset.theme = theme();
    element(`key_${place}`).replaceChildren(...items.map(({ text, style, colour }) => {
      const item = make("li", text, style);
      item.style.setProperty("--colour", colour(colours));
      return item;
    }));
  }

  // `changed` is called when everything has to be drawn anew.
  function start(changed) {
    [dark, narrow].forEach((media) => media.addEventListener("change", changed));
  }

  return { add, drawAll, give, key, labelled, narrow, redraw, sayEmpty, start };
})();
