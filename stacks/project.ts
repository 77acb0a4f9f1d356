/** The Pulumi project: its name, the folder of its stack files, the backend that holds its state. */
import { readFileSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { UserError } from "./errors.ts";

/** One project folder. */
export type Project = {
  root: string;
  name: string;
  /** Where Pulumi.<stack>.yaml files are. */
  stackDirectory: string;
  /** Backend URL; "" means: the one that `pulumi login` chose. */
  backend: string;
};

/** Reads Pulumi.yaml. PULUMI_BACKEND_URL wins over the file, as it does for Pulumi. @throws UserError "config" */
export function readProject(root: string, env: NodeJS.ProcessEnv = process.env): Project {
  const file = join(root, "Pulumi.yaml");
  const { name, stackConfigDir, backend } = parseProject(file);
  return {
    root,
    name: name ?? "",
    stackDirectory: join(root, stackConfigDir ?? ""),
    backend: env.PULUMI_BACKEND_URL || (backend?.url ?? ""),
  };
}

/** https://www.pulumi.com/docs/iac/concepts/projects/project-file/ */
const projectSchema = z.object({
  name: z.string().optional(),
  stackConfigDir: z.string().optional(),
  backend: z.object({ url: z.string().optional() }).nullish(),
});

function parseProject(file: string): z.infer<typeof projectSchema> {
  try {
    return projectSchema.parse(parse(readFileSync(file, "utf8")));
  } catch (error) {
    const reason = error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message;
    throw new UserError("config", `${file} cannot be read as a Pulumi project:\n${reason}`);
  }
}

/**
 * The project's folder as the user's shell spells it. Pulumi notes the selected stack under that spelling, so a clone
 * reached by a symbolic link must be spelled the same here. Default: `root`.
 */
export function spelledFolder(root: string, env: NodeJS.ProcessEnv): string {
  try {
    return env.PWD && realpathSync(env.PWD) === realpathSync(root) ? env.PWD : root;
  } catch {
    return root; // PWD is gone
  }
}

/** The backend's URL with `~` as HOME says, which is how Pulumi may note it too. */
export function expandedBackend(backend: string, env: NodeJS.ProcessEnv): string {
  return backend.replace(/^file:\/\/~(?=\/|$)/, `file://${env.HOME || homedir()}`);
}

/** Where a backend of files keeps locks, stacks and history; undefined for any other backend. */
export function fileBackend(project: Project, env: NodeJS.ProcessEnv): string | undefined {
  if (!project.backend.startsWith("file://")) return undefined;
  const directory = expandedBackend(project.backend, env)
    .replace(/^file:\/\//, "")
    .replace(/\?.*$/, "");
  return join(directory.startsWith("/") ? directory : join(project.root, directory), ".pulumi");
}

/** `$PULUMI_HOME`, where Pulumi keeps plugins, credentials and which stack is selected. */
export function pulumiHome(env: NodeJS.ProcessEnv = process.env): string {
  return env.PULUMI_HOME || join(env.HOME || homedir(), ".pulumi");
}
