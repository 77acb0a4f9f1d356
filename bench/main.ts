/** `./warmbox bench NAME [ROUNDS]`: measurements, never tests. Each prints its figures and says which bound it has. */
import { pathToFileURL } from "node:url";

const BENCHES: Readonly<Record<string, string>> = {
  up: "the first up, what a converged up writes, spawns of a probe, no-op preview against an empty program, set-up",
  "rustc-wrapper": "cost of the rustc-wrapper per call, against sccache called directly",
  tiers: "cold, filling, warm and hot builds of a real workspace, with table and plot (long)",
};

const [name = "", ...rest] = process.argv.slice(2);
if (name === "" || name === "--help" || !(name in BENCHES)) {
  const lines = Object.entries(BENCHES).map(([bench, what]) => `  ${bench.padEnd(14)} ${what}`);
  process.stderr.write(`./warmbox bench NAME [ROUNDS]\n\n${lines.join("\n")}\n`);
  process.exitCode = name === "" || name === "--help" ? 0 : 2;
} else {
  process.argv = [process.argv[0] ?? "node", `bench/${name}.ts`, ...rest];
  await import(pathToFileURL(`${import.meta.dirname}/${name}.ts`).href);
}
