/** moon comes from npm: the package of this machine was checked by npm at install time, another one is fetched and checked here. */
import { createHash } from "node:crypto";
import { access, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { UserError } from "../stacks/errors.ts";
import { PINNED } from "../stacks/versions.ts";
import { type Arch, thisArch } from "./cache.ts";
import { environment, run } from "./run.ts";
import { unpack } from "./vendor.ts";

/** The npm package that holds moon's binary for a processor. */
export function moonPackage(arch: Arch): string {
  return `@moonrepo/core-linux-${arch === "x86_64" ? "x64" : "arm64"}-gnu`;
}

/** The path of moon's binary: in node_modules, else fetched into `dir`. `root` is the project's folder. */
export async function moonBinary(root: string, arch: Arch, dir: string): Promise<string> {
  const name = moonPackage(arch);
  const installed = join(root, "node_modules", name);
  if (arch === thisArch() && (await installedVersion(installed)) === PINNED.moon)
    return join(installed, "moon");
  return await packedMoon(root, name, dir);
}

async function installedVersion(dir: string): Promise<string | null> {
  const manifest = await readFile(join(dir, "package.json"), "utf8").catch(() => null);
  await access(join(dir, "moon")).catch(() => null);
  return manifest ? (JSON.parse(manifest) as { version: string }).version : null;
}

async function packedMoon(root: string, name: string, dir: string): Promise<string> {
  const spec = `${name}@${PINNED.moon}`;
  const integrity = lockedIntegrity(await readLock(root), name);
  if (!integrity) {
    throw new UserError(
      "missing",
      `package-lock.json holds no checksum of ${spec}. Give the binary in the stack file: ` +
        `tools.moon: {kind: release, url: URL, sha256: SHA256} or {kind: file, path: PATH, sha256: SHA256}`,
    );
  }
  await mkdir(dir, { recursive: true });
  const argv = ["npm", "pack", spec, "--json", "--pack-destination", dir] as const;
  const [packed] = JSON.parse(await run({ argv: [...argv], cwd: root, env: environment(/^$/, {}) }));
  const archive = join(dir, packed.filename);
  const actual = `sha512-${createHash("sha512")
    .update(await readFile(archive))
    .digest("base64")}`;
  if (actual !== integrity)
    throw new UserError("failed", `${spec} has integrity ${actual}, package-lock.json says ${integrity}`);
  return await unpack(archive, "moon", dir);
}

/** The clone's lock file; an installed package has moon's part of it. */
async function readLock(root: string): Promise<string> {
  const moonLock = join(import.meta.dirname, "moon-lock.json");
  return await readFile(moonLock, "utf8").catch(() => readFile(join(root, "package-lock.json"), "utf8"));
}

/** The integrity that package-lock.json records for a package at moon's pinned version; null if none. */
export function lockedIntegrity(lock: string, name: string): string | null {
  const packages = (JSON.parse(lock) as { packages: Record<string, { version: string; integrity?: string }> })
    .packages;
  const entry = packages[`node_modules/${name}`];
  return entry?.version === PINNED.moon ? (entry.integrity ?? null) : null;
}
