import { bazelRemoteCauses } from "./bazel-remote.ts";
import { cargoCauses } from "./cargo.ts";
import type { Evidence } from "./evidence.ts";
import type { Cause, Finding } from "./finding.ts";
import { growthCauses } from "./growth.ts";
import { up } from "./mend.ts";
import { moonCauses } from "./moon.ts";
import { sccacheCauses } from "./sccache.ts";
import { storeCauses } from "./store.ts";

const CAUSES: readonly Cause[] = [
  ...sccacheCauses,
  ...cargoCauses,
  ...moonCauses,
  ...bazelRemoteCauses,
  ...growthCauses,
  ...storeCauses,
];

/** Everything that is wrong with a host; nothing on a healthy one. A difference that a cause explains is not told twice. */
export function findingsOf(evidence: Evidence): Finding[] {
  if (!evidence.status.installed) return [nothingThere(evidence)];
  const found = CAUSES.flatMap((cause) => cause(evidence));
  const explained = new Set(found.flatMap(({ explains = [] }) => explains));
  const drifted = Object.entries(evidence.status.drift).filter(([name]) => !explained.has(name));
  return merged([...found, ...drifted.map(drift(evidence))]);
}

const nothingThere = (e: Evidence): Finding => ({
  ...{ id: "not-set-up", symptom: "settings" },
  cause: "warmbox has set nothing up on this host",
  evidence: [`no ledger below ${e.paths.state}`],
  mend: up(e),
});

const drift =
  (e: Evidence) =>
  ([name, diff]: [string, string]): Finding => ({
    ...{ id: "not-as-applied", symptom: "settings" },
    cause: `${name} is not as it was applied`,
    evidence: diff.split("\n"),
    mend: up(e),
  });

/** One cause seen in several sessions is one finding. */
function merged(findings: Finding[]): Finding[] {
  const groups = Map.groupBy(findings, ({ id, cause, mend }) => [id, cause, mend].join("\n"));
  return [...groups.values()].flatMap(([first, ...rest]) =>
    first === undefined
      ? []
      : [{ ...first, evidence: [...new Set([first, ...rest].flatMap(({ evidence }) => evidence))] }],
  );
}

const GUARDED =
  "bazel-remote answers, but tells its figures to nobody without a password or certificate: hits, size and index were not looked at";

/** Worth knowing, and nothing wrong with the host. */
export function notesOf(evidence: Evidence): string[] {
  const own = evidence.sessions.find(({ own }) => own);
  const { moon, "bazel-remote": remote } = evidence.host;
  const bare = own !== undefined && own.env.MOON_REMOTE_HOST === undefined && moon.enabled && remote.enabled;
  return [
    ...(bare
      ? [`this shell itself has no MOON_REMOTE_HOST; for moon in it: . ${evidence.paths.config}/env`]
      : []),
    ...(evidence.status["bazel-remote"] === "guarded" ? [GUARDED] : []),
  ];
}
