/** Compares today's counts with the bounds in allowed.json, which may only fall. */
import type { Measures } from "./report.ts";

/** Counts that the check bounds. */
export type Counts = { words: number; names: number; longFunctions: number };

/** One count that differs from its bound. */
export type RatchetProblem = { key: keyof Counts; count: number; bound: number; next: string };

const KEYS = ["words", "names", "longFunctions"] as const;

const NEXT_STEP: Record<keyof Counts, string> = {
  words: "use the replacement listed",
  names: "use a noun for each name listed",
  longFunctions: "split each function listed",
};

/** The counts of a measured tree: words of all areas, names and functions of the product. */
export function countsOf({ words: wordLists, names, longFunctions }: Measures): Counts {
  return {
    words: wordLists.product.length + wordLists.tests.length + wordLists.docs.length,
    names: names.length,
    longFunctions: longFunctions.length,
  };
}

/** A problem for each count above its bound, and for each bound that is now too high. */
export function ratchet(measured: Counts, allowed: Counts): RatchetProblem[] {
  return KEYS.filter((key) => measured[key] !== allowed[key]).map((key) => ({
    key,
    count: measured[key],
    bound: allowed[key],
    next:
      measured[key] > allowed[key]
        ? NEXT_STEP[key]
        : `lower the bound in allowed.json to ${measured[key]}: node setup/dev/measures/main.ts --write`,
  }));
}

/** One line about a problem: count, bound and next step. */
export function problemLine({ key, count, bound, next }: RatchetProblem): string {
  const difference =
    count > bound ? `${count}, allowed ${bound}` : `only ${count}, but allowed.json allows ${bound}`;
  return `${key}: ${difference}; next: ${next}`;
}
