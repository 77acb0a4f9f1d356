import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expandedBackend, type Project, pulumiHome } from "./project.ts";

/** The stack of a command where none is named or selected. */
export const DEFAULT_STACK = "local";

/** The selected stack as Pulumi itself notes it, under the folder's path as the user spells it. The CLI would take half a second to answer. */
export function selectedStack(project: Project, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const hash = createHash("sha1").update(join(project.root, "Pulumi.yaml")).digest("hex");
  const file = join(pulumiHome(env), "workspaces", `${project.name}-${hash}-workspace.json`);
  try {
    const { stack, stacks = {} } = JSON.parse(readFileSync(file, "utf8"));
    const name = stacks[project.backend] ?? stacks[expandedBackend(project.backend, env)] ?? stack;
    return typeof name === "string" && name !== "" ? name.split("/").at(-1) : undefined;
  } catch {
    return undefined;
  }
}
