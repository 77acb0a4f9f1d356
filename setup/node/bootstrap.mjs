/**
 * What has to work before anything else does: plain JavaScript for Node >= 20 without dependencies.
 * Brings a Node that runs TypeScript and the packages of package-lock.json. Everything is made under a
 * temporary name and renamed, so that an interrupted run leaves nothing half done.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, Socket } from "node:net";
import { homedir, tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";

/** The Node that is brought where the running one is too old. Keep equal to setup/node/<arch>/package.json. */
export const NODE_VERSION = "24.21.0";
/**
 * First minor release of each line that runs TypeScript without a flag and without a warning; 23 never got there, and
 * later lines do it from the start. https://nodejs.org/api/typescript.html
 */
const NODE_MINIMUMS = { 22: 18, 24: 3 };

const NPM_QUIET = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error"];
const STAMP = ".warmbox-stamp";
/** npm says what is wrong first and then explains itself at length. */
const SHOWN_LINES = 12;
const QUIET_MS = 2_000;
const LOG_EVERY_MS = 10_000;

/**
 * An error for the user to fix, shown without a stack trace: what `UserError` of stacks/errors.ts is, which Node cannot
 * load yet when this file runs.
 */
export function userError(code, message) {
  return Object.assign(new Error(message), { name: "UserError", code });
}

/** `${XDG_CACHE_HOME:-~/.cache}/warmbox` */
export function cacheDirectory(environment = process.env) {
  const xdg = environment.XDG_CACHE_HOME;
  return join(xdg?.startsWith("/") ? xdg : join(environment.HOME || homedir(), ".cache"), "warmbox");
}

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

/** The first executable of that name on PATH, or undefined. */
export function onPath(program, path = process.env.PATH ?? "") {
  return path
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, program))
    .find((candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Says how long a step has run: one rewritten line on a terminal, else a line every 10 s. */
export function showProgress(label, counter = () => "") {
  const began = Date.now();
  let shown = Number.NEGATIVE_INFINITY;
  const seconds = () => Math.round((Date.now() - began) / 1000);
  const terminal = process.stderr.isTTY === true;
  const timer = setInterval(() => {
    const now = Date.now();
    if (now - began < QUIET_MS || now - shown < (terminal ? 500 : LOG_EVERY_MS)) return;
    shown = now;
    const line = `${label}: ${[counter(), `${seconds()} s`].filter(Boolean).join(", ")}`;
    process.stderr.write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
  }, 500);
  timer.unref();
  return (ending) => {
    clearInterval(timer);
    process.stderr.write(`${terminal ? "\r\x1b[K" : ""}${label}: ${ending} in ${seconds()} s\n`);
  };
}

/**
 * Runs `work` while no other process runs one under the same key. The lock is a listening local socket: the
 * kernel frees it when its holder ends in whatever way, so no stale lock can be left behind.
 */
export async function withLock(key, work) {
  const name = createHash("sha256").update(key).digest("hex").slice(0, 32);
  const address = process.platform === "linux" ? `\0warmbox-${name}` : join(tmpdir(), `warmbox-${name}.sock`);
  let told = false;
  for (;;) {
    const connections = new Set();
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on("error", () => {});
    });
    const listening = await new Promise((resolve, reject) => {
      server.once("error", (error) => {
        if (error.code === "EADDRINUSE") resolve(false);
        else
          reject(
            userError("failed", `the lock ${JSON.stringify(address)} cannot be taken: ${error.message}`),
          );
      });
      server.listen(address, () => resolve(true));
    });
    if (listening) {
      server.unref();
      try {
        return await work();
      } finally {
        server.close();
        for (const socket of connections) socket.destroy();
      }
    }
    const answered = await waitForHolder(address);
    if (!answered && !address.startsWith("\0")) rmSync(address, { force: true });
    if (answered && !told) process.stderr.write("warmbox: waiting for another run that is setting up\n");
    told = true;
  }
}

function waitForHolder(address) {
  return new Promise((resolve) => {
    const socket = new Socket();
    let connected = false;
    socket.once("connect", () => {
      connected = true;
      socket.resume();
    });
    socket.once("error", () => resolve(connected));
    socket.once("close", () => resolve(connected));
    socket.connect(address);
  });
}

