// Charts: drawn once in the reader's theme and width, given new data on each change of the selection.
const charts = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 640px)");
  const tooltip = element("tooltip");
  const views = {}, known = [];
  let wordsOf = (value) => value;

  const theme = () => (dark.matches ? "dark" : "light");

  // Vega makes keys of objects of labels, and __proto__ is none; SVG draws no space at the start.
  const labelled = (text) => ` ${text}`;

  function showTooltip(_handler, event, item, value) {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    tooltip.textContent = item.datum.i === undefined ? value : wordsOf(item.datum.i);
    const { width, height } = tooltip.getBoundingClientRect();
    tooltip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - width - 8))}px`;
    tooltip.style.top = `${event.clientY + 18 + height > innerHeight ? event.clientY - height - 10 : event.clientY + 18}px`;
  }

  async function draw({ place, specification, renderer }) {
    const container = element(`chart_${place}`);
    container.hidden = false; // a chart asks for the width of its container
    const result = await vegaEmbed(container, { ...data.charts[theme()][specification()], description: texts[place] }, {
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
    container.dataset.theme = theme();
  }

  // `place` names the element chart_<place>; `specification` is asked for a name at each drawing.
  const add = (chart) => known.push({ renderer: "svg", ...chart });
  const drawAll = () => Promise.all(known.map(draw));
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
    const view = views[place], container = element(`chart_${place}`), before = container.clientWidth;
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

  // `describe` tells of an issue by its row; `show` gives every chart its data.
  function start(describe, show) {
    wordsOf = describe;
    [dark, narrow].forEach((media) => media.addEventListener("change", () => drawAll().then(show)));
    return drawAll();
  }

  return { add, give, key, labelled, narrow, redraw, sayEmpty, start };
})();
