/** The real programs that tests run, found or made by the project's own means. */
import { findPulumi } from "../setup/pulumi/cli.ts";
import type { ToolName } from "../stacks/versions.ts";
import { obtainTool } from "../tools/obtain.ts";

/** The path of a tool's binary. Made if it is missing, which may take minutes the first time. */
export async function toolPath(name: ToolName | "pulumi"): Promise<string> {
  return name === "pulumi" ? (await findPulumi()).path : (await obtainTool(name)).path;
}
