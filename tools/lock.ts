/**
 * One maker at a time for each tool. The lock is a listening local socket: the kernel frees it when its
 * holder ends in whatever way, so there is no stale lock to judge, and a waiter needs no polling: it holds a
 * connection that closes when the maker is done. Should two makers not see each other (two containers on one
 * home directory), the work is done twice and the renames still leave one whole result.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Runs `work` while no other process runs one under the same key. `onWait` is called once if it has to wait. */
export async function withLock<T>(key: string, work: () => Promise<T>, onWait: () => void): Promise<T> {
  const address = lockAddress(key);
  const connections = new Set<Socket>();
  let waited = false;
  let server = await listen(address, connections);
  while (!server) {
    const holder = connect(address);
    const answered = await once(holder, "connect").then(
      () => true,
      () => false,
    );
    if (answered) {
      if (!waited) onWait();
      waited = true;
      await once(holder.resume(), "close").catch(() => {});
    } else if (!abstractSockets) await rm(address, { force: true });
    server = await listen(address, connections);
  }
  try {
    return await work();
  } finally {
    server.close();
    for (const waiter of connections) waiter.destroy();
  }
}

/** Linux has sockets without a file; elsewhere the file of a dead holder is removed by the next one. */
const abstractSockets = process.platform === "linux";

function lockAddress(key: string): string {
  const name = `warmbox-${process.getuid?.() ?? 0}-${createHash("sha256").update(key).digest("hex").slice(0, 24)}`;
  return abstractSockets ? `\0${name}` : join(tmpdir(), name);
}

/** The listening server, or null when somebody else has the address. */
async function listen(address: string, connections: Set<Socket>): Promise<Server | null> {
  const server = createServer((socket) => {
    connections.add(socket.on("error", () => {}).on("close", () => connections.delete(socket)));
  });
  server.listen(address);
  try {
    await once(server, "listening");
    return server;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") return null;
    throw error;
  }
}
