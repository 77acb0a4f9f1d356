import type { HostConfig, ToolSource } from "../stacks/types.ts";
import type { ToolName } from "../stacks/versions.ts";

/** A tool that warmbox uploads to a host. `version` is also its directory's name. */
export type PushedTool = { tool: ToolName; version: string; source: ToolSource };

/** The directory of uploaded tools: relative to HOME in user scope, absolute in system scope. */
export function toolsRoot(scope: HostConfig["scope"]): string {
  return scope === "system" ? "/usr/local/lib/warmbox/tools" : ".local/share/warmbox/tools";
}
