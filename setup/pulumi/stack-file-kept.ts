/** Pulumi deletes a stack's file with the stack; a user's file stays unless the user asks. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { Project } from "../../stacks/project.ts";
import { stackFile } from "../../stacks/stack-file.ts";

/** The flag of warmbox that deletes the file too. */
export const REMOVE_CONFIG = "remove-config";

const REMOVALS = ["rm", "remove", "delete"];
const PRESERVE = "--preserve-config";

/** The arguments for Pulumi, without warmbox's own flag; `stack rm` keeps the file if that flag is missing. */
export function withKeptFile(args: readonly string[]): string[] {
  const pulumiArgs = args.filter((arg) => arg !== `--${REMOVE_CONFIG}`);
  const isRemoval = args[0] === "stack" && REMOVALS.includes(args[1] ?? "");
  if (!isRemoval || pulumiArgs.length < args.length || pulumiArgs.includes(PRESERVE)) return pulumiArgs;
  return [...pulumiArgs.slice(0, 2), PRESERVE, ...pulumiArgs.slice(2)];
}

/** Runs `destroy`, whose --remove has no flag of Pulumi's that keeps the file: it is written again afterwards. */
export async function keepingFile(
  project: Project,
  stack: string,
  args: readonly string[],
  run: () => Promise<number>,
): Promise<number> {
  const file = stackFile(project, stack);
  if (!args.includes("--remove") || args.includes(`--${REMOVE_CONFIG}`) || !existsSync(file))
    return await run();
  const text = readFileSync(file);
  const code = await run();
  if (!existsSync(file)) writeFileSync(file, text);
  return code;
}
