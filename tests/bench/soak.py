#!/usr/bin/env python3
"""./dev soak [SECONDS]: collections one after the other, on programs built with AddressSanitizer and
UndefinedBehaviorSanitizer. Memory must stay flat, no event may be lost, no sanitizer may speak.
"""

import argparse
import json
import pathlib
import statistics
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "integration"))
from bank import Site  # noqa: E402
from latency import write_orders  # noqa: E402
from processes import complaints, wait_until  # noqa: E402

FLAT_KB, FLAT_SHARE = 1024, 0.03  # what the last third may lie over the second


def rss_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


class Soak:
    def __init__(self, site, folder, orders):
        self.hq, self.bank = site.hq(), site.bank()
        batch = folder / "orders.jsonl"
        write_orders(batch, orders)
        self.hq.do("import", batch)
        wait_until(lambda: self.bank.json("status")["orders"] == orders, "the orders", 120)
        self.bank.simbank("--auto-close=100")
        self.kiosk = self.bank.kiosk(fps=15, width=360, height=640)
        self.memory = {name: [] for name in ("pickupd", "pickup-kiosk", "pickup-decode", "pickup-hq")}
        self.rounds = 0

    def round(self):
        """Stocks one parcel, shows its code, waits until it is collected and closed."""
        i = self.rounds
        self.bank.ctl("stock", f"BP-{i:07}")
        self.kiosk.show(self.hq.json("code", f"BENCH-{i:07}")["code"], seed=i, tilt=10,
                        width=640, height=480, scale=5)
        wait_until(lambda: self.bank.json("order", f"BENCH-{i:07}")["state"] == "collected",
                   f"collection {i}", 30)
        wait_until(lambda: self.bank.json("session")["state"] in ("idle", "collected"), "the door")
        self.rounds += 1

    def measure(self):
        pids = (self.bank.pid, self.kiosk.pid, self.kiosk.decoder(), self.hq.pid)
        for name, pid in zip(self.memory, pids):
            self.memory[name].append(rss_kb(pid))

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.round()
            self.measure()

    def problems(self, site):
        """What is wrong, in words; empty = nothing."""
        found = []
        wait_until(lambda: self.bank.json("status")["outbox"] == 0, "every event at HQ", 60)
        last = self.bank.json("status")["last_event"]
        told = [event for event in self.hq.json("events", "--limit=1000000")]
        if len(told) != last:
            found.append(f"the bank has {last} events, HQ {len(told)}")
        collected = sum(event["type"] == "collected" for event in told)
        if collected != self.rounds:
            found.append(f"{self.rounds} collections, HQ knows {collected}")
        if "unbroken" not in self.hq.do("verify").stdout:
            found.append("the chain of events is broken")
        if json.loads(self.bank.simbank_process.do("violations")):
            found.append("the lock bank saw violations")
        site.stop()  # leaks are told at the end
        found += [f"{name}: a sanitizer spoke:\n{text}"
                  for name, text in complaints(site.folder).items()]
        return found + self.growth()

    def growth(self):
        found = []
        print(f"\n{'program':<16} {'samples':>8} {'2nd third MB':>13} {'last third MB':>14}")
        for name, samples in self.memory.items():
            third = len(samples) // 3
            before = statistics.median(samples[third:2 * third])
            after = statistics.median(samples[2 * third:])
            print(f"{name:<16} {len(samples):>8} {before / 1024:>13.1f} {after / 1024:>14.1f}")
            if after - before > FLAT_KB + FLAT_SHARE * before:
                found.append(f"{name} grew from {before} to {after} kB")
        return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("seconds", nargs="?", type=float, default=300)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pickup-soak-") as folder, Site(folder) as site:
        soak = Soak(site, pathlib.Path(folder), max(200, int(words.seconds * 5)))
        soak.run(words.seconds)
        print(f"{soak.rounds} collections in {words.seconds:g} s")
        found = soak.problems(site)
    for problem in found:
        print(f"soak: {problem}", file=sys.stderr)
    print("soak: " + ("FAILED" if found else "nothing leaked, nothing was lost"))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
