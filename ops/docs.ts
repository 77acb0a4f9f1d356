/** `./warmbox docs`: writes the generated part of README.md, the table of options, from the stack's schema. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { optionTable } from "./option-table.ts";

/** Lines between which the table stands. */
export const MARKERS = { begin: "<!-- options:begin -->", end: "<!-- options:end -->" } as const;

/** Where the table goes. */
export const README = fileURLToPath(new URL("../README.md", import.meta.url));

/**
 * A text with the present table between its markers; everything else stays as it is.
 * @throws Error where a marker is missing or they stand the wrong way round
 */
export function withOptions(readme: string): string {
  const begin = readme.indexOf(MARKERS.begin);
  const end = readme.indexOf(MARKERS.end);
  if (begin < 0 || end < begin)
    throw new Error(
      `README.md: no place for the option table; next: add the lines ${MARKERS.begin} and ${MARKERS.end}`,
    );
  return `${readme.slice(0, begin)}${MARKERS.begin}\n\n${optionTable()}\n\n${readme.slice(end)}`;
}

async function main(): Promise<void> {
  const before = await readFile(README, "utf8");
  const after = withOptions(before);
  if (after !== before) await writeFile(README, after);
  process.stdout.write(`docs: README.md ${after === before ? "is up to date" : "rewritten"}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main().catch((error: Error) => {
    process.stderr.write(`docs: ${error.message}\n`);
    process.exitCode = 1;
  });
}