/** Runs a program quietly; rejects with what it printed when it fails. Signals that end us end it too. */
export function runQuietly(program, args, options = {}) {
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
      reject(
        userError(
          "failed",
          `${name} failed (${signal ?? code}):\n${output.split("\n").slice(0, SHOWN_LINES).join("\n")}`.trimEnd(),
        ),
      );
    });
  });
}

function demandNpm(path) {
  const npm = onPath("npm", path);
  if (npm) return npm;
  throw userError("missing", "npm is not on PATH. It comes with Node.js; next: install Node.js 24 with npm");
}

/** The path of a Node that runs TypeScript, brought from the npm registry when it is not in the cache yet. */
export async function ensureNode(root, cache = cacheDirectory()) {
  const arch = process.arch;
  const source = join(root, "setup", "node", arch);
  if (process.platform !== "linux" || !existsSync(source)) {
    const here = `${process.platform}-${arch}`;
    throw userError(
      "missing",
      `Node ${process.versions.node} cannot run TypeScript, and warmbox brings one for linux-x64 and linux-arm64 only, not ${here}. Next: install Node.js 24 and run this again`,
    );
  }
  const target = join(cache, "node", `${NODE_VERSION}-${arch}`);
  const binary = join(target, "node_modules", `node-linux-${arch}`, "bin", "node");
  if (existsSync(binary)) return binary;
  await withLock(target, async () => {
    if (existsSync(binary)) return;
    const npm = demandNpm();
    const staged = `${target}.${process.pid}`;
    removeStaged(target);
    mkdirSync(dirname(staged), { recursive: true });
    cpSync(source, staged, { recursive: true });
    const done = showProgress(`Node.js ${NODE_VERSION} (yours is ${process.versions.node})`);
    try {
      await runQuietly(npm, ["ci", ...NPM_QUIET], { cwd: staged });
      await runQuietly(binary.replace(target, staged), ["--version"]);
      rmSync(target, { recursive: true, force: true });
      renameSync(staged, target);
      done("installed");
    } catch (error) {
      done("failed");
      throw error;
    } finally {
      rmSync(staged, { recursive: true, force: true });
    }
  });
  return binary;
}

/** Removes what earlier makers of `target` left under `target.PID`; for use under its lock, where nobody else makes it. */
export function removeStaged(target) {
  const parent = dirname(target);
  if (!existsSync(parent)) return;
  for (const name of readdirSync(parent)) {
    const pid = name.startsWith(`${basename(target)}.`) ? name.slice(basename(target).length + 1) : "";
    if (/^\d+$/.test(pid)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** What the packages in node_modules must have been installed from. */
export function packagesStamp(root) {
  return sha256(readFileSync(join(root, "package.json")), readFileSync(join(root, "package-lock.json")));
}

/** True where node_modules already holds exactly what the lock file asks for, as npm's own record says. */
export function packagesMatch(root) {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages ?? {};
  const found = JSON.parse(readFileSync(record, "utf8")).packages ?? {};
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === "") return true;
    if (found[path] === undefined) return entry.optional === true;
    return found[path].version === entry.version && found[path].integrity === entry.integrity;
  });
}

/** Installs the packages of package-lock.json unless they are there. `path` is the PATH to run npm with. */
export async function ensurePackages(root, path = process.env.PATH ?? "") {
  const stamp = packagesStamp(root);
  const stampFile = join(root, "node_modules", STAMP);
  const fresh = () => existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp;
  if (fresh()) return;
  await withLock(root, async () => {
    if (fresh()) return;
    if (!packagesMatch(root)) {
      const total = Object.keys(
        JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages,
      ).length;
      const done = showProgress("npm packages", () => `${countPackages(root)} of at most ${total}`);
      const env = { ...process.env, PATH: path };
      await runQuietly(demandNpm(path), ["ci", ...NPM_QUIET], { cwd: root, env }).catch((error) => {
        done("failed");
        throw error;
      });
      done("installed");
    }
    writeFileSync(stampFile, stamp);
  });
}

function countPackages(root) {
  const list = (directory) => {
    try {
      return readdirSync(directory).filter((name) => !name.startsWith("."));
    } catch {
      return [];
    }
  };
  const modules = join(root, "node_modules");
  return list(modules)
    .map((name) => (name.startsWith("@") ? list(join(modules, name)).length : 1))
    .reduce((sum, count) => sum + count, 0);
}
