# SPDX-License-Identifier: Apache-2.0
"""An upstream that remembers what it saw and does what a request's header x-do tells it.

  x-do: status=503, chunked, close, empty, reset, delay=MS, fail=N (503 for the first N attempts), headers, length

Place   tests/differential; one port for each cluster, all in one thread of their own. The last `mirrors` of them keep
        what they see apart, since copies come in at a time of their own
Limits  heads below 256 KiB
"""
import asyncio
import json
import threading


class Echo:
    def __init__(self, count, mirrors=0):
        self.seen, self.mirrored, self.ports, started = {}, {}, [], threading.Event()
        self.first_mirror = count - mirrors
        self.loop = asyncio.new_event_loop()

        async def listen():
            self.servers = [await asyncio.start_server(self.serve, "127.0.0.1", 0, limit=1 << 18, backlog=512)
                            for _ in range(count)]
            self.ports = [s.sockets[0].getsockname()[1] for s in self.servers]
            started.set()

        def run():
            asyncio.set_event_loop(self.loop)
            self.loop.run_until_complete(listen())
            self.loop.run_forever()
        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        started.wait(10)

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def take(self, case):
        """What came in for a case, in order; forgets it."""
        return self.seen.pop(case, [])

    async def serve(self, reader, writer):
        try:
            while await self.one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def one(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        line, headers = head[0], [tuple(h.split(":", 1)) for h in head[1:] if h]
        headers = [(name.lower(), value.strip()) for name, value in headers]
        values = dict(headers)
        body = await self.body(reader, values)
        case = values.get("x-case", "?")
        index = self.ports.index(writer.get_extra_info("sockname")[1])
        attempts = (self.seen if index < self.first_mirror else self.mirrored).setdefault(case, [])
        attempts.append({"cluster": index, "line": line, "headers": headers, "body": body.decode("latin-1")})
        return await self.answer(writer, line, values.get("x-do", ""), len(attempts), index)

    @staticmethod
    async def body(reader, values):
        if "chunked" in values.get("transfer-encoding", "").lower():
            body = b""
            while True:
                size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
                if size:
                    body += await reader.readexactly(size)
                    await reader.readexactly(2)
                else:
                    while await reader.readuntil(b"\r\n") != b"\r\n":
                        pass
                    return body
        return await reader.readexactly(int(values.get("content-length", "0")))

    @staticmethod
    async def answer(writer, line, orders, attempt, index):
        does = dict(o.strip().partition("=")[::2] for o in orders.split(",") if o.strip())
        if "delay" in does:
            await asyncio.sleep(int(does["delay"]) / 1000)
        if "reset" in does:
            writer.transport.abort()
            return False
        status = int(does.get("status", "200"))
        if attempt <= int(does.get("fail", "0")):
            status = 503
        text = json.dumps({"cluster": index, "line": line, "attempt": attempt}).encode()
        if "length" in does:
            text = b"x" * int(does["length"])
        lines = [f"HTTP/1.1 {status} Whatever"]
        if "headers" in does:
            lines += ["X-Up: one", "x-up: two", "X-Empty:", "Set-Cookie: a=1", "Set-Cookie: b=2", "Server: echo"]
        nothing = "empty" in does or status in (204, 304) or line.startswith("HEAD ")
        if "chunked" in does and not nothing:
            lines.append("Transfer-Encoding: chunked")
            half = len(text) // 2
            payload = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (text[:half], text[half:])) + b"0\r\n\r\n"
        elif "close" in does:
            payload = b"" if nothing else text
        else:
            if status != 204:
                lines.append(f"Content-Length: {0 if 'empty' in does else len(text)}")
            payload = b"" if nothing else text
        if "close" in does:
            lines.append("Connection: close")
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + payload)
        await writer.drain()
        return "close" not in does
