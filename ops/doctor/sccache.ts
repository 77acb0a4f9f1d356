import { OVERRIDING_ENVIRONMENT } from "../../render/cargo/rustc-wrapper.ts";
import { shellWord } from "../../stacks/shell.ts";
import { type Cause, lastLines, place, whereSet } from "./cause.ts";
import type { Daemon, Evidence } from "./evidence.ts";
import { changeStack, onHost, restart, unset, up } from "./fix.ts";

const symptom = "sccache";
const explains = ["sccache"];

const service = ({ host, status }: Evidence) => (host.sccache.enabled ? status.services.sccache : undefined);

const unreadableConfig: Cause = {
  id: "sccache-config",
  symptom,
  explains,
  cause: "sccache cannot read its configuration file: every compile runs without the cache",
  fix: "writes the file again",
  find: (evidence) =>
    evidence.host.sccache.enabled && evidence.sccacheConfig.code === 2
      ? [
          {
            evidence: [`${evidence.paths.sccacheConfig}: ${evidence.sccacheConfig.output.join(" ")}`],
            fix: up(evidence),
          },
        ]
      : [],
};

const suspended: Cause = {
  id: "sccache-suspended",
  symptom,
  explains,
  cause: "a signal stopped the sccache server, and no client gets an answer",
  fix: "continues the process",
  find: (evidence) => {
    const { state, pid } = service(evidence) ?? {};
    if (state !== "suspended") return [];
    return [{ evidence: [`process ${pid} is in state T`], fix: onHost(evidence, `kill -CONT ${pid}`) }];
  },
};

const hung: Cause = {
  id: "sccache-hung",
  symptom,
  explains,
  cause: "the sccache server runs and does not answer: a full or removed cache directory causes this",
  fix: "restarts the service",
  find: (evidence) =>
    service(evidence)?.state === "running" && evidence.status.sccache === "no answer"
      ? [
          {
            evidence: [
              `port ${evidence.host.sccache.port} is open, --show-stats got no answer`,
              ...lastLines(evidence, "sccache"),
            ],
            fix: restart(evidence, "sccache"),
          },
        ]
      : [],
};

/** sccache servers on the configured port that are not the service's process. */
const foreignServers = (evidence: Evidence): Daemon[] =>
  evidence.daemons.filter(
    ({ name, ports, pid }) =>
      name === "sccache" && ports.includes(evidence.host.sccache.port) && pid !== service(evidence)?.pid,
  );

const foreignServer: Cause = {
  id: "sccache-foreign-server",
  symptom,
  explains,
  cause:
    "a sccache server that is not the service has the service's port: a client started it, with that client's settings",
  fix: "ends that server and starts the service",
  find: (evidence) =>
    foreignServers(evidence).map((daemon) => ({
      evidence: [
        `process ${daemon.pid} (${daemon.exe}), uid ${daemon.uid}${environmentWords(daemon)}`,
        ...(typeof evidence.status.sccache === "object" && evidence.status.sccache
          ? [`its max_cache_size is ${evidence.status.sccache.maxSizeBytes}`]
          : []),
      ],
      fix: `${onHost(evidence, `kill ${daemon.pid}`)} && ${up(evidence)}`,
    })),
};

const environmentWords = ({ env }: Daemon): string =>
  Object.entries(env)
    .filter(([name]) => name.startsWith("SCCACHE_"))
    .map(([name, value]) => `, ${name}=${value}`)
    .join("");

const portTaken: Cause = {
  id: "sccache-port",
  symptom,
  explains,
  cause: "another program has sccache's port",
  fix: "moves sccache to a free port near it",
  find: (evidence) =>
    evidence.ports
      .filter(({ name, holder }) => name === "sccache" && holder !== null && evidence.host.sccache.enabled)
      .filter(
        () =>
          foreignServers(evidence).length === 0 && !ownsPort(evidence, "sccache", evidence.host.sccache.port),
      )
      .map(({ port, holder, free }) => ({
        cause: `a program that is not sccache has port ${port}`,
        evidence: [`port ${port}: ${holder}`, ...lastLines(evidence, "sccache")],
        fix: free === null ? up(evidence) : changeStack(evidence, ["sccache", "port"], String(free)),
      })),
};

/** True where the service's own process listens on the port. */
export function ownsPort({ status, daemons }: Evidence, name: string, port: number): boolean {
  const pid = status.services[name]?.pid ?? null;
  return daemons.some((daemon) => daemon.pid === pid && daemon.ports.includes(port));
}

