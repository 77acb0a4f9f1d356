/** Questions to what runs in a container, which has no curl. */
import type { Container } from "./container.ts";

/** Plain HTTP/1.0 by bash's own sockets: the status line's code and the body; code 0 if no process listens. */
export async function http(
  container: Container,
  request: string,
  port: number,
  body = "",
): Promise<{ code: number; body: string }> {
  const script = 'exec 3<>"/dev/tcp/127.0.0.1/$1" && cat >&3 && cat <&3';
  const head = `${request} HTTP/1.0\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
  const { stdout } = await container.run(["bash", "-c", script, "bash", `${port}`], { stdin: head + body });
  const [, code = "0"] = /^HTTP\/1\.\d (\d+)/.exec(stdout) ?? [];
  return { code: Number(code), body: stdout.slice(stdout.indexOf("\r\n\r\n") + 4) };
}

/** Addresses that are listened on, as `127.0.0.1:9090`, IPv4 and IPv6. */
export async function listeners(container: Container): Promise<string[]> {
  const text = await container.demand(["cat", "/proc/net/tcp", "/proc/net/tcp6"]);
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  return rows.filter((row) => row[3] === "0A").map((row) => address(row[1] ?? ""));
}

function address(hex: string): string {
  const [ip = "", port = ""] = hex.split(":");
  const number = Number.parseInt(port, 16);
  if (ip.length > 8) return `[${ip}]:${number}`;
  const bytes = ip.match(/../g) ?? [];
  return `${bytes
    .reverse()
    .map((byte) => Number.parseInt(byte, 16))
    .join(".")}:${number}`;
}
