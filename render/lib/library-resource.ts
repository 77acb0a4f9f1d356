import { scriptPath } from "../../plan/paths.ts";
import { shellWord } from "../../stacks/shell.ts";
import { hasEnvironment } from "../moon/moon-env.ts";
import { warmboxRun } from "../moon/warmbox-run.ts";
import type { ResourceInput } from "./resource.ts";
import { DELIMITER, resourceLines, type Step, scopeLines } from "./script.ts";

/** What the library's resource depends on. */
export type LibraryInput = Pick<ResourceInput, "owner" | "generation" | "host" | "paths" | "plan" | "tools">;

/** Scripts of `host/` that are on every host; `host/send-library.sh` sends them. */
export const LIBRARY_SCRIPTS = ["prove.sh", "supervise.sh", "warmbox.sh"] as const;

/** sha256 of each of them, hexadecimal. */
export type LibrarySums = Record<(typeof LIBRARY_SCRIPTS)[number], string>;

/**
 * Script of the `library` resource, the first of each host: it reads the library from what was sent with it, and lets
 * install itself and the other scripts. Their `sums` make sure that what is sent is what was previewed.
 */
export function libraryScript(input: LibraryInput, sums: LibrarySums): string {
  const { paths } = input;
  const head = {
    resource: "library",
    owner: input.owner,
    generation: input.generation,
    scope: input.host.scope,
    home: paths.home,
    before: checksumGuard(sums),
  };
  const sent = (name: (typeof LIBRARY_SCRIPTS)[number], mode: string) =>
    ({ do: "put-sent", path: scriptPath(paths, `${paths.share}/${name}`), mode, name, check: "sh" }) as const;
  const body: Step[] = [
    sent("warmbox.sh", "0644"),
    sent("supervise.sh", "0755"),
    sent("prove.sh", "0644"),
    ...queueSteps(input),
  ];
  return `${scopeLines(head)}. "$wb_sent/warmbox.sh"\n${resourceLines(head, body)}`;
}

function checksumGuard(texts: LibrarySums): string {
  const sums = LIBRARY_SCRIPTS.map((name) => `${texts[name]}  ${name}\n`);
  return `(cd "$wb_sent" && sha256sum -c >/dev/null 2>&1) <<'${DELIMITER}' || {
${sums.join("")}${DELIMITER}
echo "warmbox: the library's scripts have changed since the preview; next: run up again" >&2
exit 65
}`;
}

/** `warmbox-run`, its link on PATH, and the directory where its builds queue; its tickets are removed with it. */
function queueSteps(input: LibraryInput): Step[] {
  const { host, paths } = input;
  const shared = host.scope === "system"; // every user's builds share the one queue
  const program = `${paths.bin}/warmbox-run`;
  const putStep = (path: string, mode: string, text: string): Step => ({
    ...({ do: "put", path: scriptPath(paths, path), mode, text } as const),
    check: "sh",
  });
  return [
    { do: "directory", path: scriptPath(paths, paths.queue), mode: shared ? "1777" : "0700", purge: true },
    ...(shared ? [putStep(`${paths.queue}/lock`, "0644", LOCK)] : []),
    putStep(program, "0755", warmboxRunText(input)),
    putStep(`${paths.programs}/warmbox-run`, "0755", runLink(program)),
  ];
}

/** In a sticky directory no user may open another user's file for writing, so the lock exists before the first build. */
const LOCK = "# Builds draw their tickets one at a time under a lock on this file.\n";

/** A regular file, not a symbolic link: removing it restores the file that was there before. */
function runLink(program: string): string {
  return `#!/bin/sh\n# Written by warmbox: warmbox-run, where PATH has it.\nexec ${shellWord(program)} "$@"\n`;
}

/** `warmbox-run` of a host. */
export function warmboxRunText(input: LibraryInput): string {
  const { paths, plan, tools } = input;
  const folder = (path: string): string[] => (path === "" ? [] : [path.slice(0, path.lastIndexOf("/"))]);
  return warmboxRun({
    envPath: hasEnvironment(input) ? `${paths.config}/env` : undefined,
    active: plan.agents.active,
    stateDir: paths.queue,
    wrapperDirs: [paths.wrappers],
    toolDirs: [...folder(tools.moon), `${paths.cargoHome}/bin`],
  });
}
