/** Bounds of the main flow on one host, measured on the real CLI and daemons in a box of its own. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Box, listing, makeBox } from "../test/e2e/box.ts";
import { median, runPaired, spread } from "./paired.ts";

/** A no-op preview of one host may take this many times what the same CLI takes for an empty program. */
const PREVIEW_RATIO = 1.5;
/** The first up once the binaries are there, on two cores, seconds. */
const FIRST_UP_SECONDS = 20;

const rounds = Number(process.argv[2] ?? 7);
const box = await makeBox();
try {
  box.stack("local", { "bazel-remote": { max_size: "2GiB" }, sccache: { max_size: "3GiB" } });
  const start = performance.now();
  await demand(box, ["up"]);
  const first = (performance.now() - start) / 1000;
  console.log(`first up, binaries there: ${first.toFixed(1)} s (bound ${FIRST_UP_SECONDS} s)`);

  const state = (): string => listing(box.home, [".pulumi", ".cache"]).join("\n");
  const before = state();
  await demand(box, ["up"]);
  console.log(
    `converged up: ${state() === before ? "writes nothing on the host" : "WRITES ON THE HOST"} (bound: nothing)`,
  );

  const empty = emptyProgram(box);
  await demand(box, ["preview"], empty);
  const result = await runPaired(
    { name: "one host", run: async () => void (await demand(box, ["preview"])) },
    { name: "empty program", run: async () => void (await demand(box, ["preview"], empty)) },
    rounds,
  );
  console.log(`no-op preview, one host:      ${spread(result.a, " ms", 0)}`);
  console.log(`no-op preview, empty program: ${spread(result.b, " ms", 0)}`);
  console.log(`ratio: ${spread(result.ratios, "", 2)} (bound ${PREVIEW_RATIO})`);
  if (median(result.ratios) > PREVIEW_RATIO || first > FIRST_UP_SECONDS) process.exitCode = 1;
} finally {
  await box.warmbox("destroy", "--yes");
  box.remove();
}

/** The same project with a program that declares nothing: the floor that the CLI and the language host set. */
function emptyProgram(box: Box): string {
  const path = join(box.project, "..", "empty");
  cpSync(box.project, path, { recursive: true, verbatimSymlinks: true });
  const manifest = readFileSync(join(path, "Pulumi.yaml"), "utf8");
  writeFileSync(join(path, "Pulumi.yaml"), manifest.replace(/^name: .*/m, "name: empty"));
  writeFileSync(join(path, "stacks/Pulumi.local.yaml"), "config: {}\n");
  writeFileSync(
    join(path, "index.ts"),
    'import * as pulumi from "@pulumi/pulumi";\nexport const stack = pulumi.getStack();\n',
  );
  return path;
}

async function demand(box: Box, args: string[], project = box.project): Promise<void> {
  const done = await box.run([process.execPath, join(project, "engine/run.mjs"), ...args], project);
  if (done.code !== 0) throw new Error(`${args.join(" ")} ended with ${done.code}:\n${done.output}`);
}
