/** The real programs that tests run, found or made by the project's own means. */
import { findPulumi } from "../engine/cli.ts";
import { obtainTool } from "../engine/tools/obtain.ts";
import type { ToolName } from "../plan/versions.ts";

/** The path of a tool's binary. Made if it is missing, which may take minutes the first time. */
export async function toolPath(name: ToolName | "pulumi"): Promise<string> {
  return name === "pulumi" ? (await findPulumi()).path : (await obtainTool(name)).path;
}
