#!/usr/bin/env python3
"""./dev bench start: from exec to READY=1 with a full store, and the memory then."""

import argparse
import pathlib
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from ingest import make_pages, serve  # noqa: E402
from plain_site import PlainBank, PlainBroker, cpu_seconds, pss_mb  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100000, help="orders in the store")
    parser.add_argument("--rounds", type=int, default=15, help="starts")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pickup-bench-", dir="/var/tmp") as name:
        folder = pathlib.Path(name)
        key = make_pages(folder / "pages", words.orders)
        broker = PlainBroker(folder).start()
        bank = PlainBank(folder, broker.port, key)
        took, cpu, ready, later = [], [], [], []
        try:
            bank.start()
            serve(folder / "pages", broker.port)
            after_ingest = pss_mb(bank.pid)
            for _ in range(words.rounds):
                type(bank).__mro__[1].stop(bank)  # the bus goes on
                began = time.monotonic()
                bank.start()
                took.append((time.monotonic() - began) * 1000)
                cpu.append(cpu_seconds(bank.pid) * 1000)
                ready.append(pss_mb(bank.pid))
                time.sleep(1)
                later.append(pss_mb(bank.pid))
        finally:
            bank.stop()
            broker.stop()
    print(f"{words.orders:,} orders in the store, {words.rounds} starts\n"
          f"start to ready, median      {statistics.median(took):8.1f} ms   (target 150)\n"
          f"start to ready, worst       {max(took):8.1f} ms\n"
          f"CPU until then, median      {statistics.median(cpu):8.1f} ms\n"
          f"PSS when ready              {statistics.median(ready):8.1f} MB   (target 12)\n"
          f"PSS a second later          {statistics.median(later):8.1f} MB\n"
          f"PSS after the whole ingest  {after_ingest:8.1f} MB")


if __name__ == "__main__":
    main()
