import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answers, downloadFile, downloadText } from "../../tools/download.ts";

let folder: string;
const servers: Server[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "warmbox download "));
  for (const name of ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "WARMBOX_OFFLINE"])
    vi.stubEnv(name, "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function listening(server: Server): Promise<string> {
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const serve = (listener: RequestListener) => listening(createServer(listener));
const file = () => join(folder, "file");

describe("a download", () => {
  it("counts its bytes, and is whole", async () => {
    const url = await serve((_request, response) => response.end("x".repeat(100_000)));
    const counts: [number, number][] = [];
    await downloadFile(url, file(), (done, total) => counts.push([done, total]));
    expect(counts.at(-1)).toEqual([100_000, 100_000]);
    expect(readFileSync(file(), "utf8")).toBe("x".repeat(100_000));
  });

  it("follows redirects on its host, and to https elsewhere, never to another unencrypted address", async () => {
    const other = await serve((_request, response) => response.end("other"));
    const url = await serve((request, response) => {
      if (request.url === "/file") return void response.end("file");
      response.writeHead(302, { location: request.url === "/near" ? "/file" : other }).end();
    });
    expect(await downloadText(`${url}/near`)).toBe("file");
    await expect(downloadText(`${url}/far`)).rejects.toMatchObject({
      code: "failed",
      message: `${url}/far redirects to ${other}/, which is not https`,
    });
  });

  it("ends after five redirects", async () => {
    let requests = 0;
    const url = await serve((_request, response) => {
      requests++;
      response.writeHead(302, { location: "/again" }).end();
    });
    await expect(downloadText(url)).rejects.toThrow("/again answered 302");
    expect(requests).toBe(6);
  });

  it.each([true, false])(
    "is refused once it is too large, announced by its length: %s",
    async (isAnnounced) => {
      const url = await serve((_request, response) => {
        if (isAnnounced) response.setHeader("content-length", 5000);
        response.write("x".repeat(2500));
        response.end("x".repeat(2500));
      });
      await expect(downloadFile(url, file(), () => {}, 4999)).rejects.toMatchObject({
        code: "failed",
        message: `${url} has more than 4999 bytes`,
      });
      await downloadFile(url, file(), () => {}, 5000);
    },
  );

  it("that ends early, or that no host answers, is unreachable; another status is not", async () => {
    const url = await serve((request, response) => {
      if (request.url === "/404") return void response.writeHead(404).end();
      response.writeHead(200, { "content-length": 100 }).write("half");
      setImmediate(() => response.destroy());
    });
    await expect(downloadFile(url, file())).rejects.toMatchObject({ code: "unreachable" });
    await expect(downloadFile(`${url}/404`, file())).rejects.toMatchObject({
      code: "failed",
      message: `${url}/404 answered 404`,
    });
    expect(await answers(`${url}/404`)).toBe(true);
    for (const server of servers.splice(0)) server.close().closeAllConnections();
    await expect(downloadText(url)).rejects.toMatchObject({ code: "unreachable" });
    expect(await answers(url)).toBe(false);
  });

  it("of https goes through the proxy of HTTPS_PROXY, as a tunnel", async () => {
    const targets: string[] = [];
    const proxy = createServer();
    proxy.on("connect", (request, socket: Socket) => {
      targets.push(request.url ?? "");
      socket.end("HTTP/1.1 502 no\r\n\r\n");
    });
    vi.stubEnv("https_proxy", await listening(proxy));
    vi.stubEnv("no_proxy", "");
    vi.stubEnv("NO_PROXY", "");
    await expect(downloadText("https://releases.invalid/file")).rejects.toMatchObject({
      code: "unreachable",
    });
    expect(targets).toEqual(["releases.invalid:443"]);
  });

  it("is not tried with WARMBOX_OFFLINE", async () => {
    vi.stubEnv("WARMBOX_OFFLINE", "1");
    const url = await serve((_request, response) => response.end());
    await expect(downloadText(url)).rejects.toMatchObject({
      code: "unreachable",
      message: `${new URL(url).host}: not contacted, WARMBOX_OFFLINE is set`,
    });
  });
});
