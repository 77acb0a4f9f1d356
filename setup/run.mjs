#!/usr/bin/env node
/**
 * Entry of every npm script. Makes the tree runnable (packages, a Node that runs TypeScript), then hands over
 * to setup/main.ts. Plain JavaScript for Node >= 20, because it runs before any of that is there.
 */
import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { userError } from "../tools/base.mjs";
import { ensureNode, runsTypeScript, withoutNpms } from "./node/bootstrap.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Help imports no package, so that it needs no set-up of them. */
const HELP = ["help", "--help", "-h", "--version"];

async function main(args) {
  if (process.platform === "win32")
    throw userError("missing", "warmbox runs on Linux and macOS; on Windows use WSL");
  const node = runsTypeScript() ? process.execPath : await ensureNode(ROOT);
  process.env.PATH = [dirname(node), ...withoutNpms(process.env.PATH)].join(delimiter);
  if (node !== process.execPath) return await handOver(node, args);
  const isHelp = args.length === 0 || HELP.includes(args[0]) || HELP.includes(args[1]);
  if (!isHelp) await (await import("./node/packages.ts")).ensurePackages(ROOT);
  const { runCommand } = await import("./main.ts");
  return await runCommand(args);
}

/** Runs main.ts under another Node; a terminal's Ctrl-C reaches it by itself, other signals are passed on. */
function handOver(node, args) {
  const child = spawn(node, [join(ROOT, "setup", "run.mjs"), ...args], { stdio: "inherit" });
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  if (onTerminal) process.on("SIGINT", () => {});
  for (const signal of ["SIGTERM", "SIGHUP", ...(onTerminal ? [] : ["SIGINT"])])
    process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (signal) {
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      }
      resolve(code ?? 1);
    });
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const expected = error?.name === "UserError"; // isUserError of stacks/errors.ts
  process.stderr.write(`warmbox: ${expected ? error.message : (error?.stack ?? error)}\n`);
  process.exitCode = error?.code === "usage" ? 2 : 1;
}
