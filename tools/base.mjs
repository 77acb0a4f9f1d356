/**
 * The floor of every program on the operator's machine: directories, PATH, a lock. Plain JavaScript without packages,
 * because setup/node/bootstrap.mjs needs it before Node can load TypeScript.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";

const DEFAULT_DIRECTORIES = { cache: ".cache", config: ".config", state: ".local/state" };

/**
 * The user's base directory of one kind, e.g. `${XDG_CACHE_HOME:-~/.cache}`; a relative value is ignored, as the
 * specification demands. https://specifications.freedesktop.org/basedir-spec/latest/
 * @param {"cache" | "config" | "state"} kind
 * @param {NodeJS.ProcessEnv} env
 */
export function baseDirectory(kind, env = process.env) {
  const directory = env[`XDG_${kind.toUpperCase()}_HOME`];
  return directory?.startsWith("/") ? directory : join(env.HOME || homedir(), DEFAULT_DIRECTORIES[kind]);
}

/** `${XDG_CACHE_HOME:-~/.cache}/warmbox`; its layout is the same in all versions, for builds in it take minutes. */
export function cacheDirectory(env = process.env) {
  return join(baseDirectory("cache", env), "warmbox");
}

/**
 * The path of the first executable of that name on PATH, or undefined.
 * @param {string} program
 */
export function findOnPath(program, path = process.env.PATH ?? "") {
  const candidates = path
    .split(delimiter)
    .filter(Boolean)
    .map((directory) => join(directory, program));
  return candidates.find((candidate) => {
    try {
      accessSync(candidate, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * An error for the user to fix, shown without a stack trace: what `UserError` of stacks/errors.ts is, where TypeScript
 * cannot be loaded yet.
 * @param {import("../stacks/errors.ts").ErrorCode} code
 * @param {string} message
 * @returns {import("../stacks/errors.ts").UserError}
 */
export function userError(code, message) {
  return Object.assign(new Error(message), { name: "UserError", code });
}

/**
 * Runs `work` while no other process of this user runs one under the same key. The lock is a listening local socket:
 * the kernel frees it when its holder ends in whatever way, so there is no stale lock to judge, and a waiter needs no
 * polling: it holds a connection that closes when the holder is done. Should two makers not see each other (two
 * containers on one home directory), both do the work.
 * @template T
 * @param {string} key
 * @param {() => Promise<T>} work
 * @param {() => void} onWait called once if it has to wait
 * @returns {Promise<T>}
 */
export async function withLock(key, work, onWait) {
  const address = lockAddress(key);
  /** @type {Set<import("node:net").Socket>} */
  const waiters = new Set();
  let isWaiting = false;
  let server = await listen(address, waiters);
  while (!server) {
    const holder = connect(address);
    const hasHolder = await once(holder, "connect").then(
      () => true,
      () => false,
    );
    if (hasHolder) {
      if (!isWaiting) onWait();
      isWaiting = true;
      await once(holder.resume(), "close").catch(() => {});
    } else if (!ABSTRACT_SOCKETS) rmSync(address, { force: true });
    server = await listen(address, waiters);
  }
  server.unref();
  try {
    return await work();
  } finally {
    server.close();
    for (const waiter of waiters) waiter.destroy();
  }
}

/** Linux has sockets without a file; elsewhere the file of a dead holder is removed by the next one. */
const ABSTRACT_SOCKETS = process.platform === "linux";

/** @param {string} key */
function lockAddress(key) {
  const name = `warmbox-${process.getuid?.() ?? 0}-${createHash("sha256").update(key).digest("hex").slice(0, 24)}`;
  return ABSTRACT_SOCKETS ? `\0${name}` : join(tmpdir(), name);
}

/**
 * The listening server, or null when another process has the address.
 * @param {string} address
 * @param {Set<import("node:net").Socket>} waiters
 */
async function listen(address, waiters) {
  const server = createServer((socket) => {
    waiters.add(socket.on("error", () => {}).on("close", () => waiters.delete(socket)));
  });
  server.listen(address);
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === "EADDRINUSE") return null;
    throw userError("failed", `the lock ${JSON.stringify(address)} cannot be taken: ${message}`);
  }
}
