/** A piece of a probe's answer: `@@warmbox NAME ARGS`, then its lines, each sent after a `|`. */
export type Section = { name: string; args: string; lines: string[] };

const HEAD = "@@warmbox ";

/**
 * Splits an answer into its sections. Lines before the first section and lines without a frame come from another
 * program (a login banner, a noisy ~/.bashrc) and are left out.
 */
export function parseSections(text: string): Section[] {
  const sections: Section[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(HEAD)) {
      const [name = "", ...args] = line.slice(HEAD.length).split(" ");
      sections.push({ name, args: args.join(" "), lines: [] });
    } else if (line.startsWith("|")) sections.at(-1)?.lines.push(line.slice(1));
  }
  return sections;
}

/** Lines of all sections of that name and, if given, those args. */
export function linesOf(sections: Section[], name: string, args?: string): string[] {
  return sections
    .filter((s) => s.name === name && (args === undefined || s.args === args))
    .flatMap((s) => s.lines);
}

/** What follows `key ` on each line that begins so. */
export function wordsOf(lines: string[], key: string): string[] {
  return lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
}

/** The first of {@link wordsOf}, or null where there is none or it is empty. */
export function wordOf(lines: string[], key: string): string | null {
  return wordsOf(lines, key)[0]?.trim() || null;
}
