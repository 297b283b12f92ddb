"""Asks a server for /api/status ten times a second until its input ends, and prints how long each took, in ms.

    python -m benchmarks.status_probe PORT TOKEN

It is a process of its own because whoever asks for much at once is too busy to take times.
"""

import http.client
import select
import sys
import time

EVERY_S = 0.1


def main() -> None:
    port, token = sys.argv[1:]
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=60)
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        began = time.perf_counter()
        try:
            connection.request("GET", "/api/status", headers={"authorization": f"Bearer {token}"})
            reply = connection.getresponse()
            reply.read()
        except OSError:
            connection.close()
            continue  # an idle connection was closed to make room; the next one is new
        finally:
            took = (time.perf_counter() - began) * 1000
        print(f"{took:.2f}" if reply.status == 200 else f"{took:.2f} {reply.status}", flush=True)


if __name__ == "__main__":
    main()
