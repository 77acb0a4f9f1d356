/**
 * Finds the Pulumi CLI: one that is installed, Pulumi's release, or a build from its Go module; the last two
 * are kept in `${XDG_CACHE_HOME:-~/.cache}/warmbox/tools/pulumi/<version>/`.
 */
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pulumiHome } from "../../stacks/project.ts";
import { isOlder } from "../../stacks/versions.ts";
import { cacheDirectory, withLock } from "../../tools/base.mjs";
import { readJson, writeWhole } from "../../tools/files.ts";
import { isWorthAsking } from "../../tools/reachable.ts";
import { removeStaged } from "../node/bootstrap.mjs";
import { installLauncher } from "../plugins/launcher.ts";
import { buildCli, downloadCli, refusedRelease } from "./cli-obtain.ts";
import { PULUMI_VERSION, RELEASE_HOST } from "./versions.ts";

/** A CLI that can be run, and whether it is Pulumi's release or our build of it. */
export type PulumiCli = { path: string; version: string; origin: "installed" | "released" | "built" };

const LANGUAGE_HOST = "pulumi-language-nodejs";

/** The CLI to use. Obtains it when there is none: seconds by download, minutes by building. */
export async function findPulumi(env: NodeJS.ProcessEnv = process.env): Promise<PulumiCli> {
  const installed = installedCli(env);
  if (installed) return installed;
  const home = join(cacheDirectory(env), "tools", "pulumi", PULUMI_VERSION);
  const cli = keptCli(home);
  const worth = isWorthAsking(RELEASE_HOST) && isWorthAsking(refusedRelease(RELEASE_HOST));
  if (cli && (cli.origin === "released" || !worth)) return ready(cli);
  return await withLock(
    home,
    async () => await obtain(home, env),
    () => {
      process.stderr.write("pulumi: waiting for another run that is obtaining it\n");
    },
  );
}

/** The binary and a note of its origin are in one directory, which is renamed into place as a whole. */
function keptCli(home: string): PulumiCli | undefined {
  const path = join(home, "pulumi");
  if (!existsSync(path)) return undefined;
  const origin = existsSync(join(home, "released")) ? "released" : "built";
  return { path, version: PULUMI_VERSION, origin };
}

/** warmbox's build has no language host beside it, so the fallback plugin is put there: the engine looks there first. */
function ready(cli: PulumiCli): PulumiCli {
  if (cli.origin === "built") installLauncher(join(dirname(cli.path), LANGUAGE_HOST), "language-host.ts");
  return cli;
}

async function obtain(home: string, env: NodeJS.ProcessEnv): Promise<PulumiCli> {
  const staged = `${home}.${process.pid}`;
  removeStaged(home);
  mkdirSync(staged, { recursive: true });
  try {
    if (await downloadCli(staged)) writeFileSync(join(staged, "released"), `${RELEASE_HOST}\n`);
    else if (existsSync(join(home, "pulumi")))
      return ready({ path: join(home, "pulumi"), version: PULUMI_VERSION, origin: "built" });
    else await copyOrBuild(staged, env);
    rmSync(home, { recursive: true, force: true });
    renameSync(staged, home);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
  const cli = keptCli(home);
  if (!cli) throw new Error(`${home} holds no pulumi after it was obtained`);
  return ready(cli);
}

/** WARMBOX_TOOLS_DIR may hold a build; it is copied, because the language host has to be beside it. */
async function copyOrBuild(staged: string, env: NodeJS.ProcessEnv): Promise<void> {
  const extra = env.WARMBOX_TOOLS_DIR && join(env.WARMBOX_TOOLS_DIR, "pulumi", PULUMI_VERSION, "pulumi");
  if (extra && existsSync(extra)) copyFileSync(extra, join(staged, "pulumi"));
  else await buildCli(join(staged, "pulumi"), join(cacheDirectory(env), "build", "pulumi"));
}

/** An installed CLI that is new enough and has its language host; older ones are skipped with a line. */
function installedCli(env: NodeJS.ProcessEnv): PulumiCli | undefined {
  const home = pulumiHome(env);
  const places = [
    ...(env.PATH ?? "")
      .split(delimiter)
      .filter((directory) => directory && !directory.includes("node_modules")),
    join(home, "bin"),
    ...wrappersDownloads(join(home, "versions"), env),
  ];
  const cache = join(cacheDirectory(env), "tools", "pulumi");
  const passed = new Set<string>();
  for (const path of places.map((directory) => join(directory, "pulumi"))) {
    if (!existsSync(path)) continue;
    const real = realpathSync(path);
    if (passed.has(real) || real.startsWith(cache) || WRAPPER.test(real)) continue;
    passed.add(real);
    const version = versionOf(path, env);
    const lack = lackOf(path, version, env);
    if (lack === undefined) return { path, version, origin: "installed" };
    process.stderr.write(`warmbox: ${path} is not used: ${lack}\n`);
  }
  return undefined;
}

/** The npm package `pulumi`: asking it for a version would download a CLI without a word. Its downloads are looked at. */
const WRAPPER = /\/pulumi\/run\.js$/;

/**
 * Where that package (and Pulumi's Automation API) puts the CLIs it downloads: the one that PULUMI_VERSION names, then
 * warmbox's, then newer ones.
 * @see https://www.npmjs.com/package/pulumi?activeTab=code lib/cache.js
 */
function wrappersDownloads(directory: string, env: NodeJS.ProcessEnv): string[] {
  const versions = existsSync(directory) ? readdirSync(directory) : [];
  const usable = versions.filter((version) => !isOlder(version, PULUMI_VERSION, true));
  const newestFirst = usable.sort((version, next) => (isOlder(version, next, true) ? 1 : -1));
  const preferred = [env.PULUMI_VERSION, PULUMI_VERSION].filter((version) => version !== undefined);
  return [...new Set([...preferred, ...newestFirst])].map((version) => join(directory, version, "bin"));
}

function lackOf(path: string, version: string, env: NodeJS.ProcessEnv): string | undefined {
  if (isOlder(version, PULUMI_VERSION, true))
    return `it is ${version || "of no known version"}, warmbox needs ${PULUMI_VERSION} or newer`;
  const beside = join(dirname(realpathSync(path)), LANGUAGE_HOST);
  const onPath = (env.PATH ?? "").split(delimiter).map((directory) => join(directory, LANGUAGE_HOST));
  return [beside, ...onPath].some((place) => existsSync(place))
    ? undefined
    : `there is no ${LANGUAGE_HOST} beside it`;
}

/** `pulumi version` takes half a second, so its answer is kept until the file changes. */
function versionOf(path: string, env: NodeJS.ProcessEnv): string {
  const file = join(cacheDirectory(env), "engine", "cli-versions.json");
  const versions = readJson<Record<string, string>>(file) ?? {};
  const { mtimeMs, size } = statSync(path);
  const key = `${path}:${mtimeMs}:${size}`;
  const answer = versions[key];
  if (answer !== undefined) return answer;
  const version = askVersion(path);
  writeWhole(file, JSON.stringify({ ...versions, [key]: version }));
  return version;
}

function askVersion(path: string): string {
  try {
    const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
    return execFileSync(path, ["version"], { encoding: "utf8", env, stdio: ["ignore", "pipe", "ignore"] })
      .trim()
      .replace(/^v/, "");
  } catch {
    return "";
  }
}
