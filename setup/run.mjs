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

const HELP = `warmbox: npm run COMMAND [-- ARGUMENTS]

  up        provision: pulumi up, arguments are passed on (./warmbox up --stack s3 --diff)
  preview   show what up would change: pulumi preview
  destroy   put the hosts back: pulumi destroy
  pulumi    any other Pulumi command (./warmbox pulumi stack select s3)
  plan      print the budget of a machine (./warmbox plan --ram 126GiB --cpus 32)
  status    what the hosts' caches hold and do now
  doctor    find what is wrong on a host, with the next step
  warm      fill the caches by building a workspace
  prove     show on a host that all three caches hit
  test      all tests
  check     format, lint and types
  format    rewrite the files in the project's format
  docs      write the generated pages of docs/
  bench     measure; needs a quiet machine

The first run installs what is missing and says so; it may be interrupted and repeated at any time.
`;

async function main(args) {
  const command = args[0];
  if (command === undefined || command === "--help" || command === "-h" || command === "help") {
    process.stdout.write(HELP);
    return 0;
  }
  if (process.platform === "win32")
    throw userError("missing", "warmbox runs on Linux and macOS; on Windows use WSL");
  const node = runsTypeScript() ? process.execPath : await ensureNode(ROOT);
  process.env.PATH = [dirname(node), ...withoutNpms(process.env.PATH)].join(delimiter);
  if (node !== process.execPath) return await handOver(node, args);
  const { ensurePackages } = await import("./node/packages.ts");
  await ensurePackages(ROOT);
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
  process.exitCode = 1;
}
