#!/usr/bin/env python3
"""./dev bench propagate: from HQ's commit of one order to the bank's commit of it, idle.

Both moments are seen from outside, by looking into the two databases in turn without a pause. The
peer in the same run is a message of the same size through the broker and back, and one durable
write.
"""

import argparse
import json
import pathlib
import sqlite3
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from plain_site import PlainBank, PlainBroker  # noqa: E402

from latency import quantile  # noqa: E402
from processes import Process, program, run, wait_until  # noqa: E402


class PlainHq(Process):
    """pickup-hq serve without TLS."""

    def __init__(self, folder, port):
        self.state, self.config = folder / "hq", folder / "hq.conf"
        self.config.write_text(f"[broker]\nhost=127.0.0.1\nport={port}\nuser=hq\n"
                               "backoff_min=50ms\nbackoff_max=500ms\n"
                               "[branch hk-canton]\nnumber=852\nbanks=hk-canton-1\n")
        super().__init__(folder, "hq", [program("pickup-hq"), f"--config={self.config}",
                                        f"--state={self.state}", "serve"])
        self.do("init")

    def do(self, *words):
        return run(program("pickup-hq"), f"--config={self.config}", f"--state={self.state}", *words)


class Watch(threading.Thread):
    """Notes when a number in each of the two databases was seen to have grown."""

    def __init__(self, hq, bank):
        super().__init__(daemon=True)
        self.paths, self.times, self.ended = (hq, bank), ({}, {}), False

    def run(self):
        looks = []
        for path, sql in zip(self.paths, ("SELECT max(last_seq) FROM branch",
                                          "SELECT value FROM meta WHERE key = 'cursor'")):
            looks.append((sqlite3.connect(path, isolation_level=None), sql))
        while not self.ended:
            for (database, sql), times in zip(looks, self.times):
                value = (database.execute(sql).fetchone() or (0,))[0]
                times.setdefault(value, time.monotonic())
            time.sleep(0.0001)


def write_order(path, i):
    path.write_text(json.dumps({
        "order": f"PROP-{i:05}", "source_rev": 1, "branch": "hk-canton", "display": "王*",
        "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
        "parcels": [{"parcel": f"PP-{i:05}", "barcode": f"28{i:011}", "size": "S",
                     "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}],
    }, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="orders, one after the other")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pickup-bench-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        broker = PlainBroker(folder).start()
        hq = PlainHq(folder, broker.port)
        bank = PlainBank(folder, broker.port, (hq.state / "feed.pub").read_text().strip())
        try:
            hq.start()
            bank.start()
            wait_until((bank.state / "bank.db").exists, "the bank's database")
            watch = Watch(hq.state / "hq.db", bank.state / "bank.db")
            watch.start()
            wait_until(lambda: 1 in watch.times[1] or len(watch.times[1]) > 1, "the first fetch")
            took = []
            for i in range(words.rounds):
                batch = folder / "order.jsonl"
                write_order(batch, i)
                before = max(watch.times[0])
                hq.do("import", batch)
                seq = wait_until(lambda: max(watch.times[0]) > before and max(watch.times[0]),
                                 "HQ's commit")
                wait_until(lambda: seq in watch.times[1], "the bank's commit", 30, 0.0005)
                took.append((watch.times[1][seq] - watch.times[0][seq]) * 1000)
            watch.ended = True
            watch.join()
            peer = json.loads(run(program("trip-peer"), broker.port, folder, words.rounds,
                                  "900").stdout)
        finally:
            bank.stop()
            hq.stop()
            broker.stop()
    ours, theirs = quantile(took, .99), peer["all"]["p99_us"] / 1000
    print(f"{words.rounds} orders            p50 ms   p99 ms\n"
          f"HQ commit → bank commit {quantile(took, .5):>8.2f} {ours:>8.2f}\n"
          f"broker, there and back  {peer['trip']['p50_us'] / 1000:>8.2f}"
          f" {peer['trip']['p99_us'] / 1000:>8.2f}\n"
          f"the same and one fsync  {peer['all']['p50_us'] / 1000:>8.2f} {theirs:>8.2f}\n"
          f"ratio of the p99s       {ours / theirs:>8.2f}   (target 3)\n"
          f"ratio of the p50s       "
          f"{quantile(took, .5) / (peer['all']['p50_us'] / 1000):>8.2f}")


if __name__ == "__main__":
    main()
