/** Daemons on a port of the loopback interface, ended with the test that started them. */
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import { onTestFinished } from "vitest";
import { failIfEnded, outputOf } from "./process.ts";
import { until } from "./until.ts";

/** Starts a daemon, waits for its TCP port, and kills it with the test, stopped or not. */
export async function daemon(
  argv: readonly string[],
  port: number,
  env: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
  const [program = "", ...words] = argv;
  const child = spawn(program, words, { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = outputOf(child);
  const exit = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  const ready = () => failIfEnded(program, child, output) || isOpen(port);
  await until(`${program} on port ${port}`, ready, output);
  return child;
}

/** Whether a server accepts connections on a port of 127.0.0.1. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
