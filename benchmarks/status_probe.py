"""Asks a server for /api/status ten times a second until its input ends, and prints how long each took, in ms.

    DOCENT_TOKEN=... python -m benchmarks.status_probe PORT

It is a process of its own because whoever asks for much at once is too busy to take times.
"""

import argparse
import http.client
import os
import select
import sys
import time

EVERY_S = 0.1
TOKEN = "DOCENT_TOKEN"  # the variable: command lines can be read by everybody


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", type=int)
    connection = http.client.HTTPConnection("127.0.0.1", parser.parse_args().port, timeout=60)
    headers = {"authorization": f"Bearer {os.environ[TOKEN]}"}
    while not select.select([sys.stdin], [], [], EVERY_S)[0]:
        began = time.perf_counter()
        try:
            connection.request("GET", "/api/status", headers=headers)
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
