import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Box, makeBox } from "../e2e/box.ts";

let box: Box;
beforeAll(async () => {
  box = await makeBox();
});
afterAll(() => box.remove());

const dedented = (text: string): string => text.replace(/^ +/gm, "");

/** What is said of a stack file that is wrong: once, without the engine, and as the program itself says it there. */
async function refusal(config: string): Promise<string> {
  const file = "stacks/Pulumi.broken.yaml";
  writeFileSync(join(box.project, file), config);
  const { code, output } = await box.warmbox("preview", "--stack", "broken");
  expect(output).toMatch(/^warmbox: \d+ problems/);
  await box.warmbox("pulumi", "stack", "init", "broken", "--no-select");
  const engine = await box.warmbox("preview", "--stack", "broken", "--config-file", file);
  expect(dedented(engine.output)).toContain(dedented(output.replace("warmbox: ", "error: ")));
  expect(code).toBe(engine.code);
  expect(output).not.toMatch(/^ *at .*:\d+|Unhandled|is not a valid JSON/m); // no stack trace, nothing of Pulumi's own
  return output;
}

it("every mistake of a stack file is in one report, as a person wrote it, without a stack trace", async () => {
  const output = await refusal(`config:
  warmbox:hosts:
    box:
      sccache:
        # max_size: 30GiB
      moon: {cache: read-only}
  warmbox:proof: no
  warmbox:prof: false1
  warmbox:s3AccesKeyId: hush
`);
  expect(output).toContain(`warmbox: 5 problems in the stack's configuration; nothing was changed.
  warmbox:hosts.box.sccache
    got:      null
    expected: a group of keys
    next:     indent its keys below it, one a line, or write {} for the default of each
  warmbox:hosts.box.moon.cache
`);
  expect(output.match(/^ +warmbox:\S+$/gm)?.map((line) => line.trim())).toEqual([
    "warmbox:hosts.box.sccache",
    "warmbox:hosts.box.moon.cache",
    "warmbox:proof",
    "warmbox:prof",
    "warmbox:s3AccesKeyId",
  ]);
  expect(output).not.toContain("hush");
});

it("a foreign process on a port of warmbox is a warning before anything is changed", async () => {
  const foreign = createServer().listen(0, "127.0.0.1");
  await once(foreign, "listening");
  const { port } = foreign.address() as AddressInfo;
  try {
    box.stack("taken", { "bazel-remote": { grpc_address: `127.0.0.1:${port}` } });
    const { output } = await box.warmbox("preview", "--stack", "taken");
    const said = `something that is not warmbox's listens on TCP port ${port}, and up would fail at it`;
    expect(output).toContain(`box: ${said}; next: write another port in hosts.box.bazel-remote.grpc_address`);
    expect(output.replaceAll(said, "")).not.toContain("something that is not warmbox's");
  } finally {
    foreign.close();
  }
});
