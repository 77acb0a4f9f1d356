import { scriptText } from "../../host/scripts.ts";
import { shellWord } from "../../stacks/shell.ts";

/** The lines `NAME=@` with which a program of host/scripts/bin/ begins. */
const HEAD_LINE = /^(\w+)=@$/gm;

/** The line that must be the first, behind the files that the program needs. */
const SHEBANG = /^([\s\S]*?)^(#!.*\n)/m;

/**
 * A program of host/scripts/bin/ with the values of its head: each line `NAME=@` gets its value, quoted.
 * @throws Error where the head and `values` do not have the same names
 */
export function program(name: string, values: Readonly<Record<string, string | number>> = {}): string {
  const missing = new Set(Object.keys(values));
  const joined = scriptText(`bin/${name}.sh`).replace(SHEBANG, "$2$1");
  const text = joined.replace(HEAD_LINE, (_, key: string) => {
    const value = values[key];
    if (value === undefined) throw new Error(`bin/${name}.sh: its head has ${key}, which has no value`);
    missing.delete(key);
    return `${key}=${shellWord(value)}`;
  });
  if (missing.size > 0) throw new Error(`bin/${name}.sh: its head has no ${[...missing].join(", ")}`);
  return text;
}
