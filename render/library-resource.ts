import { scriptPath } from "./paths.ts";
import type { ResourceInput } from "./resource.ts";
import { DELIMITER, resourceLines, type Step, scopeLines } from "./script.ts";

/** A program or text of ours that goes to the host with the library. */
export type LibraryFile = { path: string; mode: string; text: string };

/**
 * Script of the `library` resource, the first of each host: it carries the library itself, runs it from a temporary
 * file, and lets it put itself into place.
 * @param library text of `host/warmbox.sh`
 * @param files what else belongs to it, by absolute path: `supervise.sh`, `warmbox-run`
 * @throws Error where a text holds the delimiter as a line
 */
export function libraryScript(
  input: Pick<ResourceInput, "owner" | "generation" | "host" | "paths">,
  library: string,
  files: LibraryFile[] = [],
): string {
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
  ];
  return `${scopeLines(head)}library=$(mktemp) || exit 73
trap 'rm -f "$library"' EXIT
cat >"$library" <<'${DELIMITER}'
${library.replace(/\n?$/, "\n")}${DELIMITER}
. "$library"
${resourceLines(head, body)}`;
}
