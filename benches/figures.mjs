// Numbers to figures: medians, how sure they are, and tables.

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The narrowest interval between two of the numbers that holds the true median in at least nine of ten runs,
 * whatever the distribution: order statistics. Of seven rounds the second to the sixth do not quite, the first to the
 * seventh do.
 */
export function interval(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const n = sorted.length;
  let [outside, term, cut] = [0, 0.5 ** n, 0];
  for (let k = 0; k < n / 2; k += 1) {
    outside += 2 * term;
    if (outside > 0.1) break;
    cut = k;
    term *= (n - k) / (k + 1);
  }
  return [sorted[cut], sorted[n - 1 - cut]];
}

/** Median and interval of the ratios of paired rounds. */
export function ratio(ours, theirs) {
  const ratios = ours.map((value, round) => value / theirs[round]);
  return { median: median(ratios), interval: interval(ratios) };
}

/** Rows of texts as lines, the first column to the left, the others to the right. */
export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const cell = (text, column) => (column ? text.padStart(widths[column]) : text.padEnd(widths[column]));
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

/** `1.06 (1.02 to 1.09)` */
export const spread = ({ median: middle, interval: [low, high] }, digits = 2) =>
  `${middle.toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;

/** Bytes in MiB. */
export const mebibytes = (bytes) => (bytes / 2 ** 20).toFixed(1);
