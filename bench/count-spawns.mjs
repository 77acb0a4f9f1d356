/** Preloaded by a bench (NODE_OPTIONS=--import): notes every process that a Node program starts, a line of JSON each. */
import childProcess from "node:child_process";
import { appendFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { spawn } = childProcess;
childProcess.spawn = (program, args, ...rest) => {
  const words = [program, ...(Array.isArray(args) ? args : [])];
  appendFileSync(process.env.WARMBOX_SPAWNS, `${JSON.stringify({ by: process.argv[1], words })}\n`);
  return spawn(program, args, ...rest);
};
syncBuiltinESMExports();
