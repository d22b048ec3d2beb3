// The window of time that is looked at, and the equally long one before it.
const period = (() => {
  const select = element("period");
  const current = () => data.periods[select.value];

  // null: everything is looked at, or the data begin later
  const before = () => current().before;
  const isAll = () => select.value === "all";

  function choose(name) {
    select.value = Object.hasOwn(data.periods, name) ? name : "all";
  }

  function show() {
    const { now } = current();
    element("compared").hidden = isAll();
    element("compared").textContent = isAll() ? "" : words.fill(before() ? texts.compared : texts.compared_not, {
      now: words.span(now), before: before() && words.span(before()),
    });
  }

  function start(changed) {
    select.addEventListener("change", changed);
  }

  return { now: () => current().now, before, isAll, name: () => select.value, choose, show, start };
})();
