#!/usr/bin/env python3
"""./dev bench ingest: orders durably taken from MQTT, against raw SQLite and a Python consumer.

A bank without TLS is fed by a program that answers its fetches from a file of signed pages, so that
the bank is what is measured. Beside it, in the same run: raw SQLite with the same rows, tables,
indexes and rows a transaction; a paho consumer with sqlite3 that commits once a message; the same
with one order a message. At the end pickup-hq itself feeds a bank, over TLS.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from plain_site import PlainBank, PlainBroker, cpu_seconds, drop, pss_mb  # noqa: E402

from bank import Site  # noqa: E402
from latency import write_orders  # noqa: E402
from processes import Process, program, run, wait_until  # noqa: E402

SINGLE = 5000  # orders for the consumer with one order a message


def make_pages(path, orders, per_page=0):
    """Writes a file of pages; returns the public key that signed them."""
    return run(program("feeder"), "make", path, orders, per_page, seconds=1200).stdout.strip()


def serve(path, port):
    """Feeds whoever asks until everything is applied."""
    return json.loads(run(program("feeder"), "serve", path, port, seconds=3600).stdout)


def feed_bank(folder, pages, key):
    """An empty bank takes the whole file."""
    home = folder / "bank"
    home.mkdir()
    broker = PlainBroker(home).start()
    bank = PlainBank(home, broker.port, key)
    try:
        bank.start()
        time.sleep(0.3)  # its first fetch, which nobody answers yet
        before = cpu_seconds(bank.pid)
        figures = serve(pages, broker.port)
        figures["cpu_seconds"] = cpu_seconds(bank.pid) - before
        figures["pss_mb"] = pss_mb(bank.pid)
        return figures
    finally:
        bank.stop()
        broker.stop()
        drop(home)


def feed_sqlite(folder, pages, rows_a_transaction):
    """Raw SQLite with the same rows and transactions."""
    home = folder / "sqlite"
    home.mkdir()
    try:
        return json.loads(run(program("store-peer"), pages, home, rows_a_transaction,
                              seconds=3600).stdout)
    finally:
        drop(home)


def feed_paho(folder, pages, key):
    """The Python consumer takes the file; the schema is that of a bank's own database."""
    home = folder / "paho"
    home.mkdir()
    broker = PlainBroker(home).start()
    bank = PlainBank(home, broker.port, key).start()
    bank.stop()
    peer = Process(home, "paho", ["/usr/bin/python3", pathlib.Path(__file__).parent /
                                  "paho_bank.py", broker.port, home / "paho.db",
                                  bank.state / "bank.db"])
    try:
        peer.start(ready=False)
        return serve(pages, broker.port)
    finally:
        peer.stop()
        broker.stop()
        drop(home)


def rate(figures):
    return figures["orders"] / figures["seconds"]


def cpu_us(figures):
    return figures["cpu_seconds"] / figures["orders"] * 1e6


def measure(folder, orders, rounds):
    """Bank and raw SQLite by turns; the medians of the rounds."""
    pages = folder / "pages"
    key = make_pages(pages, orders)
    banks, peers = [], []
    for _ in range(rounds):
        banks.append(feed_bank(folder, pages, key))
        rows = max(1, round(orders / banks[-1]["commits"]))
        peers.append(feed_sqlite(folder, pages, rows))

    def middle(read, of):
        return statistics.median(read(figures) for figures in of)
    row = {"orders": orders, "rate": middle(rate, banks), "cpu": middle(cpu_us, banks),
           "rows": middle(lambda b: orders / b["commits"], banks),
           "pss": middle(lambda b: b["pss_mb"], banks), "raw_rate": middle(rate, peers),
           "raw_cpu": middle(cpu_us, peers)}
    row["speed"] = statistics.median(rate(b) / rate(p) for b, p in zip(banks, peers))
    row["cost"] = statistics.median(cpu_us(b) / cpu_us(p) for b, p in zip(banks, peers))
    print(f"{orders:>9,} {row['rate']:>10,.0f} {row['raw_rate']:>10,.0f} {row['speed']:>6.2f}"
          f" {row['cpu']:>9.1f} {row['raw_cpu']:>9.1f} {row['cost']:>6.2f}"
          f" {row['rows']:>8,.0f} {row['pss']:>7.1f}", flush=True)
    return pages, key, row


def measure_paho(folder, pages, key, row):
    """How much faster than the Python consumer."""
    message = rate(feed_paho(folder, pages, key))
    single_pages = folder / "single-pages"
    single_key = make_pages(single_pages, SINGLE, 1)
    single = rate(feed_paho(folder, single_pages, single_key))
    print(f"\npaho + sqlite3, a commit a message:  {message:>9,.0f} orders/s;"
          f" the bank is {row['rate'] / message:.1f} times as fast (target 3.5)")
    print(f"paho + sqlite3, one order a message: {single:>9,.0f} orders/s;"
          f" the bank is {row['rate'] / single:.1f} times as fast (target 40)", flush=True)


def measure_hq(folder, orders):
    """pickup-hq serve and a bank over TLS: from its start to everything applied."""
    with Site(folder / "site") as site:
        hq = site.hq()
        batch = folder / "orders.jsonl"
        write_orders(batch, orders)
        began = time.monotonic()
        hq.do("import", batch, seconds=1200)
        imported = time.monotonic() - began
        bank = site.bank(start=False)
        began = time.monotonic()
        bank.start()
        wait_until(lambda: bank.json("status")["orders"] >= orders, "the orders", 1200, 0.1)
        took = time.monotonic() - began
        print(f"\npickup-hq serve to a bank over TLS: {orders / took:,.0f} orders/s"
              f" ({orders:,} in {took:.1f} s; imported in {imported:.1f} s)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--million", action="store_true", help="also a backlog of 1,000,000")
    parser.add_argument("--rounds", type=int, default=3, help="of each size (standard: 3)")
    parser.add_argument("--only", type=int, help="this one size, and no Python, no HQ")
    words = parser.parse_args()
    sizes = [1000, 10000, 100000] + ([1000000] if words.million else [])
    print("           ------- orders/s -------       --- CPU us/order ---          orders a"
          "     PSS\n  backlog       bank raw SQLite  ratio      bank       raw  ratio"
          "   commit      MB\n"
          "   target                          >=0.85                      <=1.30"
          "             <=12", flush=True)
    with tempfile.TemporaryDirectory(prefix="pickup-bench-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        for size in [words.only] if words.only else sizes:
            pages, key, row = measure(folder, size, 1 if size > 100000 else words.rounds)
            if size == 100000 and not words.only:
                large = row
                measured = pages.rename(folder / "pages-100000"), key
        if not words.only:
            measure_paho(folder, *measured, large)
            measure_hq(folder, 100000)


if __name__ == "__main__":
    try:
        main()
    except subprocess.TimeoutExpired as late:
        sys.exit(f"ended: {late}")
