/** A piece of a probe's answer: `@@warmbox NAME WORDS`, then its lines, each sent after a `|`. */
export type Section = { name: string; words: string; lines: string[] };

const HEAD = "@@warmbox ";

/**
 * Takes an answer apart. Whatever stands before the first section, or is not framed, was printed by somebody else
 * (a login banner, a noisy ~/.bashrc) and is left out.
 */
export function parseSections(text: string): Section[] {
  const sections: Section[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith(HEAD)) {
      const [name = "", ...words] = line.slice(HEAD.length).split(" ");
      sections.push({ name, words: words.join(" "), lines: [] });
    } else if (line.startsWith("|")) sections.at(-1)?.lines.push(line.slice(1));
  }
  return sections;
}

/** Lines of all sections of that name and, where given, those words. */
export function linesOf(sections: Section[], name: string, words?: string): string[] {
  return sections
    .filter((s) => s.name === name && (words === undefined || s.words === words))
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
