/** Command line of the measures. */
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Counts, countsOf, problemLine, ratchet } from "./ratchet.ts";
import { longFunctionLine, type Measures, measures, nameLine, reportText, wordLine } from "./report.ts";
import { addedLines } from "./tracked.ts";

const HELP = `Usage: node setup/dev/measures/main.ts [--report] [--list] [--write]

Counts glossary words, unclear names and long functions in the files that git tracks.
Exits with 1 if a count differs from its bound in setup/dev/measures/allowed.json.

  --list    show all places; without it only places in lines added since HEAD
  --report  print all measures instead of checking
  --write   write today's counts to allowed.json
  --help    print this text
`;

const ROOT = resolve(import.meta.dirname, "../../..");
const ALLOWED = join(import.meta.dirname, "allowed.json");

type Place = { file: string; line: number; text: string };

/** Runs one command line and returns the exit code: 2 for wrong flags. */
function main(args: readonly string[]): number {
  const flags = readFlags(args);
  if (flags === undefined) return 2;
  if (flags.help) return print(HELP.trimEnd());
  const measured = measures(ROOT);
  if (flags.write) {
    writeFileSync(ALLOWED, `${JSON.stringify(countsOf(measured), null, 2)}\n`);
    return print(`Wrote ${ALLOWED}: ${JSON.stringify(countsOf(measured))}`);
  }
  const lists = placesOf(measured);
  if (flags.report) {
    const places = flags.list ? Object.values(lists).flat() : [];
    return print([reportText(measured), ...places.map(({ text }) => text)].join("\n"));
  }
  return check(measured, lists, flags.list ?? false);
}

function check(measured: Measures, lists: Record<keyof Counts, Place[]>, isFull: boolean): number {
  const problems = ratchet(countsOf(measured), JSON.parse(readFileSync(ALLOWED, "utf8")) as Counts);
  const rising = problems.filter(({ count, bound }) => count > bound);
  const added = rising.length > 0 && !isFull ? addedLines(ROOT) : undefined;
  for (const problem of problems) {
    process.stderr.write(`${problemLine(problem)}\n`);
    if (!rising.includes(problem)) continue;
    const places = lists[problem.key].filter(({ file, line }) => added?.has(`${file}:${line}`) ?? true);
    for (const { text } of places) process.stderr.write(`  ${text}\n`);
    if (places.length === 0)
      process.stderr.write("  none is in a line added since HEAD; to see all: --list\n");
  }
  if (isFull && problems.length === 0)
    print(
      Object.values(lists)
        .flat()
        .map(({ text }) => text)
        .join("\n"),
    );
  return problems.length > 0 ? 1 : 0;
}

function placesOf({ words: wordLists, names, longFunctions }: Measures): Record<keyof Counts, Place[]> {
  return {
    words: Object.values(wordLists)
      .flat()
      .map((issue) => ({ ...issue, text: wordLine(issue) })),
    names: names.map((issue) => ({ ...issue, text: nameLine(issue) })),
    longFunctions: longFunctions.map((length) => ({ ...length, text: longFunctionLine(length) })),
  };
}

function readFlags(args: readonly string[]) {
  const flag = { type: "boolean" } as const;
  try {
    const options = { report: flag, list: flag, write: flag, help: flag };
    return parseArgs({ args: [...args], options }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nnext: node setup/dev/measures/main.ts --help\n`);
    return undefined;
  }
}

function print(text: string): number {
  process.stdout.write(`${text}\n`);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
