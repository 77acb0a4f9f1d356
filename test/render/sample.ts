import type { ResourceInput } from "../../render/lib/resource.ts";
import { gib } from "../../stacks/bytes.ts";
import { boxInput } from "./box.ts";

/**
 * What the golden files are rendered from: round numbers, so that they do not change when sizing does.
 */
export function sample(
  declared: Record<string, unknown> = {},
  stack: Record<string, unknown> = {},
): ResourceInput {
  const input = boxInput(declared, stack);
  const { plan } = input;
  return {
    ...input,
    plan: {
      ...plan,
      builders: { ...plan.builders, jobs: 3, maxTasks: 2 },
      sccache: { ...plan.sccache, max_size: gib(30) },
      bazelRemote: {
        ...plan.bazelRemote,
        max_size: gib(50),
        entries: 3_600_000,
        GOMEMLIMIT: gib(4),
        GOGC: 50,
        LimitNOFILE: 40_300,
        max_queued_uploads: 30_000,
        num_uploaders: 64,
      },
    },
  };
}
