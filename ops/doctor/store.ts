import { credentialsPath } from "../../plan/store.ts";
import { shellWord } from "../../stacks/shell.ts";
import type { Evidence } from "./evidence.ts";
import type { Cause } from "./finding.ts";
import { onHost, restart, stackCommand, up } from "./mend.ts";

const symptom = "store";

/** Levels of sccache's chain behind the disk. */
const behind = ({ status: { sccache } }: Evidence) =>
  typeof sccache === "object" && sccache !== null ? sccache.levels.slice(1) : [];

/** What the caches themselves noticed of it: sccache says nothing of a failed write but this counter. */
const counted = (e: Evidence): string[] =>
  behind(e)
    .filter(({ writeFailures }) => writeFailures > 0)
    .map(({ name, writeFailures }) => `sccache, ${name}: ${writeFailures} writes failed since its start`);

const unreachable: Cause = (e) =>
  e.store?.code === 0
    ? [
        {
          ...({ id: "s3-unreachable", symptom, explains: ["s3"] } as const),
          cause: "the S3 server does not answer: nothing is shared, and every local miss waits for it",
          evidence: [`no answer from ${e.store.endpoint}`, ...counted(e)],
          mend: e.store.kind === "embedded" ? up(e) : withoutStore(e),
        },
      ]
    : [];

/** Somebody else's server: until it is back, the local caches work alone. */
const withoutStore = (e: Evidence): string => `${stackCommand(e, "rm warmbox:s3")} && ${up(e)}`;

const refused: Cause = (e) =>
  e.store?.code === 401 || e.store?.code === 403
    ? [
        {
          ...({ id: "s3-refused", symptom, explains: ["s3-credentials"] } as const),
          cause: "the S3 server refuses our keys: nothing is shared, and the caches say nothing of it",
          evidence: [`${e.store.endpoint} answers ${e.store.code} to our keys`, ...counted(e)],
          mend:
            e.store.kind === "embedded"
              ? `${onHost(e, `rm -f ${shellWord(credentialsPath(e.paths))}`)} && ${up(e)}`
              : `${["s3AccessKeyId", "s3SecretAccessKey"].map((name) => stackCommand(e, `set --secret ${name}`)).join(" && ")} && ${up(e)}`,
        },
      ]
    : [];

/** The server is there now; what was built while it was not is on this disk alone. */
const failed: Cause = (e) =>
  e.store !== null && counted(e).length > 0 && unreachable(e).length + refused(e).length === 0
    ? [
        {
          ...({ id: "s3-writes-failed", symptom } as const),
          cause:
            "writes to S3 failed, and what was built then does not arrive later: other hosts build it again",
          evidence: counted(e),
          mend: `${restart(e, "sccache")} && ./warmbox warm --force --host ${e.name}${e.stack === null ? "" : ` --stack ${e.stack}`}`,
        },
      ]
    : [];

/** Causes in the S3 behind both tiers. */
export const storeCauses: readonly Cause[] = [unreachable, refused, failed];
