import type { LedgerFacts, Observed } from "./facts.ts";
import { linesOf, type Section } from "./sections.ts";

/** What the library's `observe` printed: its own sha256, and each ledger with what differs from it. */
export function observedOf(sections: Section[]): Observed {
  const ledgers = sections.filter((s) => s.name === "ledger").map(ledgerOf);
  return {
    library: linesOf(sections, "library")[0]?.trim() || null,
    ledgers: Object.fromEntries(ledgers.filter((entry) => entry !== null)),
  };
}

/** `ledger NAME owner=STACK generation=N`, then the diff. */
function ledgerOf(section: Section): [string, LedgerFacts] | null {
  const match = /^(\S+) owner=(\S+) generation=(\d+)/.exec(section.words);
  if (match === null) return null;
  const [, name = "", owner = "", generation] = match;
  return [name, { owner, generation: Number(generation), drift: section.lines.join("\n") }];
}
