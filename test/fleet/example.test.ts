import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseStackConfig } from "../../stacks/config.ts";

test("the example, stacks/examples/fleet.yaml, is valid without an edit", () => {
  const text = readFileSync(new URL("../../stacks/examples/fleet.yaml", import.meta.url), "utf8");
  const { config } = parse(text);
  const { hosts } = parseStackConfig({ hosts: config["warmbox:hosts"] });
  expect(Object.keys(hosts)).toEqual(["forge-1", "forge-2", "forge-3"]);
  for (const host of Object.values(hosts)) expect(host.agents).toEqual({ total: 40, active: 10 });
  expect(Object.values(hosts).map(({ scope }) => scope)).toEqual(["user", "user", "system"]);
});
