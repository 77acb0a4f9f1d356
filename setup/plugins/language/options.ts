/** `runtime.options` of Pulumi.yaml. https://www.pulumi.com/docs/iac/concepts/projects/project-file/#runtime-options */
import type { Bag, Wire } from "../command/values.ts";

/** The options that change how a program is started. */
export type RuntimeOptions = {
  typescript: boolean;
  tsconfig: string;
  nodeargs: string;
  packagemanager: string;
};

const PACKAGE_MANAGERS = ["auto", "npm", "yarn", "pnpm", "bun"];

/** Reads the options; a wrong type or package manager is an error with the released host's words. */
export function readOptions(options: Bag): RuntimeOptions {
  const packagemanager = text(options.packagemanager, "auto", "packagemanager option must be a string");
  if (!PACKAGE_MANAGERS.includes(packagemanager)) {
    const quoted = JSON.stringify(packagemanager);
    throw new Error(`packagemanager option must be one of auto, npm, yarn, pnpm or bun, got ${quoted}`);
  }
  const typescript = options.typescript ?? true;
  if (typeof typescript !== "boolean") throw new Error("typescript option must be a boolean");
  return {
    typescript,
    tsconfig: text(options.tsconfig, "", "tsconfigpath option must be a string"),
    nodeargs: text(options.nodeargs, "", "nodeargs option must be a string"),
    packagemanager,
  };
}

function text(value: Wire | undefined, fallback: string, message: string): string {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "string") throw new Error(message);
  return value;
}

/** One word of a shell's line: bare characters, escaped ones, and quoted parts. */
const WORD = /(?:[^\s'"\\]|\\[\s\S]?|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+/g;

/**
 * Splits a line into words as a shell does: blanks separate, quotes and backslashes protect. Nothing is expanded, unlike
 * in the libraries for this: `$x`, `*` and `|` reach Node as they are.
 */
export function shellWords(line: string): string[] {
  const quote = line.replace(WORD, "").trim()[0];
  if (quote !== undefined)
    throw new Error(`nodeargs option has an unclosed ${quote} in ${JSON.stringify(line)}`);
  const unquote = (word: string): string =>
    word.replace(
      /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S]?)/g,
      (_, single, double, escaped) => single ?? double?.replace(/\\([\s\S])/g, "$1") ?? escaped,
    );
  return (line.match(WORD) ?? []).map(unquote);
}
