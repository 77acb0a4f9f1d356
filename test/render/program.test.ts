import { expect, test } from "vitest";
import { program } from "../../render/lib/program.ts";

const VALUES = {
  active: 2,
  queue: "/var/lib/warm box/queue",
  environment_file: "",
  path_before: "/front:",
  path_after: ":/tools",
  tick_seconds: 1,
  ticket_limit: 10,
};

test("each value of the head is one quoted word", () => {
  const text = program("warmbox-run", VALUES);
  expect(text).toContain(
    "\nactive=2\nqueue='/var/lib/warm box/queue'\nenvironment_file=''\npath_before=/front:\n",
  );
  expect(text).not.toMatch(/=@$/m);
});

test("a value that the head lacks, and one that is not given, are errors", () => {
  const { queue: _, ...rest } = VALUES;
  expect(() => program("warmbox-run", rest)).toThrow(
    "bin/warmbox-run.sh: its head has queue, which has no value",
  );
  expect(() => program("warmbox-run", { ...VALUES, port: 1 })).toThrow(
    "bin/warmbox-run.sh: its head has no port",
  );
});
