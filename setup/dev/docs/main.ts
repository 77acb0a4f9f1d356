/** `./warmbox docs`: writes the generated pages of docs/. With `--check` it writes nothing and fails if a page is stale. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { configurationPages } from "./configuration.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Generated pages whose text on disk differs, by path from the project's directory. */
export async function stalePages(root: string = ROOT): Promise<string[]> {
  const pages = await Promise.all(
    [...configurationPages()].map(async ([path, text]) =>
      (await textOf(join(root, path))) === text ? [] : [path],
    ),
  );
  return pages.flat();
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}

async function writePages(paths: readonly string[]): Promise<void> {
  const pages = configurationPages();
  for (const path of paths) {
    await mkdir(dirname(join(ROOT, path)), { recursive: true });
    await writeFile(join(ROOT, path), pages.get(path) ?? "");
  }
}

async function main(args: readonly string[]): Promise<void> {
  const stale = await stalePages();
  if (args.includes("--check")) {
    for (const path of stale) process.stderr.write(`docs: ${path} is stale; next: ./warmbox docs\n`);
    process.exitCode = stale.length === 0 ? 0 : 1;
    return;
  }
  await writePages(stale);
  process.stdout.write(stale.length === 0 ? "docs: up to date\n" : `docs: wrote ${stale.join(", ")}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
