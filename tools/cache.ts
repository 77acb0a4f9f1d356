/**
 * The project's cache of tool binaries on this machine:
 * `${XDG_CACHE_HOME:-~/.cache}/warmbox/tools/<tool>/<version>/<tool>`, each with its sha256 beside it.
 * The version is in the directory and never in the file's name: sccache under any other name takes itself
 * for a compiler and starts servers of itself.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { chmod, copyFile, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UserError } from "../stacks/errors.ts";
import type { ToolName } from "../stacks/versions.ts";
import { cacheDirectory } from "./base.mjs";

/** A processor warmbox has binaries for, as `uname -m` spells it. */
export type Arch = "x86_64" | "aarch64";

/** A tool that is here: where, which version, and the sha256 its binary has. */
export type ObtainedTool = { path: string; version: string; sha256: string };

/** This machine's processor. Throws on one that warmbox has no binaries for. */
export function thisArch(): Arch {
  if (process.arch === "x64") return "x86_64";
  if (process.arch === "arm64") return "aarch64";
  throw new UserError(
    "missing",
    `this machine is ${process.arch}; its tools exist for x86_64 and aarch64 only`,
  );
}

/** The directory name of a version: another processor's binary is never at the place of this one's. */
export function versionDir(version: string, arch: Arch): string {
  return arch === thisArch() ? version : `${version}-${arch}`;
}

/** Where the cache keeps a tool. */
export function cachedPath(tool: ToolName, version: string, arch: Arch): string {
  return join(cacheDirectory(), "tools", tool, versionDir(version, arch), tool);
}

/** Where the operator's own directory of tools, WARMBOX_TOOLS_DIR, would keep it; null when that is unset. */
export function extraPath(tool: ToolName, version: string, arch: Arch): string | null {
  const dir = process.env.WARMBOX_TOOLS_DIR;
  return dir ? join(dir, tool, versionDir(version, arch), tool) : null;
}

/** What a place of the cache holds. "corrupt": its bytes are not the ones its sha256 file names. */
export type Lookup = { is: "good"; sha256: string } | { is: "absent" } | { is: "corrupt"; why: string };

/** Reads the binary at `path` and compares it with the sha256 beside it. `sumNeeded` false: no sum, no check. */
export async function lookUp(path: string, sumNeeded = true): Promise<Lookup> {
  if (!(await stat(path).catch(() => null))?.isFile()) return { is: "absent" };
  const sha256 = await sha256Of(path);
  const sum = await readFile(`${path}.sha256`, "utf8").catch(() => null);
  const recorded = sum?.slice(0, 64);
  if (recorded === sha256 || (sum === null && !sumNeeded)) return { is: "good", sha256 };
  if (sum === null) return { is: "corrupt", why: "no sha256 is recorded for it" };
  return { is: "corrupt", why: `its sha256 is ${sha256}, recorded is ${recorded}` };
}

/** The sha256 of a file's content, in hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path)) hash.update(piece);
  return hash.digest("hex");
}

/**
 * Puts a finished binary into the cache. The sum is renamed into place before the binary: killed between
 * the two, the entry is absent or its sum does not fit, and is made again; it is never half a binary.
 */
export async function store(from: string, to: string): Promise<string> {
  const staged = join(dirname(to), `.${basename(to)}.${process.pid}`);
  await mkdir(dirname(to), { recursive: true });
  try {
    await copyFile(from, staged);
    await chmod(staged, 0o755);
    const sha256 = await sha256Of(staged);
    await writeFile(`${staged}.sha256`, `${sha256}  ${basename(to)}\n`);
    await rename(`${staged}.sha256`, `${to}.sha256`);
    await rename(staged, to);
    return sha256;
  } finally {
    await rm(staged, { force: true });
    await rm(`${staged}.sha256`, { force: true });
  }
}
