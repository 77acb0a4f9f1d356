/**
 * Builds dist/, what `npm pack` puts into the tarball: compiled modules with their types, and beside them what they read
 * from disk. Plain JavaScript for Node >= 20, because npm starts it as `prepack` with whichever Node is there.
 */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, "dist");

/** Files that modules find relative to themselves. */
const READ = ["host/send-library.sh", "host/scripts", "tools/go"];

rmSync(DIST, { recursive: true, force: true });
const compiler = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const { status } = spawnSync(process.execPath, [compiler, "-p", join(ROOT, "tsconfig.package.json")], {
  stdio: "inherit",
});
if (status !== 0) process.exit(status ?? 1);
for (const path of READ) cpSync(join(ROOT, path), join(DIST, path), { recursive: true });
writeFileSync(
  join(DIST, "tools/moon-lock.json"),
  `${JSON.stringify({ packages: moonPackages() }, null, 2)}\n`,
);

/** moon's packages with their checksums: a tarball never has the package-lock.json that records them. */
function moonPackages() {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"));
  const entries = Object.entries(packages).filter(([path]) =>
    path.startsWith("node_modules/@moonrepo/core-"),
  );
  return Object.fromEntries(entries.map(([path, { version, integrity }]) => [path, { version, integrity }]));
}
