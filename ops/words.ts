/** Numbers as people read them, for reports on a terminal. */

const STEP = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** `1.2 GiB`: rounded, for reading; never parse it. */
export function readableBytes(count: number): string {
  let [value, unit] = [count, 0];
  while (value >= STEP && unit < UNITS.length - 1) [value, unit] = [value / STEP, unit + 1];
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

const SPANS: [seconds: number, word: string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** `3 d`, `5 h`, `12 min`, `40 s`: the largest unit of which there is at least one. */
export function readableSeconds(seconds: number): string {
  const [length, word] = SPANS.find(([length]) => seconds >= length) ?? [1, "s"];
  return `${Math.floor(seconds / length)} ${word}`;
}

/** `84.2 %`. */
export function readablePercent(part: number, whole: number): string {
  return `${((100 * part) / whole).toFixed(part === whole ? 0 : 1)} %`;
}

/** `1 restart`, `2 restarts`; the plural where it is no word with an s. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${count} ${count === 1 ? word : plural}`;
}
