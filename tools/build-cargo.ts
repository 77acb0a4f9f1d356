/**
 * Builds sccache from its registry package. The build has a separate CARGO_HOME: the user's may name a rustc wrapper
 * (warmbox's is the very sccache that is built here), flags or a target directory. Of the user's config only the tables
 * that say where packages come from are taken over.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "smol-toml";
import { PINNED, SCCACHE_FEATURES } from "../stacks/versions.ts";
import type { Progress } from "./progress.ts";
import { environment, run } from "./run.ts";

/** Tables of a cargo config that say how to reach registries; everything else is about builds. */
const KEPT_TABLES = ["source", "registries", "registry", "http", "net"];
/** Variables that would change the build: cargo's own but for those about the network, and the compiler's. */
const DROPPED =
  /^(CARGO(?!_(HTTP|NET|REGISTRY|REGISTRIES|SOURCE)_).*|RUSTC.*|RUSTFLAGS|RUSTDOC.*|SCCACHE_.*)$/;

/** Builds it into `dir` and returns the path of the binary. What was compiled before an interruption is kept. */
export async function buildSccache(dir: string, progress: Progress): Promise<string> {
  const home = join(dir, "cargo-home");
  const root = join(dir, "root");
  await mkdir(root, { recursive: true });
  await writeCargoHome(home);
  const env = environment(DROPPED, {
    CARGO_HOME: home,
    CARGO_TARGET_DIR: join(dir, "target"),
    CARGO_ENCODED_RUSTFLAGS: "",
    // Without a terminal cargo counts nothing; asked to, it prints `Building [==>  ] 12/345: crate`.
    CARGO_TERM_PROGRESS_WHEN: "always",
    CARGO_TERM_PROGRESS_WIDTH: "100",
    CARGO_TERM_COLOR: "never",
    // rustup's home is looked for below HOME, which is fine; the separate CARGO_HOME must not move it.
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), ".rustup"),
  });
  if (!process.env.RUSTUP_HOME && !existsSync(join(homedir(), ".rustup"))) delete env.RUSTUP_HOME;
  const features = ["--no-default-features", "--features", SCCACHE_FEATURES.join(",")];
  const version = PINNED.sccache;
  await run({
    argv: [
      "cargo",
      "install",
      "--locked",
      `sccache@${version}`,
      ...features,
      "--root",
      root,
      "--no-track",
      "--force",
    ],
    cwd: dir,
    env,
    onLine: cargoCounter(progress),
  });
  return join(root, "bin", "sccache");
}

/** Turns cargo's redrawn lines into counts: first the crates to download, then those to compile. */
export function cargoCounter(progress: Pick<Progress, "count">): (line: string) => void {
  let total = 0;
  return (line) => {
    const built = /^\s*Building \[.*?\]\s+(\d+)\/(\d+)/.exec(line);
    if (built) return progress.count(Number(built[1]), Number(built[2]), "crates built");
    const downloads = /^\s*Downloading (\d+) crates?\b/.exec(line);
    if (!downloads) return;
    total = Math.max(total, Number(downloads[1]));
    progress.count(total - Number(downloads[1]), total, "crates fetched");
  };
}

async function writeCargoHome(home: string): Promise<void> {
  await mkdir(home, { recursive: true });
  const users = process.env.CARGO_HOME || join(homedir(), ".cargo");
  for (const name of ["config.toml", "config"]) {
    const text = await readFile(join(users, name), "utf8").catch(() => null);
    if (text === null) continue;
    await writeFile(join(home, "config.toml"), registryConfig(text));
    break;
  }
  for (const name of ["credentials.toml", "credentials"]) {
    await symlink(join(users, name), join(home, name)).catch(() => {});
  }
}

/** The part of a cargo config that says where packages come from; pure. An unreadable config gives "". */
export function registryConfig(text: string): string {
  try {
    const tables = Object.entries(parse(text)).filter(([table]) => KEPT_TABLES.includes(table));
    return tables.length === 0 ? "" : `${stringify(Object.fromEntries(tables))}\n`;
  } catch {
    return "";
  }
}
