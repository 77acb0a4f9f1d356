import { credentialsPath } from "../../plan/store.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Cause } from "./cause.ts";
import type { Evidence } from "./evidence.ts";
import { onHost, restart, stackCommand, up } from "./fix.ts";

const symptom = "store";

/** Levels of sccache's chain behind the disk. */
const levelsBehind = ({ status: { sccache } }: Evidence) =>
  typeof sccache === "object" && sccache !== null ? sccache.levels.slice(1) : [];

/** Failed writes: this counter is all that sccache reports of them. */
const failedWrites = (evidence: Evidence): string[] =>
  levelsBehind(evidence)
    .filter(({ writeFailures }) => writeFailures > 0)
    .map(({ name, writeFailures }) => `sccache, ${name}: ${writeFailures} writes failed since its start`);

const unreachable: Cause = {
  id: "s3-unreachable",
  symptom,
  explains: ["s3"],
  cause: "the S3 server does not answer: nothing is shared, and every local miss waits for it",
  fix: "starts the embedded server; takes another one out of the stack until it is back",
  find: (evidence) => {
    const { store } = evidence;
    if (store?.code !== 0) return [];
    return [
      {
        evidence: [`no answer from ${store.endpoint}`, ...failedWrites(evidence)],
        fix: store.kind === "embedded" ? up(evidence) : withoutStore(evidence),
      },
    ];
  },
};

/** Only its owner can start an external server; the local caches work without it. */
const withoutStore = (evidence: Evidence): string =>
  `${stackCommand(evidence, "rm warmbox:s3")} && ${up(evidence)}`;

const refused: Cause = {
  id: "s3-refused",
  symptom,
  explains: ["s3-credentials"],
  cause: "the S3 server refuses warmbox's keys: nothing is shared, and the caches do not report it",
  fix: "writes the keys again; for an external server it asks for them first",
  find: (evidence) => {
    const { store } = evidence;
    if (store?.code !== 401 && store?.code !== 403) return [];
    return [
      {
        evidence: [`${store.endpoint} answers ${store.code} to warmbox's keys`, ...failedWrites(evidence)],
        fix: store.kind === "embedded" ? rewriteKeys(evidence) : setKeys(evidence),
      },
    ];
  },
};

const rewriteKeys = (evidence: Evidence): string =>
  `${onHost(evidence, `rm -f ${shellWord(credentialsPath(evidence.paths))}`)} && ${up(evidence)}`;

const setKeys = (evidence: Evidence): string =>
  [
    ...["s3AccessKeyId", "s3SecretAccessKey"].map((name) => stackCommand(evidence, `set --secret ${name}`)),
    up(evidence),
  ].join(" && ");

const writesFailed: Cause = {
  id: "s3-writes-failed",
  symptom,
  cause: "writes to S3 failed, and nothing sends them again: other hosts compile the same code again",
  fix: "restarts sccache, which resets the counter, and fills S3 from the workspaces",
  find: (evidence) => {
    const isExplained = unreachable.find(evidence).length + refused.find(evidence).length > 0;
    const counters = failedWrites(evidence);
    if (evidence.store === null || counters.length === 0 || isExplained) return [];
    const stack = evidence.stack === null ? "" : ` --stack ${evidence.stack}`;
    const warm = `./warmbox warm --force --host ${evidence.name}${stack}`;
    return [{ evidence: counters, fix: `${restart(evidence, "sccache")} && ${warm}` }];
  },
};

/** Causes in the S3 behind both tiers. */
export const storeCauses: readonly Cause[] = [unreachable, refused, writesFailed];
