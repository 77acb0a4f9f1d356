/** The real programs that tests run, found or made by the project's own means. */
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { warmboxCache } from "../engine/tools/cache.ts";
import { obtainTool } from "../engine/tools/obtain.ts";
import type { ToolName } from "../plan/versions.ts";

/** The path of a tool's binary. Made if it is missing, which may take minutes the first time. */
export async function toolPath(name: ToolName | "pulumi"): Promise<string> {
  return name === "pulumi" ? await pulumiPath() : (await obtainTool(name)).path;
}

/** Pulumi's CLI: on PATH, in WARMBOX_TOOLS_DIR, or where engine/ keeps the one it made. */
async function pulumiPath(): Promise<string> {
  const dirs = [process.env.WARMBOX_TOOLS_DIR, join(warmboxCache(), "tools")];
  const places = (process.env.PATH ?? "").split(delimiter).map((dir) => join(dir, "pulumi"));
  for (const dir of dirs) {
    if (!dir) continue;
    const versions = await readdir(join(dir, "pulumi")).catch(() => []);
    places.push(...versions.map((version) => join(dir, "pulumi", version, "pulumi")));
  }
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error("there is no pulumi: run `npm run pulumi -- version` once, it makes one");
  return found;
}
