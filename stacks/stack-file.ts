/** The files of stacks: `Pulumi.NAME.yaml` of the user's, and the examples from which they are made. */
import { constants, copyFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse as parseYaml, YAMLParseError } from "yaml";
import { readStack, stackConfigKeys } from "./config.ts";
import { UserError } from "./errors.ts";
import { type RawStack, type StackFiles, secretPath } from "./extends.ts";
import type { Project } from "./project.ts";
import type { StackConfig } from "./types.ts";

type Directory = Pick<Project, "stackDirectory">;

/** Pulumi's rule for the names of stacks; no path leads out of the folder. */
const STACK_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/;

/** Where a stack's file is, whether it is there or not. */
export function stackFile({ stackDirectory }: Directory, stack: string): string {
  return join(stackDirectory, `Pulumi.${stack}.yaml`);
}

function exampleFile({ stackDirectory }: Directory, name: string): string {
  return join(stackDirectory, "examples", `${name}.yaml`);
}

/** The examples that a stack can be made from. */
export function exampleNames({ stackDirectory }: Directory): string[] {
  return namesIn(join(stackDirectory, "examples"), /^(.+)\.yaml$/);
}

/** The stacks that have a file, and the examples, which become one at the first use. */
export function stackNames(project: Directory): string[] {
  const stacks = namesIn(project.stackDirectory, /^Pulumi\.(.+)\.yaml$/);
  return [...new Set([...stacks, ...exampleNames(project)])].sort();
}

function namesIn(directory: string, pattern: RegExp): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory).flatMap((file) => pattern.exec(file)?.[1] ?? []);
}

/**
 * Makes a stack's file from an example. Returns its path, or undefined if the stack has a file already.
 *
 * @throws UserError if there is no such example, or the name cannot be a stack's
 */
export function makeStackFile(project: Directory, stack: string, example: string): string | undefined {
  if (!STACK_NAME.test(stack))
    throw new UserError(
      "usage",
      `${JSON.stringify(stack)} cannot be the name of a stack; expected: letters, digits, ".", "_" and "-", at most 100`,
    );
  const examples = exampleNames(project);
  if (!examples.includes(example))
    throw new UserError("usage", `there is no example ${example}. Next: name one of ${examples.join(", ")}`);
  const file = stackFile(project, stack);
  try {
    copyFileSync(exampleFile(project, example), file, constants.COPYFILE_EXCL);
    return file;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
    throw error;
  }
}

/** A stack's file, or the example of that name if the stack has none yet; undefined without either. */
export function declarationOf(project: Directory, stack: string): string | undefined {
  const candidates = STACK_NAME.test(stack) ? [stackFile(project, stack), exampleFile(project, stack)] : [];
  return candidates.find((file) => existsSync(file));
}

/** The files of a project's stacks, for {@link readStack}. */
export function stackFiles(project: Directory): StackFiles {
  return {
    names: () => stackNames(project),
    read: (stack) => {
      const file = declarationOf(project, stack);
      return file === undefined ? undefined : readRaw(file);
    },
  };
}

/**
 * What a stack declares, read from its file without Pulumi.
 *
 * @throws UserError if the stack has no file, or the file is not YAML
 * @throws ConfigError with every issue of the file
 */
export function readStackFile(project: Directory, stack: string): StackConfig {
  const file = declarationOf(project, stack);
  if (file === undefined)
    throw new UserError(
      "usage",
      `the stack ${stack} has no file ${stackFile(project, stack)}; next: name a stack that has one with --stack NAME: ${stackNames(project).join(", ")}`,
    );
  const raw = readRaw(file);
  return readStack((key) => raw[key], Object.keys(raw), stackFiles(project), stack);
}

/** Whether a setting that warmbox reads is encrypted in the stack's own file; the stack's secrets do not count. */
export function holdsSecureSetting(project: Directory, stack: string): boolean {
  const raw = stackFiles(project).read(stack) ?? {};
  return stackConfigKeys.some((key) => secretPath(raw[key]) !== undefined);
}

/** The text of a stack file as configuration by key. Pulumi takes a key without a namespace as the project's. */
export function parseStackText(text: string, file: string): RawStack {
  const { config } = (parsedYaml(text, file) ?? {}) as { config?: unknown };
  if (config === undefined || config === null) return {};
  if (typeof config !== "object" || Array.isArray(config))
    throw new UserError("config", `${file}: config: expected keys such as warmbox:hosts below it`);
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      if (key.startsWith(NAMESPACE)) return [[key.slice(NAMESPACE.length), value]];
      return key.includes(":") ? [] : [[key, value]];
    }),
  );
}

const NAMESPACE = "warmbox:";

function readRaw(file: string): RawStack {
  return parseStackText(readFileSync(file, "utf8"), file);
}

function parsedYaml(text: string, file: string): unknown {
  try {
    return parseYaml(text, { merge: true });
  } catch (error) {
    if (!(error instanceof YAMLParseError)) throw error;
    const [position] = error.linePos ?? [];
    const place = position === undefined ? "" : `:${position.line}:${position.col}`;
    const [problem = ""] = error.message.split(/ at line \d+/);
    throw new UserError("config", `${file}${place}: ${problem}. Next: edit that line of ${basename(file)}`);
  }
}
