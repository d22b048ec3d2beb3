// The settings that came with the page, and words made of them.

export const config = JSON.parse(document.getElementById("config").textContent);
export const texts = config.texts;
export const NONE = "(none)";

// a second sign beside the colour, more and more of it
const SIGNS = ["·", "○", "△", "◇", "▲", "◆"];

export function say(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function severityName(severity) {
  return texts.severities[severity] ?? String(severity);
}

export function severitySign(severity) {
  return SIGNS[severity] ?? "·";
}

export function duration(seconds) {
  const parts = [
    [86400, texts.days_short], [3600, texts.hours_short], [60, texts.minutes_short],
    [1, texts.seconds_short],
  ];
  const first = parts.findIndex(([size]) => seconds >= size);
  if (first < 0) return `0 ${texts.seconds_short}`;
  const [size, unit] = parts[first];
  const whole = Math.floor(seconds / size);
  const [nextSize, nextUnit] = parts[first + 1] ?? [1, ""];
  const rest = Math.floor((seconds % size) / nextSize);
  // minutes need no seconds beside them
  return rest && first < 2 ? `${whole} ${unit} ${rest} ${nextUnit}` : `${whole} ${unit}`;
}

const clock = new Intl.DateTimeFormat(config.locale === "ru" ? "ru-RU" : "en-GB", {
  day: "2-digit", month: "2-digit", hour: "2-digit", minute: "2-digit",
});

export function moment(seconds) {
  return clock.format(new Date(seconds * 1000));
}

// A made element: texts are only ever texts, whoever wrote them.
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(key, "");
    else if (value !== false && value != null) element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}
