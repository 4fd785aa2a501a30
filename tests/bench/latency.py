#!/usr/bin/env python3
"""./dev bench latency: from the picture to the coil, with a full store.

Fills the bank with orders over the real feed, then stocks and collects again and again. Every figure
comes from the kiosk's trace (one clock for all programs); the peer, zbar's own time on such a
picture plus one durable write, is measured in the same run.

With --during-ingest the same is done once more while a backlog of orders is on its way into the
bank. HQ and broker, which do not run on a bank, then get only what the bank leaves of the machine.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "integration"))

from bank import Site  # noqa: E402
from processes import program, wait_until  # noqa: E402

STAGES = [
    ("picture → decoder starts", "captured_us", "decode_start_us"),
    ("decoder (zbar)", "decode_start_us", "decoded_us"),
    ("text → Present", "decoded_us", "presented_us"),
    ("Present → grant on disk and seen", "presented_us", "granted_us"),
    ("grant → coil on", "granted_us", "coil_on_us"),
    ("all: picture → coil on", "captured_us", "coil_on_us"),
]


def write_orders(path, count, first=0):
    """Orders of one small parcel each, one JSON object a line."""
    with open(path, "w") as out:
        for i in range(first, first + count):
            out.write(json.dumps({
                "order": f"BENCH-{i:07}", "source_rev": 1, "branch": "hk-canton", "display": "王*",
                "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
                "parcels": [{"parcel": f"BP-{i:07}", "barcode": f"29{i:011}", "size": "S",
                             "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}],
            }, ensure_ascii=False) + "\n")


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def collect(hq, bank, kiosk, i, round_):
    """Stocks one parcel and collects it by camera; returns the kiosk's trace of it."""
    bank.ctl("stock", f"BP-{i:07}", "1")
    before = len(kiosk.traces())
    kiosk.show(hq.json("code", f"BENCH-{i:07}")["code"], seed=round_, tilt=15)
    wait_until(lambda: len(kiosk.traces()) > before, f"collection {round_}", 30)
    wait_until(lambda: bank.json("session")["state"] in ("idle", "collected"), "the door", 30)
    kiosk.show_nothing()
    return kiosk.traces()[before]


def yield_to_bank(process):
    """Lets every thread of a program run only when nobody else wants to."""
    for task in pathlib.Path(f"/proc/{process.pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), 19)


def collect_during_ingest(site, kiosk, words, folder):
    """Collections of which each lies wholly within an ingest of `backlog` orders."""
    hq, bank, traces, total, i = site.hq_process, site.banks[0], [], words.orders, words.rounds
    yield_to_bank(hq)
    yield_to_bank(site.broker)
    began = time.monotonic()
    while len(traces) < words.rounds and time.monotonic() - began < words.minutes * 60:
        batch = pathlib.Path(folder) / "backlog.jsonl"
        write_orders(batch, words.backlog, total)
        total += words.backlog
        hq.signal(signal.SIGSTOP)  # the bank gets all of it at once
        hq.do("import", batch, seconds=600)
        hq.signal(signal.SIGCONT)
        wait_until(lambda: bank.json("status")["orders"] > total - words.backlog, "the ingest", 60)
        while len(traces) < words.rounds and bank.json("status")["orders"] < total:
            trace = collect(hq, bank, kiosk, i, i + 1)
            i += 1
            if bank.json("status")["orders"] < total:
                traces.append(trace)
        wait_until(lambda: bank.json("status")["orders"] >= total, "the rest", 600, 0.2)
    print(f"\nduring an ingest ({len(traces)} collections, {words.backlog:,} orders at a time):")
    return traces


def span_ms(traces, begin="captured_us", end="coil_on_us"):
    return [(t[end] - t[begin]) / 1000 for t in traces]


def print_ratio(idle, busy):
    """How much later the coil is on, and how much of that is the bank's own doing."""
    print(f"\n{'ratio during ingest / idle':<36} {'p50':>9} {'p99':>9}")
    for name, begin, end in (*STAGES[3:4], *STAGES[5:]):
        a, b = span_ms(idle, begin, end), span_ms(busy, begin, end)
        print(f"{name:<36} {quantile(b, .5) / quantile(a, .5):>9.2f} "
              f"{quantile(b, .99) / quantile(a, .99):>9.2f}")
    print("target                                            1.20 (all)")


def print_table(traces, peer):
    print(f"\n{'stage':<36} {'p50 ms':>9} {'p99 ms':>9}")
    for name, begin, end in STAGES:
        took = span_ms(traces, begin, end)
        print(f"{name:<36} {quantile(took, .5):>9.2f} {quantile(took, .99):>9.2f}")
    for name in ("zbar", "fsync"):
        figures = peer[name]
        print(f"{'peer: ' + name:<36} {figures['p50_us'] / 1000:>9.2f} "
              f"{figures['p99_us'] / 1000:>9.2f}")
    everything = span_ms(traces)
    reference = (peer["zbar"]["p50_us"] + peer["fsync"]["p50_us"]) / 1000
    print(f"{'ratio of the p50s: all / (zbar + fsync)':<36} "
          f"{quantile(everything, .5) / reference:>6.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100000, help="orders in the store")
    parser.add_argument("--rounds", type=int, default=100, help="collections")
    parser.add_argument("--during-ingest", action="store_true", help="and again during an ingest")
    parser.add_argument("--backlog", type=int, default=100000, help="orders of one ingest")
    parser.add_argument("--minutes", type=float, default=4, help="at most, for the second part")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pickup-bench-") as folder, Site(folder) as site:
        hq, bank = site.hq(), site.bank()
        batch = pathlib.Path(folder) / "orders.jsonl"
        write_orders(batch, words.orders)
        began = time.monotonic()
        hq.do("import", batch, seconds=600)
        wait_until(lambda: bank.json("status")["orders"] >= words.orders, "the orders", 600, 0.2)
        print(f"{words.orders} orders imported and in the bank after "
              f"{time.monotonic() - began:.1f} s")
        bank.simbank("--auto-close=150")
        # A small screen: its PNG files would be the slowest thing here, and a panel writes none.
        kiosk = bank.kiosk(fps=30, width=360, height=640)
        traces = [collect(hq, bank, kiosk, i, i + 1) for i in range(words.rounds)]
        picture = pathlib.Path(folder) / "peer.jpg"
        subprocess.run([program("pickup-phone-picture"), "--seed=1", "--tilt=15",
                        f"--output={picture}", hq.json("code", "BENCH-0000000")["code"]], check=True)
        peer = json.loads(subprocess.run([program("latency-peer"), picture, folder, "50"],
                                         capture_output=True, text=True, check=True).stdout)
        print_table(traces, peer)
        if words.during_ingest:
            busy = collect_during_ingest(site, kiosk, words, folder)
            print_table(busy, peer)
            print_ratio(traces, busy)


if __name__ == "__main__":
    main()
