import { scopePaths } from "../../host/paths.ts";
import type { ServiceKind } from "../../plan/service-kind.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { HostConfig } from "../../stacks/types.ts";

/** The line that ends a file in a script; a file that holds it as a line cannot be sent. */
export const DELIMITER = "WARMBOX-END";

/** Reader of a tool that checks a file before it goes into place; `host/scripts/warmbox/` knows these names. */
export type CheckName = "sh" | "unit" | "cargo" | "bazel-remote" | "sccache";

/** One line of a resource's script; `host/scripts/warmbox/00-head.sh` says what each does on apply and on remove. */
export type Step =
  /** `owner` UID:GID: the directory and all that is in it; takes root. */
  | { do: "directory"; path: string; mode: string; purge?: boolean; owner?: string | undefined }
  | {
      do: "put";
      path: string;
      mode: string;
      text: string;
      check?: CheckName;
      /** Absolute path of the program that will read it; default the host's own of that name. */
      reader?: string;
      secret?: boolean;
    }
  /** A secret file that a shell function of the script prints on the host: its bytes are in no script. */
  | { do: "put-made"; path: string; mode: string; function: string; definition: string }
  /** A file that came with the script. */
  | { do: "put-sent"; path: string; mode: string; name: string; check?: CheckName }
  | { do: "include"; path: string; file: string }
  | { do: "block"; path: string; mark: string; text: string; absent?: string }
  | {
      do: "service";
      name: string;
      /** A `container` is made by Pulumi; the script only sees to it that it runs and answers. */
      kind: ServiceKind | "container";
      /** Run script of a process, the unit, or the container's name. */
      file: string;
      /** `tcp HOST:PORT`, `http HOST:PORT/PATH` or `grpc HOST:PORT`; more addresses behind it must listen, too. */
      ready: string;
      readySeconds: number;
      stop?: string;
      stopSeconds: number;
      log?: string;
    }
  /** What `command` must print while the service runs: `line`, or what `awk` makes of the file `of` of the same script. */
  | ({ do: "live"; name: string; command: string } & ({ line: string } | { of: string; awk: string }));

/** Whose script it is and which. */
export type ScriptHead = {
  resource: string;
  owner: string;
  generation: number;
  scope: HostConfig["scope"];
  /** HOME of the user who builds: in system scope the script is root's, and the files below it are not. */
  home?: string;
  /** Shell lines that run first of all, on `apply`. */
  before?: string;
};

/**
 * The whole script of one resource: what a preview shows line by line, and what runs on the host with the word `apply`
 * or `remove`. The order of the steps is the order of change.
 * @throws Error where a file holds the delimiter as a line
 */
export function resourceScript(head: ScriptHead, body: Step[]): string {
  return `${scopeLines(head)}${libraryLines(head.scope)}${resourceLines(head, body)}`;
}

/** Reads the library, which every script of a host but its first needs. */
export function libraryLines(scope: HostConfig["scope"]): string {
  const path = `${scopePaths(scope, "$HOME").share}/warmbox.sh`;
  return `library=${scope === "system" ? path : `"${path}"`}
[ -r "$library" ] || { echo "warmbox: $library is missing; next: run pulumi up, which puts it back" >&2; exit 69; }
. "$library"
`;
}

/** First lines of a script in system scope: whose home is meant, and where the library keeps its things. */
export function scopeLines({ scope, home }: Pick<ScriptHead, "scope" | "home">): string {
  if (scope === "user") return "";
  return `${home === undefined ? "" : `HOME=${shellWord(home)}\n`}WARMBOX_SCOPE=system\n`;
}

/**
 * The script from its `resource` line on. Everything before the last line only reads and remembers, so a script that
 * was cut on its way changes nothing.
 */
export function resourceLines({ resource, owner, generation, before }: ScriptHead, body: Step[]): string {
  const first = before === undefined ? "" : `first() {\n${before}\n}\n`;
  const last = before === undefined ? '"$@"' : `[ "\${1:-}" != apply ] || first; "$@"`;
  return `resource ${resource} owner=${shellWord(owner)} generation=${generation}\n${body.map(stepText).join("")}${first}${last}\n`;
}

function stepText(step: Step): string {
  switch (step.do) {
    case "directory":
      return joined(
        ...["directory", shellWord(step.path), step.mode, step.purge && "purge"],
        step.owner && `owner=${step.owner}`,
      );
    case "put":
      return joined(
        ...[
          "put",
          shellWord(step.path),
          step.mode,
          step.check && `check=${step.check}`,
          step.reader && `reader=${shellWord(step.reader)}`,
          step.secret && "secret",
        ],
        heredoc(step.path, step.text),
      );
    case "put-made":
      return `${step.definition}${joined("put", shellWord(step.path), step.mode, "secret", `<<${DELIMITER}`)}$(${step.function})\n${DELIMITER}\n`;
    case "put-sent": {
      const { path, mode, name, check } = step;
      return joined("put", shellWord(path), mode, check && `check=${check}`, `from="$wb_sent/${name}"`);
    }
    case "include":
      return joined("include", shellWord(step.path), shellWord(step.file));
    case "block":
      return joined(
        ...[
          "block",
          shellWord(step.path),
          shellWord(step.mark),
          step.absent && `absent=${shellWord(step.absent)}`,
        ],
        heredoc(step.path, step.text),
      );
    case "service":
      return joined(
        ...[
          "service",
          step.name,
          `kind=${step.kind}`,
          `file=${shellWord(step.file)}`,
          `ready=${shellWord(step.ready)}`,
        ],
        ...[`ready_timeout=${step.readySeconds}`, step.stop && `stop=${shellWord(step.stop)}`],
        ...[`stop_timeout=${step.stopSeconds}`, step.log && `log=${shellWord(step.log)}`],
      );
    case "live":
      return joined("live", step.name, ...expected(step), shellWord(step.command));
    default:
      return step satisfies never;
  }
}

function expected(step: Extract<Step, { do: "live" }>): string[] {
  return "line" in step ? [shellWord(step.line)] : [`of=${shellWord(step.of)}`, shellWord(step.awk)];
}

function joined(...parts: (string | false | undefined)[]): string {
  const line = parts.filter((part) => typeof part === "string" && part !== "").join(" ");
  return line.endsWith("\n") ? line : `${line}\n`;
}

function heredoc(path: string, text: string): string {
  if (text.split("\n").includes(DELIMITER))
    throw new Error(
      `${path}: a line of it is ${DELIMITER}, which ends a file in a script; change that line in the stack's settings`,
    );
  return `<<'${DELIMITER}'\n${text}${text.endsWith("\n") ? "" : "\n"}${DELIMITER}\n`;
}
