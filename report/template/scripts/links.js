// Ways to the issues in their tracker, where the page was written with them.
const links = (() => {
  // the address of an issue by its row in a table of columns; null: none
  function addressOf(rows, i) {
    const base = data.addresses[data.values.tracker[rows.tracker[i]]];
    return base ? base + encodeURIComponent(rows.id[i]) : null;
  }

  function to(address, text) {
    const link = make("a", text);
    link.href = address;
    link.target = "_blank";
    link.rel = "noopener noreferrer";
    return link;
  }

  return { addressOf, to };
})();
