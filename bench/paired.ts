/** One side of a comparison: its name and one run of it. */
export interface Side {
  readonly name: string;
  /** One run; its wall time is what counts. */
  run(): Promise<void>;
}

/** Wall times in milliseconds of two sides run in turn, and the ratio of each pair. */
export interface Paired {
  readonly a: number[];
  readonly b: number[];
  /** `a[i] / b[i]`. */
  readonly ratios: number[];
}

/**
 * Runs two sides in turn (A B A B …) after one uncounted warm-up of each, so that a machine whose speed drifts
 * slows both sides of a pair alike.
 */
export async function runPaired(a: Side, b: Side, rounds: number): Promise<Paired> {
  await a.run();
  await b.run();
  const result: Paired = { a: [], b: [], ratios: [] };
  for (let round = 0; round < rounds; round++) {
    const [timeA, timeB] = [await timed(a), await timed(b)];
    result.a.push(timeA);
    result.b.push(timeB);
    result.ratios.push(timeA / timeB);
  }
  return result;
}

/** Wall time of one run, in milliseconds. */
export async function timed(side: Side): Promise<number> {
  const start = performance.now();
  await side.run();
  return performance.now() - start;
}

/** The middle value; the mean of the two middle ones where the count is even. Throws on an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((x, y) => x - y);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (upper === undefined || lower === undefined) throw new Error("median of nothing");
  return (upper + lower) / 2;
}

/** `median (min … max)` with a unit, for a report. */
export function spread(values: readonly number[], unit: string, digits: number): string {
  const show = (value: number): string => value.toFixed(digits);
  return `${show(median(values))}${unit} (${show(Math.min(...values))} … ${show(Math.max(...values))})`;
}
