#!/usr/bin/env python3
"""./dev chaos [--minutes N] [--seed S]: HQ, broker and banks while everything fails, then proof.

Each run is a folder of its own with a schedule of faults that is a pure function of its seed. When
the schedule is over, everything is mended, and what the promises say must be true on every disk.
"""

import argparse
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "integration"))

import schedule  # noqa: E402
from director import Backups, Director  # noqa: E402
from ledger import Ledger  # noqa: E402
from mitm import Middle  # noqa: E402
from operator_desk import Desk  # noqa: E402
from parts import BRANCHES, Site  # noqa: E402
from people import Codes, People  # noqa: E402
from processes import complaints, wait_until  # noqa: E402
from proof import PROOFS, Evidence  # noqa: E402
from stores import meta, rows  # noqa: E402

BANKS = [bank for _, banks in BRANCHES.values() for bank in banks]
STORM_S = 12.0      # of one run
QUIET_S = 120.0     # the longest that it may take until nothing is under way any more
STILL_S = 1.0
SHOWN = 4           # findings of one proof; the rest follows from them more often than not


class Run:
    def __init__(self, seed, seconds, folder, without=()):
        self.seed, self.seconds, self.folder = seed, seconds, folder
        self.faults = schedule.make(seed, seconds, BANKS, without)
        (folder / "schedule").write_text("\n".join(map(str, self.faults)) + "\n")
        self.ledger = Ledger(seed)
        self.times = {}

    def go(self):
        """The whole run; returns what was found broken."""
        site = Site(self.folder, lambda port: Middle(self.seed, port, self.folder / "middle.log"))
        try:
            with site:
                self._set_up(site)
                self._storm()
                late = self._settle()
                found = late + self._prove()
        finally:
            site.stop()
        return found + self._complaints()

    def _set_up(self, site):
        began = time.monotonic()
        self.hq = site.hq()
        self.banks = [site.bank(name, self.seed, self.ledger) for name in BANKS]
        codes = Codes(self.hq)
        self.desk = Desk(self.hq, self.ledger, {b: banks for b, (_, banks) in BRANCHES.items()},
                         codes, self.folder, self.seed)
        self.people = [People(bank, self.ledger, codes, self.seed) for bank in self.banks]
        for bank in self.banks:
            bank.open_doors()
        self.director = Director(site, self.desk, self.banks, Backups(self.hq, self.folder))
        self.times["start"] = time.monotonic() - began

    def _storm(self):
        began = time.monotonic()
        for somebody in (self.desk, *self.people):
            somebody.start()
        self.director.run(self.faults, self.seconds)
        self.times["storm"] = time.monotonic() - began

    def _settle(self):
        """Mends everything, lets everybody finish, and waits until nothing is under way. Returns
        words when that does not come."""
        began = time.monotonic()
        self.director.heal()
        self.desk.stop()
        for somebody in self.people:
            somebody.stop()
        wait_until(self.desk.enter_everything, "HQ to take the shop's whole book", 90)
        for somebody in self.people:
            somebody.tidy()
        try:
            wait_until(self._stays_quiet, "the last event and the last document to arrive", QUIET_S)
            words = []
        except TimeoutError as error:
            words = [str(error)]
        self.times["settle"] = time.monotonic() - began
        return words

    def _stays_quiet(self):
        """Nothing is under way, and nothing more comes: a clock that is right again is an event."""
        end = time.monotonic() + STILL_S
        while self._is_quiet():
            if time.monotonic() > end:
                return True
            time.sleep(0.1)
        return False

    def _is_quiet(self):
        return all(map(self._is_up_to_date, self.banks)) and not self.hq.json("pending")

    def _is_up_to_date(self, bank):
        (seq,), = rows(self.hq.state / "hq.db", "SELECT last_seq FROM branch WHERE name = ?",
                       bank.branch)
        applied = rows(self.hq.state / "hq.db", "SELECT applied FROM bank WHERE name = ?",
                       bank.bank)
        (last,), = rows(bank.state / "bank.db", "SELECT max(n) FROM events")
        return meta(bank, "acked") == last and meta(bank, "cursor") == seq and applied == [(seq,)]

    def _prove(self):
        began = time.monotonic()
        evidence = Evidence(self.hq, self.banks, self.ledger, self.desk.remotes,
                            self.director.turned)
        found = []
        for proof in PROOFS:
            words = proof(evidence)
            found += [f"{proof.__name__}: {line}" for line in words[:SHOWN]]
            if len(words) > SHOWN:
                found.append(f"{proof.__name__}: and {len(words) - SHOWN} more")
        for name, codes in self.director.unexpected().items():
            found.append(f"{name} ended by itself with {codes}")
        self.evidence = evidence
        self.times["proof"] = time.monotonic() - began
        return found

    def _complaints(self):
        found = []
        for bank in self.banks:
            if bank.doors and bank.doors.failure:
                found.append(f"{bank.bank}: its lock bank cannot be followed: {bank.doors.failure}")
        return found + [f"{name}: a sanitizer spoke:\n{words}"
                        for name, words in complaints(self.folder).items()]

    def summary(self):
        done = self.director.done
        events = sum(len(events) for events in self.evidence.hq_events.values())
        pulses = sum(len(bank.cabinet.pulses) for bank in self.banks)
        counts = self.director.site.middle.counts
        middle = " ".join(f"{what} {sum(n for (w, _), n in counts.items() if w == what)}"
                          for what in ("lose", "swallow", "double", "hold", "cut"))
        return (f"seed {self.seed}: {sum(done.values())} faults "
                f"({', '.join(f'{n} {kind}' for kind, n in sorted(done.items()))}); "
                f"packets: {middle}; {len(self.ledger.orders)} orders, {events} events, "
                f"{pulses} pulses, {len(self.ledger.handed)} parcels handed over; "
                + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.times.items()))


