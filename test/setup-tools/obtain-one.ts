/** Obtains one tool in a separate process: `node obtain-one.ts TOOL OPTIONS-AS-JSON`; prints the result as JSON. */

import type { ToolName } from "../../stacks/versions.ts";
import { obtainTool } from "../../tools/obtain.ts";

const [tool, options] = process.argv.slice(2);
try {
  console.log(JSON.stringify(await obtainTool(tool as ToolName, JSON.parse(options ?? "{}"))));
} catch (error) {
  console.error(`warmbox: ${(error as Error).message}`);
  process.exitCode = 1;
}
