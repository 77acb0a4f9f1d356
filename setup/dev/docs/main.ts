/** `./warmbox docs`: writes the generated pages and the transcripts of docs/. */
import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { configurationPages } from "./configuration.ts";
import { liveTranscripts, pagesWith, stableTranscripts } from "./record.ts";
import { terminalPicture } from "./terminal.ts";
import { transcriptOf } from "./transcripts.ts";

const HELP = `Writes the generated pages of docs/ and the transcripts that every run prints alike.

./warmbox docs

  --record   also the other transcripts, from a box that is set up in a temporary home (two minutes)
  --check    writes nothing; the exit code is 1 if a generated page is stale
  --help     this text
`;

const PICTURE = "docs/terminal.svg";

/** A page that a program of the product prints: setup/ imports nothing of the product. */
const TROUBLESHOOTING = {
  page: "docs/troubleshooting.md",
  program: "ops/doctor/troubleshooting.ts",
} as const;

/** Transcripts in the picture of a terminal, with their pages. */
const PICTURED = [
  { name: "up", page: "docs/getting-started.md" },
  { name: "status", page: "docs/operations.md" },
] as const;

/** Everything that follows from the schema and the recorded transcripts, by path from the project's directory. */
async function generatedPages(root: string): Promise<Map<string, string>> {
  const recorded = await Promise.all(
    PICTURED.map(async ({ name, page }) => transcriptOf(await readFile(join(root, page), "utf8"), name)),
  );
  return configurationPages()
    .set(TROUBLESHOOTING.page, await outputOf(root, TROUBLESHOOTING.program))
    .set(PICTURE, terminalPicture(recorded));
}

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Generated pages whose text on disk differs, by path from the project's directory. */
export async function stalePages(root: string = ROOT): Promise<string[]> {
  return await differentFiles(root, await generatedPages(ROOT));
}

async function outputOf(root: string, program: string): Promise<string> {
  return (await promisify(execFile)(process.execPath, [join(root, program)])).stdout;
}

async function differentFiles(root: string, pages: ReadonlyMap<string, string>): Promise<string[]> {
  const entries = await Promise.all(
    [...pages].map(async ([path, text]) => ((await textOf(join(root, path))) === text ? [] : [path])),
  );
  return entries.flat();
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function writePages(pages: ReadonlyMap<string, string>): Promise<string[]> {
  const paths = await differentFiles(ROOT, pages);
  for (const path of paths) {
    await mkdir(dirname(join(ROOT, path)), { recursive: true });
    await writeFile(join(ROOT, path), pages.get(path) ?? "");
  }
  return paths;
}

async function check(): Promise<void> {
  const stale = await stalePages();
  for (const path of stale) process.stderr.write(`docs: ${path} is stale; next: ./warmbox docs\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
}

async function write(isRecorded: boolean): Promise<void> {
  const live = isRecorded ? await liveTranscripts(ROOT) : [];
  const transcripts = pagesWith(ROOT, new Map([...(await stableTranscripts(ROOT)), ...live]));
  const paths = [...(await writePages(transcripts)), ...(await writePages(await generatedPages(ROOT)))];
  process.stdout.write(paths.length === 0 ? "docs: up to date\n" : `docs: wrote ${paths.join(", ")}\n`);
}

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) process.stdout.write(HELP);
  else if (args.includes("--check")) await check();
  else await write(args.includes("--record"));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
