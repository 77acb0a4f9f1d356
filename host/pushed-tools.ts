import type { HostConfig, ToolSource } from "../stacks/types.ts";
import type { ToolName } from "../stacks/versions.ts";
import { SCOPE_PATHS } from "./paths.ts";

/** A tool that warmbox uploads to a host. `version` is also its directory's name. */
export type PushedTool = { tool: ToolName; version: string; source: ToolSource };

/** The directory of uploaded tools: relative to HOME in user scope, absolute in system scope. */
export function toolsRoot(scope: HostConfig["scope"]): string {
  return SCOPE_PATHS[scope].tools.replace(/^~\//, "");
}
