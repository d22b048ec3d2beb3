// What is looked at, in the page's address, so that it can be sent to somebody.
const address = (() => {
  const CHOICES = ["stories_only", "unit", "time_unit", "place_kind", "heat_of"].filter(element);
  const valueOf = (choice) => (choice.type === "checkbox" ? String(choice.checked) : choice.value);
  const defaults = Object.fromEntries(CHOICES.map((id) => [id, valueOf(element(id))]));

  function setChoice(id, value) {
    const choice = element(id);
    if (choice.type === "checkbox") choice.checked = value === "true";
    else if ([...choice.options].some((option) => option.value === value)) choice.value = value;
  }

  // Take everything from the address; returns the view that it names. What the page has not is told.
  function read() {
    const asked = new URLSearchParams(location.hash.slice(1));
    period.choose(asked.get("period") ?? "all");
    CHOICES.forEach((id) => setChoice(id, asked.get(id) ?? defaults[id]));
    const unknown = selection.DIMENSIONS.flatMap((name) => selection.choose(name, asked.getAll(name)));
    element("unknown").hidden = unknown.length === 0;
    element("unknown").textContent = words.fill(texts.unknown, { values: unknown.join(", ") });
    return asked.get("view");
  }

  function write(view) {
    const told = new URLSearchParams();
    if (view !== "lead_time") told.set("view", view);
    selection.DIMENSIONS.forEach((name) => selection.names(name).forEach((value) => told.append(name, value)));
    if (!period.isAll()) told.set("period", period.name());
    CHOICES.filter((id) => valueOf(element(id)) !== defaults[id]).forEach((id) => told.set(id, valueOf(element(id))));
    if (told.toString() !== new URLSearchParams(location.hash.slice(1)).toString()) history.replaceState(null, "", `#${told}`);
  }

  return { read, write };
})();
