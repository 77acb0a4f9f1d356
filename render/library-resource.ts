import { scriptPath } from "./paths.ts";
import type { ResourceInput } from "./resource.ts";
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

/** `warmbox-run` and the place where its builds queue; the tickets in there are nobody's to keep. */
function queueSteps(input: LibraryInput): Step[] {
  const { host, paths } = input;
  const text = warmboxRunText(input);
  const mode = host.scope === "system" ? "1777" : "0700"; // every user's builds share the one queue
  return [
    { do: "directory", path: scriptPath(paths, paths.queue), mode, purge: true },
    { do: "put", path: scriptPath(paths, `${paths.bin}/warmbox-run`), mode: "0755", check: "sh", text },
  ];
}

/** `warmbox-run` of a host. */
export function warmboxRunText({ paths, plan, tools }: LibraryInput): string {
  const folder = (path: string): string[] => (path === "" ? [] : [path.slice(0, path.lastIndexOf("/"))]);
  return warmboxRun({
    envPath: `${paths.config}/env`,
    active: plan.agents.active,
    stateDir: paths.queue,
    frontDirs: [paths.front],
    toolDirs: [...folder(tools.moon), `${paths.cargoHome}/bin`],
  });
}
