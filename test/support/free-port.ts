import { createServer } from "node:net";

/** Where servers of tests listen: below the range from which the kernel gives ports to outgoing connections. */
const FIRST = 12_000;
const PORTS = 18_000;

/**
 * A free TCP port on 127.0.0.1. It is chosen at random outside the kernel's range of outgoing ports: the kernel may give
 * a port of that range to another connection or server while the caller's server is still starting.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * PORTS);
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((done) => {
    const server = createServer().once("error", () => done(false));
    server.listen(port, "127.0.0.1", () => server.close(() => done(true)));
  });
}
