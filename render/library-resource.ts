import { hasEnvironment } from "./moon-env.ts";
import { scriptPath } from "./paths.ts";
import type { ResourceInput } from "./resource.ts";
import { shellWord } from "./rustc-wrapper.ts";
import { DELIMITER, resourceLines, type Step, scopeLines } from "./script.ts";
import { warmboxRun } from "./warmbox-run.ts";

/** What the library's resource depends on. */
export type LibraryInput = Pick<ResourceInput, "owner" | "generation" | "host" | "paths" | "plan" | "tools">;

/** A program or text of ours that goes to the host with the library. */
export type LibraryFile = { path: string; mode: string; text: string };

/**
 * Script of the `library` resource, the first of each host: it carries the library itself, runs it from a temporary
 * file, and lets it put itself into place.
 * @param library text of `host/warmbox.sh`
 * @param files what else belongs to it, by absolute path: `supervise.sh`
 * @throws Error where a text holds the delimiter as a line
 */
export function libraryScript(input: LibraryInput, library: string, files: LibraryFile[] = []): string {
  if (library.split("\n").includes(DELIMITER))
    throw new Error(`host/warmbox.sh: a line of it is ${DELIMITER}`);
  const { paths } = input;
  const head = {
    resource: "library",
    owner: input.owner,
    generation: input.generation,
    scope: input.host.scope,
    home: paths.home,
  };
  const body: Step[] = [
    { do: "put-from", path: scriptPath(paths, `${paths.share}/warmbox.sh`), mode: "0644", from: "$library" },
    ...files.map((file): Step => ({ do: "put", check: "sh", ...file, path: scriptPath(paths, file.path) })),
    ...queueSteps(input),
  ];
  return `${scopeLines(head)}library=$(mktemp) || exit 73
trap 'rm -f "$library"' EXIT
cat >"$library" <<'${DELIMITER}'
${library.replace(/\n?$/, "\n")}${DELIMITER}
. "$library"
${resourceLines(head, body)}`;
}

/** `warmbox-run`, its link on PATH, and the place where its builds queue; the tickets in there are nobody's to keep. */
function queueSteps(input: LibraryInput): Step[] {
  const { host, paths } = input;
  const shared = host.scope === "system"; // every user's builds share the one queue
  const program = `${paths.bin}/warmbox-run`;
  const put = (path: string, mode: string, text: string): Step => ({
    ...({ do: "put", path: scriptPath(paths, path), mode, text } as const),
    check: "sh",
  });
  return [
    { do: "directory", path: scriptPath(paths, paths.queue), mode: shared ? "1777" : "0700", purge: true },
    ...(shared ? [put(`${paths.queue}/lock`, "0644", LOCK)] : []),
    put(program, "0755", warmboxRunText(input)),
    put(`${paths.programs}/warmbox-run`, "0755", runLink(program)),
  ];
}

/** A sticky directory lets nobody open another user's file for writing, so the lock is there before the first user. */
const LOCK = "# Builds draw their tickets one at a time under a lock on this file.\n";

/** A file of ours, not a symbolic link: what stood there before comes back when it goes. */
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
    frontDirs: [paths.front],
    toolDirs: [...folder(tools.moon), `${paths.cargoHome}/bin`],
  });
}
