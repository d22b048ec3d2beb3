// A chart that some choices cannot act on exactly says so, with a way back, and shows nothing else.
function blocked(place, dimensions) {
  const button = element(`release_${place}`);
  button.addEventListener("click", () => selection.release(...dimensions));
  return () => {
    const isBlocked = selection.isChosen(...dimensions);
    button.hidden = !isBlocked;
    return isBlocked;
  };
}