def run_seed(seed, seconds, keep, without):
    """One run; True when nothing was broken. Its folder stays when something was."""
    # Short, because the path of a Unix socket has room for 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"chaos-{seed}-"))
    run, found = None, []
    try:
        run = Run(seed, seconds, folder, without)
        found = run.go()
    except Exception:  # also a mistake of the test itself must leave its folder and its schedule
        found = [f"the run could not go on:\n{traceback.format_exc()}"]
    if found or keep:
        print(f"seed {seed}: everything is in {folder}")
    if found:
        print("\n".join(map(str, run.faults)))
        for words in found:
            print(f"BROKEN: {words}")
        print(f"Replay: ./dev chaos --seed {seed} --seconds {seconds:g}")
        return False
    print(run.summary(), flush=True)
    if not keep:
        shutil.rmtree(folder)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1, help="random seeds for so long (1)")
    parser.add_argument("--seed", type=int, help="one run with this seed")
    parser.add_argument("--seconds", type=float, default=STORM_S,
                        help=f"length of one storm ({STORM_S:g})")
    parser.add_argument("--keep", action="store_true", help="keep the folders")
    parser.add_argument("--without", default="", metavar="KINDS",
                        help=f"leave out kinds of faults, to find the one that matters: "
                             f"{' '.join(schedule.KINDS)}")
    words = parser.parse_args()
    seeds = iter(lambda: random.SystemRandom().randrange(1_000_000_000), None) \
        if words.seed is None else [words.seed]
    end = time.monotonic() + words.minutes * 60
    good = bad = 0
    for seed in seeds:
        if run_seed(seed, words.seconds, words.keep, words.without.split(",")):
            good += 1
        else:
            bad += 1
        if time.monotonic() > end:
            break
    print(f"chaos: {good + bad} storms, {bad} of them broke something" if bad else
          f"chaos: {good} storms, nothing was broken")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
