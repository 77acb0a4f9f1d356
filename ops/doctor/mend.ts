import { sshTarget } from "../../host/reach.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Evidence, Session, SettingLine } from "./evidence.ts";

/**
 * Commands that mend. People run them as they stand, so each of them works on what was seen, wherever it stands by then,
 * works once more without harm, destroys nothing, and takes any path.
 */

/** A command for the host, as the operator runs it: through ssh where the host is another machine. */
export function onHost({ host: { reach } }: Evidence, command: string): string {
  if (reach.kind === "local") return command;
  const port = reach.port === undefined ? "" : ` -p ${reach.port}`;
  const there = reach.sudo ? `sudo -n sh -c ${shellWord(command)}` : command;
  return `ssh${port} ${shellWord(sshTarget(reach))} -- ${shellWord(there)}`;
}

/** `./warmbox up` for the stack that was asked for. */
export const up = ({ stack }: Evidence): string =>
  stack === null ? "./warmbox up" : `./warmbox up --stack ${shellWord(stack)}`;

/** Changes one value of the stack and applies it. `path` is below the host; null takes the key out. */
export function changeStack(e: Evidence, path: readonly string[], value: string | null): string {
  const key = shellWord(`warmbox:hosts${[e.name, ...path].map((part) => `["${part}"]`).join("")}`);
  const what = value === null ? `rm --path ${key}` : `set --path ${key} ${shellWord(value)}`;
  return `${stackCommand(e, what)} && ${up(e)}`;
}

/** A command of `pulumi config` for the stack that was asked for. */
export const stackCommand = ({ stack }: Evidence, words: string): string =>
  `./warmbox pulumi config ${words}${stack === null ? "" : ` --stack ${shellWord(stack)}`}`;

/** Changes exactly the lines that were seen: by what they say, since a line above may be gone by then. */
export function edit(e: Evidence, lines: readonly SettingLine[], change: string): string {
  const files = Map.groupBy(lines, ({ file }) => file);
  return [...files]
    .map(([file, own]) => `${asRoot(e, file)}${sed(own, change)} ${shellWord(file)}`)
    .join(" && ");
}

/** A dotfile may be a link into a repository of the user's: the file behind it is changed. */
function sed(lines: readonly SettingLine[], change: string): string {
  const rules = new Set(lines.map(({ text }) => shellWord(`/^\\s*${pattern(text)}\\s*$/${change}`)));
  return `sed -i --follow-symlinks ${[...rules].map((rule) => (rules.size > 1 ? `-e ${rule}` : rule)).join(" ")}`;
}

/** A text as a basic regular expression between slashes that matches it alone. */
const pattern = (text: string): string => text.replace(/[[\]\\/.*^$]/g, "\\$&").replace("=(hidden)", "=.*");

const asRoot = ({ facts, host: { reach } }: Evidence, file: string): string =>
  file.startsWith("/etc/") && facts.user.uid !== 0 && !(reach.kind === "ssh" && reach.sudo) ? "sudo " : "";

/** How a variable is taken out of sessions: it is renamed where it is set, which leaves any line a valid one. */
export function unset(e: Evidence, name: string, sessions: readonly Session[]): string {
  const seen = sessions.map(({ env }) => env[name]);
  const inherits = e.sessions.find(
    ({ own, env }) => !own && env[name] !== undefined && seen.includes(env[name]),
  );
  if (inherits === undefined) return `unset ${name}`;
  const lines = linesSetting(e, name).filter(({ text }) => mayBe(valueIn(text, name), seen));
  const mend =
    lines.length > 0
      ? edit(e, lines, `s/\\b${name}=/was_&/g`)
      : addLine(`unset ${name}`, startFile(e, inherits));
  return onHost(e, mend) + here(e, `unset ${name}`);
}

/** What the operator's own shell has to do, too, where it is one of the host's sessions. */
export const here = ({ host }: Evidence, command: string): string =>
  host.reach.kind === "local" ? ` && ${command}` : "";

/** Appends a line to a file. */
export const addLine = (line: string, file: string): string => `echo ${shellWord(line)} >>${shellWord(file)}`;

/** Lines of files that sessions read which set a variable, whatever the value. */
export function linesSetting(e: Evidence, name: string): SettingLine[] {
  const sets = new RegExp(`(^|[^A-Za-z0-9_$])${name}=`);
  return e.settings.filter(
    ({ file, text }) => !file.endsWith(".toml") && !text.startsWith("alias ") && sets.test(text),
  );
}

/** The value that a line gives a variable; null where only a shell could tell. */
function valueIn(text: string, name: string): string | null {
  const [, ...found] = new RegExp(`${name}=(?:"([^"]*)"|'([^']*)'|([^\\s;&|]*))`).exec(text) ?? [];
  const value = found.find((one) => one !== undefined) ?? "";
  return /[$`\\]|^\(hidden\)$/.test(value) ? null : value;
}

const mayBe = (value: string | null, seen: readonly (string | undefined)[]): boolean =>
  value === null || seen.includes(value);

/** The file that such a session reads last; bash reads only the first of its login files. */
export function startFile(e: Evidence, { name }: Session): string {
  const home = e.facts.user.home;
  if (name.includes("zsh")) return `${home}/${name.includes("-l") ? ".zprofile" : ".zshrc"}`;
  if (name.includes("-i")) return `${home}/.bashrc`;
  const logins = name.includes("bash") ? [".bash_profile", ".bash_login"] : [];
  return `${home}/${logins.find((file) => e.files.includes(`${home}/${file}`)) ?? ".profile"}`;
}

/** Ends a service's process in the words of what keeps it, which starts it again. */
export function restart(e: Evidence, service: "sccache" | "bazel-remote"): string {
  const { kind, pid } = e.status.services[service] ?? {};
  switch (kind) {
    case "systemd-user":
      return onHost(e, `systemctl --user restart ${service}`);
    case "systemd-system":
      return onHost(e, `sudo systemctl restart ${service}`);
    case "container":
      return onHost(
        e,
        `docker restart $(docker ps --all --quiet --filter label=warmbox.port=${httpPort(e)})`,
      );
    default:
      return pid ? onHost(e, `kill ${pid}`) : up(e);
  }
}

export const httpPort = ({ host }: Evidence): string =>
  host["bazel-remote"].http_address.split(":").at(-1) ?? "";
