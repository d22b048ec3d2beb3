// A chart that some choices cannot act on exactly says why, with a way back, and shows nothing else. Its
// rows are counted over all trackers, so the choice of one is among them.
function blocked(place, dimensions, why) {
  const button = element(`release_${place}`);
  const all = [...dimensions, "tracker"].filter((name) => selection.DIMENSIONS.includes(name));
  button.addEventListener("click", () => selection.release(...all));
  return () => {
    const isBlocked = selection.isChosen(...all);
    button.hidden = !isBlocked;
    if (!isBlocked) return null;
    return selection.isChosen(...dimensions) ? why : texts.no_tracker_here;
  };
}
