// The numbers above the charts, each with its change against the period before.
const tiles = (() => {
  // `show` makes words of a number, `showChange` of a difference; null is none
  function showTile(name, now, before, show, { unit = "", showChange = show } = {}) {
    const withUnit = (words) => (unit && words !== "—" ? `${words} ${unit}` : words);
    element(`tile_${name}`).textContent = withUnit(show(now));
    const isCompared = now !== null && before !== null;
    element(`change_${name}`).textContent = isCompared
      ? words.fill(texts.change, { change: words.signed(showChange, now - before), before: withUnit(show(before)) }) : "";
  }

  return { show: showTile };
})();