const down: Cause = {
  id: "sccache-down",
  symptom,
  explains,
  cause:
    "the sccache service does not run: the first client starts its own server, with that client's settings",
  fix: "starts the service",
  find: (evidence) => {
    const state = service(evidence)?.state ?? "running";
    const isExplained = foreignServers(evidence).length > 0 || portTaken.find(evidence).length > 0;
    if (["running", "suspended"].includes(state) || isExplained) return [];
    return [
      { evidence: [`service sccache: ${state}`, ...lastLines(evidence, "sccache")], fix: up(evidence) },
    ];
  },
};

const noDirectory: Cause = {
  id: "sccache-directory",
  symptom,
  explains,
  cause: "the cache directory was removed under the running server, which stores nothing until a restart",
  fix: "makes the directory and restarts the service",
  find: (evidence) =>
    evidence.host.sccache.enabled && service(evidence)?.state === "running" && !evidence.dirs.sccache.exists
      ? [
          {
            evidence: [`${evidence.dirs.sccache.path} does not exist`],
            fix: `${onHost(evidence, makeDirectory(evidence))} && ${restart(evidence, "sccache")}`,
          },
        ]
      : [],
};

const makeDirectory = ({ dirs, host, facts }: Evidence): string =>
  host.scope === "system"
    ? `sudo install -d -m 700 -o ${shellWord(facts.user.name)} ${shellWord(dirs.sccache.path)}`
    : `mkdir -p -m 700 ${shellWord(dirs.sccache.path)}`;

const readOnly: Cause = {
  id: "sccache-read-only",
  symptom,
  explains,
  cause: "sccache is set to read only: it stores nothing",
  fix: "writes the configuration file again",
  find: (evidence) =>
    evidence.settings
      .filter(
        ({ file, text }) => file === evidence.paths.sccacheConfig && /^rw_mode *= *"READ_ONLY"/.test(text),
      )
      .map((line) => ({ evidence: [place(line)], fix: up(evidence) })),
};

const secondServer: Cause = {
  id: "sccache-second-server",
  symptom,
  cause: "a second sccache server uses the same cache directory: neither sees what the other stores",
  fix: "ends the second server",
  find: (evidence) =>
    evidence.daemons
      .filter(({ name, ports }) => name === "sccache" && !ports.includes(evidence.host.sccache.port))
      .filter((daemon) => sharesDirectory(daemon, evidence))
      .map((daemon) => ({
        evidence: [`process ${daemon.pid} on port ${daemon.ports.join(", ")}${environmentWords(daemon)}`],
        fix: onHost(evidence, `kill ${daemon.pid}`),
      })),
};

/** By its directory or its file; without both it takes the default below its HOME. */
function sharesDirectory({ env }: Daemon, { dirs, paths, facts, host }: Evidence): boolean {
  if (env.SCCACHE_DIR !== undefined) return env.SCCACHE_DIR === dirs.sccache.path;
  if (env.SCCACHE_CONF !== undefined) return env.SCCACHE_CONF === paths.sccacheConfig;
  return env.HOME === facts.user.home && host.scope === "user";
}

const VARIABLES = ["SCCACHE_CONF", "SCCACHE_SERVER_PORT", ...OVERRIDING_ENVIRONMENT];

const environment: Cause = {
  id: "sccache-environment",
  symptom,
  cause:
    "a variable of a session overrides sccache's file wherever sccache runs without warmbox's rustc-wrapper",
  fix: "renames the variable where it is set",
  find: (evidence) =>
    evidence.sessions.flatMap((session) =>
      Object.entries(session.env)
        .filter(([name]) => VARIABLES.includes(name))
        .map(([name, value]) => ({
          cause: environmentCause(name, value),
          evidence: whereSet(evidence, name, session, value),
          fix: unset(evidence, name, [session]),
        })),
    ),
};

/** A suffix of one letter or none: sccache silently replaces anything else by its default. */
const READABLE_SIZE = /^\d+[KMGTkmgt]?$/;

function environmentCause(name: string, value: string): string {
  if (name === "SCCACHE_CACHE_SIZE" && !READABLE_SIZE.test(value))
    return `sccache cannot read ${name}=${value} and silently takes 10 GiB and its default directory, wherever it runs without warmbox's rustc-wrapper`;
  return `${name} overrides the whole table of sccache's file wherever sccache runs without warmbox's rustc-wrapper`;
}

/** Causes around the sccache server. */
export const sccacheCauses: readonly Cause[] = [
  ...[unreadableConfig, suspended, hung, foreignServer, portTaken, down],
  ...[noDirectory, readOnly, secondServer, environment],
];
