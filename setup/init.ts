/** `./warmbox init [EXAMPLE] [--stack NAME]`: makes the file of a stack from an example. */
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { UserError } from "../stacks/errors.ts";
import { readProject } from "../stacks/project.ts";
import { DEFAULT_STACK } from "../stacks/selected-stack.ts";
import { makeStackFile, stackFile } from "../stacks/stack-file.ts";

/** Makes the file and says what to do next. @throws UserError if the stack has a file or there is no such example */
export function runInit(root: string, args: readonly string[]): number {
  const { values, positionals } = readArguments(args);
  const [example = DEFAULT_STACK] = positionals;
  const stack = values.stack ?? example;
  const project = readProject(root);
  const file = makeStackFile(project, stack, example);
  if (file === undefined) {
    const path = relative(root, stackFile(project, stack));
    throw new UserError(
      "config",
      `${path} is there already and stays as it is. Next: edit it, or name another stack: ./warmbox init ${example} --stack NAME`,
    );
  }
  const flag = stack === DEFAULT_STACK ? "" : ` --stack ${stack}`;
  process.stdout.write(
    `made ${relative(root, file)} from the example ${example}. Next: edit it, then ./warmbox up${flag}\n`,
  );
  return 0;
}

function readArguments(args: readonly string[]) {
  try {
    const options = { stack: { type: "string", short: "s" } } as const;
    const read = parseArgs({ args: [...args], options, allowPositionals: true });
    if (read.positionals.length <= 1) return read;
    throw new Error(`too many arguments: ${read.positionals.join(" ")}`);
  } catch (error) {
    throw new UserError("usage", `init: ${(error as Error).message}; next: \`./warmbox init --help\``);
  }
}
