import { linesOf, type Section } from "./sections.ts";
import type { LedgerFacts, Observed } from "./types.ts";

/** What the library's `observe` printed: its own sha256, and each ledger with what differs from it. */
export function observedOf(sections: Section[]): Observed {
  const ledgers = sections.filter((s) => s.name === "ledger").map((s) => ledgerOf(s, sections));
  return {
    library: linesOf(sections, "library")[0]?.trim() || null,
    ledgers: Object.fromEntries(ledgers.filter((entry) => entry !== null)),
  };
}

/** `ledger NAME owner=STACK generation=N`, then the diff; `note NAME`, then what is worth knowing besides. */
function ledgerOf(section: Section, sections: Section[]): [string, LedgerFacts] | null {
  const match = /^(\S+) owner=(\S+) generation=(\d+)/.exec(section.args);
  if (match === null) return null;
  const [, name = "", owner = "", generation] = match;
  const notes = linesOf(sections, "note", name);
  const ledger = { owner, generation: Number(generation), drift: section.lines.join("\n") };
  return [name, notes.length > 0 ? { ...ledger, notes } : ledger];
}
