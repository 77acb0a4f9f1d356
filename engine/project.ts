/** What the wrapper has to know of a Pulumi project: its name, where stack files are, which backend holds state. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One project folder. */
export type Project = {
  root: string;
  name: string;
  /** Where Pulumi.<stack>.yaml files are. */
  stackDirectory: string;
  /** Backend URL; "" means: the one that `pulumi login` chose. */
  backend: string;
};

/** Reads Pulumi.yaml. PULUMI_BACKEND_URL wins over the file, as it does for Pulumi. */
export function readProject(root: string, env: NodeJS.ProcessEnv = process.env): Project {
  const text = readFileSync(join(root, "Pulumi.yaml"), "utf8");
  const scalar = (pattern: RegExp): string => pattern.exec(text)?.[1]?.replace(/^(["'])(.*)\1$/, "$2") ?? "";
  return {
    root,
    name: scalar(/^name:[ \t]*(\S+)/m),
    stackDirectory: join(root, scalar(/^stackConfigDir:[ \t]*(\S+)/m)),
    backend:
      env.PULUMI_BACKEND_URL || scalar(/^backend:[ \t]*(?:#.*)?\n(?:[ \t]+.*\n)*?[ \t]+url:[ \t]*(\S+)/m),
  };
}
