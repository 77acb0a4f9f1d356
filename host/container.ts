import { wordOf, wordsOf } from "./sections.ts";

/** Words in a cgroup's path that only a container engine puts there. */
const ENGINES: [RegExp, string][] = [
  [/\/kubepods/, "kubernetes"],
  [/\/docker[/-]/, "docker"],
  [/\/libpod[/-]/, "podman"],
  [/\/lxc[./]/, "lxc"],
  [/\/(containerd|cri-)/, "container"],
];

/** What kind of container this is: systemd's own word, else the marks that engines leave; null = none. */
export function containerOf(lines: string[]): string | null {
  const detected = wordOf(lines, "detect");
  if (detected !== null && detected !== "none") return detected;
  const files = wordsOf(lines, "file").map((line) => line.split(" "));
  const named = files.find(([path, kind]) => path === "/run/systemd/container" && kind)?.[1];
  if (named) return named;
  if (files.some(([path]) => path === "/.dockerenv")) return "docker";
  if (files.some(([path]) => path === "/run/.containerenv")) return "podman";
  const groups = wordsOf(lines, "cgroup");
  return ENGINES.find(([mark]) => groups.some((g) => mark.test(g)))?.[1] ?? null;
}
