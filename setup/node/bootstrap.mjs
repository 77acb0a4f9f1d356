/**
 * Brings a Node that runs TypeScript. Plain JavaScript for Node >= 20 without packages, since it runs before anything is
 * installed. Everything is made under a temporary name and renamed, so that an interrupted run leaves nothing half done.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { cacheDirectory, findOnPath, userError, withLock } from "../../tools/base.mjs";

/** The Node that is brought if the running one is too old. Keep equal to setup/node/<arch>/package.json. */
export const NODE_VERSION = "24.21.0";
/**
 * First minor release of each line that runs TypeScript without a flag and without a warning; 23 never does, and later
 * lines do from the start. https://nodejs.org/api/typescript.html
 * @type {Record<number, number>}
 */
const NODE_MINIMUMS = { 22: 18, 24: 3 };

const NPM_QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error"];
/** npm says what is wrong first and then explains itself at length. */
const SHOWN_LINES = 12;

/** True for a Node version that runs the project's TypeScript as it is. */
export function runsTypeScript(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 24) return true;
  return minor >= (NODE_MINIMUMS[major] ?? Number.POSITIVE_INFINITY);
}

/**
 * The folders of a PATH without those that npm puts in front for its scripts: the packages' own programs are not what is
 * installed on the machine (a moon in node_modules is no moon of this host), and a plain `pulumi` does not see them.
 */
export function withoutNpms(path = "") {
  return path
    .split(delimiter)
    .filter((folder) => folder && !/[/\\](node_modules[/\\]\.bin|node-gyp-bin)$/.test(folder));
}

/** `npm ci` in a folder, quietly. Throws with npm's first lines if it fails. */
export async function installPackages(folder, path = process.env.PATH ?? "") {
  const npm = findOnPath("npm", path);
  if (!npm)
    throw userError(
      "missing",
      "npm is not on PATH. It comes with Node.js; next: install Node.js 24 with npm",
    );
  await runQuietly(npm, ["ci", ...NPM_QUIET], { cwd: folder, env: { ...process.env, PATH: path } });
}

/** Runs a program quietly; rejects with its output if it fails. Signals that end this process end it too. */
function runQuietly(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const stop = (signal) => child.kill(signal);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, stop);
    let output = "";
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    child.once("error", (error) =>
      reject(userError("missing", `${program} does not start: ${error.message}`)),
    );
    child.once("close", (code, signal) => {
      for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(name, stop);
      if (code === 0) return resolve();
      if (signal) process.kill(process.pid, signal);
      const name = `${basename(program)} ${args[0] ?? ""}`.trim();
      const lines = output.split("\n").slice(0, SHOWN_LINES).join("\n");
      reject(userError("failed", `${name} failed (${signal ?? code}):\n${lines}`.trimEnd()));
    });
  });
}

/** The path of a Node that runs TypeScript, brought from the npm registry if it is not in the cache yet. */
export async function ensureNode(root, cache = cacheDirectory()) {
  const arch = process.arch;
  const source = join(root, "setup", "node", arch);
  if (process.platform !== "linux" || !existsSync(source)) {
    throw userError(
      "missing",
      `Node ${process.versions.node} cannot run TypeScript, and warmbox brings one for linux-x64 and linux-arm64 only, not ${process.platform}-${arch}. Next: install Node.js 24 and run this again`,
    );
  }
  const target = join(cache, "node", `${NODE_VERSION}-${arch}`);
  const program = join("node_modules", `node-linux-${arch}`, "bin", "node");
  const isThere = () => existsSync(join(target, program));
  if (!isThere()) {
    await withLock(
      target,
      async () => void (isThere() || (await makeNode(source, target, program))),
      sayWaiting,
    );
  }
  return join(target, program);
}

async function makeNode(source, target, program) {
  const staged = `${target}.${process.pid}`;
  const label = `Node.js ${NODE_VERSION} (yours is ${process.versions.node})`;
  removeStaged(target);
  mkdirSync(dirname(staged), { recursive: true });
  cpSync(source, staged, { recursive: true });
  process.stderr.write(`${label}: installing, 50 MB\n`);
  try {
    await installPackages(staged);
    await runQuietly(join(staged, program), ["--version"]);
    rmSync(target, { recursive: true, force: true });
    renameSync(staged, target);
    process.stderr.write(`${label}: installed\n`);
  } finally {
    rmSync(staged, { recursive: true, force: true });
  }
}

/** Says that another process holds the lock. */
export function sayWaiting() {
  process.stderr.write("warmbox: waiting for another run that is setting up\n");
}

/** Removes what earlier makers of `target` left under `target.PID`; for use under its lock, where no process makes it. */
export function removeStaged(target) {
  const parent = dirname(target);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(`${basename(target)}.`) ? name.slice(basename(target).length + 1) : "";
    if (/^\d+$/.test(pid)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}
