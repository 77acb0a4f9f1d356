/**
 * `node tools/main.ts [sccache] [bazel-remote] [moon] [versitygw] [--json]`: makes the tools present on
 * this machine (all that hosts need when none is named) and prints where each is.
 */
import { PINNED, type ToolName } from "../stacks/versions.ts";
import { obtainTool } from "./obtain.ts";

const choice = process.argv.slice(2).filter((word) => word !== "--json");
const unknown = choice.filter((word) => !(word in PINNED));
if (unknown.length > 0) {
  console.error(`warmbox: ${unknown.join(", ")}: no such tool; known are ${Object.keys(PINNED).join(", ")}`);
  process.exit(2);
}
const names = (choice.length > 0 ? choice : ["sccache", "bazel-remote", "moon"]) as ToolName[];
try {
  const results = [];
  // One after the other: each build uses every core by itself.
  for (const tool of names) results.push({ tool, ...(await obtainTool(tool)) });
  if (process.argv.includes("--json")) console.log(JSON.stringify(results, null, 2));
  else
    for (const { tool, version, path } of results)
      console.log(`${tool.padEnd(13)} ${version.padEnd(8)} ${path}`);
} catch (error) {
  console.error(`warmbox: ${(error as Error).message}`);
  process.exit(1);
}
