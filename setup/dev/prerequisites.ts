/** Programs that have to be on the machine already, because no registry package can bring them. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { UserError } from "../../stacks/errors.ts";
import { GO_VERSION } from "../../tools/versions.ts";

/** A program, what warmbox needs it for, and how to get it. */
const PROGRAMS = {
  git: { purpose: "worktrees in tests", next: "install git" },
  cc: {
    purpose: "linking sccache and Rust test builds",
    next: "install gcc or clang (Debian: build-essential)",
  },
  go: {
    purpose: "building bazel-remote and Pulumi",
    next: `install Go ${GO_VERSION} or newer, https://go.dev/dl/`,
  },
  cargo: { purpose: "building sccache and Rust test builds", next: "install Rust, https://rustup.rs" },
} as const;

/** Throws one error that names every one of `programs` that is not on PATH. */
export function demandPrograms(
  programs: readonly (keyof typeof PROGRAMS)[],
  path = process.env.PATH ?? "",
): void {
  const missing = programs.filter((program) => !isOnPath(program, path));
  if (missing.length === 0) return;
  const lines = missing.map((program) => {
    const { purpose, next } = PROGRAMS[program];
    return `  ${program} is not on PATH; it is needed for ${purpose}. Next: ${next}`;
  });
  throw new UserError("missing", `this machine lacks ${missing.join(", ")}:\n${lines.join("\n")}`);
}

/** True when the program can be run by its name. */
export function isOnPath(program: string, path = process.env.PATH ?? ""): boolean {
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return directory !== "";
    } catch {
      return false;
    }
  });
}
