/** Programs that have to be on the machine already, because no registry package can bring them. */
import { UserError } from "../../stacks/errors.ts";
import { findOnPath } from "../../tools/base.mjs";
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
  const missing = programs.filter((program) => !findOnPath(program, path));
  if (missing.length === 0) return;
  const lines = missing.map((program) => {
    const { purpose, next } = PROGRAMS[program];
    return `  ${program} is not on PATH; it is needed for ${purpose}. Next: ${next}`;
  });
  throw new UserError("missing", `this machine lacks ${missing.join(", ")}:\n${lines.join("\n")}`);
}
