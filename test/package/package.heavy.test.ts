import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Box, makeBox } from "../e2e/box.ts";
import { installPackage, makeProgram, type Program, remains } from "./program.ts";

const STACK = ["--stack", "dev"];
let box: Box;
let installed: string;

beforeAll(async () => {
  box = await makeBox();
  installed = await installPackage(box);
});
afterAll(() => box?.remove());

describe("a program that installs the package", () => {
  let program: Program;
  beforeAll(async () => {
    program = makeProgram(box, installed, "local");
    await program.succeed("stack", "init", "dev");
    await program.succeed("config", "set", "sccachePort", String(box.ports.sccache), ...STACK);
  });

  it("makes this machine a build box, and shows the computed sizes as outputs", async () => {
    const output = await program.succeed("up", ...STACK);
    expect(output).toContain("sccache proved");
    const { stdout } = await program.pulumi("stack", "output", "--json", ...STACK);
    expect(JSON.parse(stdout)).toEqual({ sccache: "2GiB", jobs: expect.any(Number) });
    await program.succeed("preview", "--expect-no-changes", ...STACK);
  });

  it("previews a changed size as the changed line of the file", async () => {
    await program.succeed("config", "set", "cacheSize", "3GiB", ...STACK);
    const output = await program.succeed("preview", "--diff", ...STACK);
    expect(output).toMatch(/- size = 2147483648\n\s*\+ #.*\n\s*\+ size = 3221225472/);
    await program.succeed("up", ...STACK);
  });

  it("keeps no path of this machine in the state of its interpreters", async () => {
    const { stdout } = await program.pulumi("stack", "export", ...STACK);
    const { deployment } = JSON.parse(stdout) as { deployment: { resources: { inputs?: object }[] } };
    const interpreters = deployment.resources.flatMap(({ inputs = {} }) =>
      "interpreter" in inputs ? [inputs.interpreter as string[]] : [],
    );
    expect(interpreters.length).toBeGreaterThan(3);
    expect(interpreters.flat().filter((argument) => argument.includes(program.folder))).toEqual([]);
    expect(interpreters).toContainEqual(["node", "node_modules/warmbox/dist/host/push-tools.js"]);
  });

  it("refuses a mistake with its key path and no stack trace", async () => {
    await program.succeed("config", "set", "cacheSize", "much", ...STACK);
    const { code, output } = await program.pulumi("preview", ...STACK);
    expect(code).not.toBe(0);
    expect(output).toMatch(/hosts\.here\.sccache\.max_size/);
    expect(output).not.toMatch(/\n\s+at /);
    await program.succeed("config", "set", "cacheSize", "3GiB", ...STACK);
  });

  it("puts the machine back", async () => {
    await program.succeed("destroy", ...STACK);
    expect(remains(box.home)).toEqual([]);
  });
});

/** A preview without the engine, for examples whose provider or machines do not exist here. */
const PREVIEW = `
import * as pulumi from "@pulumi/pulumi";
const seen = [];
await pulumi.runtime.setMocks({
  newResource: ({ type, name, inputs }) => (seen.push(type + " " + name), { id: name + "-id", state: inputs }),
  call: () => ({}),
}, "example", "dev", true);
pulumi.runtime.setAllConfig({ "example:s3AccessKeyId": "id", "example:s3SecretAccessKey": "secret" });
await import("./index.mjs");
await pulumi.runtime.disconnect();
console.log(JSON.stringify(seen));
`;

describe("the other examples are previewed, with machines that do not answer", () => {
  it.each([["fleet", ["warmbox:index:BuildHost forge-1", "command:local:Command nightly-s3-credentials"]]])(
    "%s",
    async (example, resources) => {
      const program = makeProgram(box, installed, example);
      writeFileSync(join(program.folder, "preview.mjs"), PREVIEW);
      const { code, output, stdout } = await program.node("preview.mjs");
      expect(`${code} ${output}`).toMatch(/^0 /);
      expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual(expect.arrayContaining(resources));
    },
  );
});
