// Times of chosen issues, in hundredths of a day; groups of rows by a column of codes.
const statistics = (() => {
  const sorted = (indices, times) => Float64Array.from(indices, (i) => times[i]).sort();
  const sortedCents = (indices) => sorted(indices, data.issues.cents);

  // cycle times; some issues were done without a start
  const sortedCycles = (indices) => sorted(indices.filter((i) => data.issues.cycle[i] !== null), data.issues.cycle);

  const total = (indices, numbers) => indices.reduce((sum, i) => sum + numbers[i], 0);

  // Linear interpolation between ranks, as percentile_cont; in whole hundredths, so that halves round up.
  function percentile(sorted, percent) {
    if (!sorted.length) return null;
    const rank = percent * (sorted.length - 1), low = Math.floor(rank / 100);
    const high = Math.min(low + 1, sorted.length - 1);
    return Math.round((100 * sorted[low] + (sorted[high] - sorted[low]) * (rank % 100)) / 100);
  }

  // [code, rows] in the order of the codes, which is that of time for sprints and quarters
  function groupedBy(indices, codes) {
    const groups = new Map();
    indices.forEach((i) => {
      if (!groups.has(codes[i])) groups.set(codes[i], []);
      groups.get(codes[i]).push(i);
    });
    return [...groups].sort(([one], [other]) => one - other);
  }

  return { sorted, sortedCents, sortedCycles, percentile, groupedBy, total };
})();
