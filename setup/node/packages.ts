/** The packages of package-lock.json. Imports no package itself, since it runs before they are installed. */
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../tools/base.mjs";
import { readJson } from "../../tools/files.ts";
import { startProgress } from "../../tools/progress.ts";
import { installPackages, sayWaiting } from "./bootstrap.mjs";

const STAMP = ".warmbox-stamp";

type Entry = { version?: string; integrity?: string; optional?: boolean };
type Lock = { packages?: Record<string, Entry> };

/** Installs the packages of package-lock.json unless they are there. `path` is the PATH to run npm with. */
export async function ensurePackages(root: string, path: string = process.env.PATH ?? ""): Promise<void> {
  const stamp = stampOf(root);
  const file = join(root, "node_modules", STAMP);
  const isFresh = () => existsSync(file) && readFileSync(file, "utf8") === stamp;
  if (isFresh()) return;
  await withLock(
    root,
    async () => {
      if (isFresh()) return;
      if (!packagesMatch(root)) await install(root, path);
      writeFileSync(file, stamp);
    },
    sayWaiting,
  );
}

/** Says which package.json and package-lock.json node_modules was installed from. */
function stampOf(root: string): string {
  const hash = createHash("sha256");
  for (const name of ["package.json", "package-lock.json"]) hash.update(readFileSync(join(root, name)));
  return hash.digest("hex");
}

/** True if node_modules already holds exactly what the lock file asks for, as npm's own record says. */
export function packagesMatch(root: string): boolean {
  const installed = readJson<Lock>(join(root, "node_modules", ".package-lock.json"))?.packages;
  if (installed === undefined) return false;
  return Object.entries(lockedPackages(root)).every(([path, entry]) => {
    const present = installed[path];
    if (path === "") return true;
    if (present === undefined) return entry.optional === true;
    return present.version === entry.version && present.integrity === entry.integrity;
  });
}

function lockedPackages(root: string): Record<string, Entry> {
  return (JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as Lock).packages ?? {};
}

async function install(root: string, path: string): Promise<void> {
  const total = Object.keys(lockedPackages(root)).length;
  const progress = startProgress("npm packages");
  const timer = setInterval(() => progress.count(countPackages(root), total, "packages"), 500).unref();
  const began = Date.now();
  try {
    await installPackages(root, path);
    progress.end(`installed in ${Math.round((Date.now() - began) / 1000)} s`);
  } catch (error) {
    progress.end("failed");
    throw error;
  } finally {
    clearInterval(timer);
  }
}

function countPackages(root: string): number {
  const namesIn = (directory: string): string[] =>
    existsSync(directory) ? readdirSync(directory).filter((name) => !name.startsWith(".")) : [];
  const modules = join(root, "node_modules");
  return namesIn(modules)
    .map((name) => (name.startsWith("@") ? namesIn(join(modules, name)).length : 1))
    .reduce((sum, count) => sum + count, 0);
}
