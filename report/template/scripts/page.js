// What every module uses: the page's data, its words, its elements.
const data = JSON.parse(document.getElementById("data").textContent);
const { texts, locale } = data;
const element = (id) => document.getElementById(id);
const make = (tag, text = "", className = "") => {
  const one = document.createElement(tag);
  one.textContent = text; // by text alone: nothing from the tracker is ever markup
  if (className) one.className = className;
  return one;
};
