"""A crash at every write: the apply, stock, collect, refuse-and-acknowledge and stop paths of the real
daemon, with the process killed, the power cut or the disk failing at the 1st, 2nd, 3rd … write, sync,
truncation or deletion of its store, until a run gets through. After each one the bank is started
again, the path is finished as people would finish it, and at the end one proof is made over all.

PICKUP_CRASH_STRIDE=N takes every Nth point only; `./dev crash` takes every one.
"""

import json
import os
import sqlite3

import pytest

from bus_client import BusClient
from processes import Process, wait_until
from test_collection import Hands

STRIDE = int(os.environ.get("PICKUP_CRASH_STRIDE", "17"))
DEATHS = ("kill", "kill-after", "power", "torn")
ERRORS = ("eio", "full")


class Gone(Exception):
    """The daemon died, or its disk failed, under what we asked."""


class Monitor(Process):
    """Everything that is said on the bank's bus."""

    def __init__(self, bank):
        super().__init__(bank.folder, "monitor", ["busctl", f"--address={bank.bus.address}",
                                                  "--json=short", "monitor"])

    def granted(self):
        """(grant, door, parcel) of every Granted signal so far."""
        told = set()
        for line in self.log.read_text().splitlines():
            if '"Granted"' in line:
                data = json.loads(line)["payload"]["data"]
                told.add((data[0], data[2], data[3]))
        return told


class Place:
    """A bank with one customer and one member of staff, who never give up."""

    def __init__(self, site, mode):
        self.site, self.mode, self.points, self.serial = site, mode, 0, 0
        self.hq = site.hq()
        self.bank = site.bank(faulty=True, settings="[store]\nreserve=0\n")
        self.client = BusClient(self.bank.bus.address)
        self.bank.call = self.client.call  # thousands of calls: without a process for each
        self.hands = Hands(self.bank)
        self.monitor = Monitor(self.bank)
        self.monitor.start(ready=False)
        self.open_doors = set()   # as they really stand
        self.opened = {}          # parcel: how often its door was really opened for a customer
        self.placed, self.collected, self.orders = set(), set(), []
        self.reports = []         # that the kiosk still owes
        wait_until(lambda: self.hands.status()["online"], "HQ")
        self.attach()

    # --- the world ---

    def attach(self):
        self.hands.attach(**{f"d{door}": "open" for door in self.open_doors})

    def call(self, *words):
        try:
            return self.bank.call(*words)
        except RuntimeError as problem:
            if "NotFound" in str(problem) or "no such" in str(problem):
                raise LookupError from problem
            raise Gone from problem

    def deliver(self):
        """The kiosk tells what it owes, in order; what the daemon does not know is dropped."""
        while self.reports:
            door, report, grant = self.reports[0]
            try:
                self.call("ReportDoor", "ustt", str(door), report, str(grant), "0")
            except LookupError:
                pass
            self.reports.pop(0)

    def serve_grants(self, customer):
        """Does what the kiosk does with every grant that it is told of: pulse, opened, closed."""
        for grant in self.call("GetGrants")[0]:
            number, door, parcel = grant[0], grant[2], grant[3]
            self.open_doors.add(door)
            if customer:
                self.opened[parcel] = self.opened.get(parcel, 0) + 1
            self.reports += [(door, "pulsed", number), (door, "opened", number)]
            self.deliver()
            self.open_doors.discard(door)
            self.reports.append((door, "closed", number))
            self.deliver()

    def recover(self):
        """After a fault: starts again, or waits until the disk is well. Says what had struck."""
        self.bank.faults.clear()

        def well():
            if not self.bank.running():
                self.bank.start()
                self.attach()
            try:
                return self.hands.status()["store"] == "fine"
            except RuntimeError:
                return False  # it is just dying
        wait_until(well, "the store to be well", 30)
        hits = self.bank.faults.hits()
        self.bank.faults.forget_hits()
        self.deliver()
        # A door that stood open is shut by somebody, and the new daemon hears of it.
        self.reports += [(door, "closed", 0) for door in sorted(self.open_doors)]
        self.open_doors.clear()
        self.deliver()
        return hits

    def dead(self):
        return not self.bank.running()

    def until(self, condition, what):
        """Waits, but not for somebody who has died or cannot write."""
        def look():
            if self.dead():
                raise Gone
            try:
                if condition():
                    return True
                if self.hands.status()["store"] != "fine":
                    raise Gone
                return False
            except RuntimeError as problem:
                raise Gone from problem
        wait_until(look, what, 30)

    # --- what is done ---

    def write_batch(self, number):
        """The order that is worked on and two beside it, as a batch for HQ."""
        path, beside = self.site.folder / "batch.json", [f"{number}-{k}" for k in ("a", "b")]
        path.write_text(json.dumps([{
            "order": name, "source_rev": 1, "branch": "hk-canton", "display": "王*",
            "member_tag": f"gold-{name}", "lang": "zh-Hans", "ready_from": 0, "pickup_until": 0,
            "parcels": [{"parcel": f"P-{name}", "barcode": f"29{name}", "size": "S",
                         "items": [{"sku": "PF-1", "name": {"en": "Perfume"}, "qty": 1}]}]}
            for name in (number, *beside)]))
        return path, [number, *beside]

    def apply(self, number):
        if number not in self.orders:
            path, names = self.write_batch(number)
            self.hq.do("import", path)
            self.orders += names
        self.until(lambda: self.hands.status()["orders"] >= len(self.orders), f"order {number}")

    def stock(self, number):
        parcel = f"P-{number}"
        for _ in range(6):
            rows = [row for row in self.call("ListDoors")[0] if row[4] == parcel]
            if rows and rows[0][3] == "unconfirmed":
                self.call("ResolveDoor", "us", str(rows[0][0]), "parcel")
            elif rows and rows[0][3] == "occupied":
                self.placed.add(parcel)
                return
            elif rows and rows[0][3] == "jammed":
                self.call("ResolveDoor", "us", str(rows[0][0]), "parcel")
            else:
                outcome, _, info = self.call("Stock", "su", parcel, "0")
                if outcome == "out_of_order":
                    raise Gone
                assert outcome in ("stocking", "busy"), (outcome, info)
                self.serve_grants(False)
            session = self.call("GetSession")
            if session[0]:
                self.call("EndSession", "ts", str(session[0]), "done")
        raise AssertionError(f"{parcel} cannot be stocked: {self.call('ListDoors')}")

    def collect(self, number):
        text = self.hq.json("code", number)["code"]
        for _ in range(6):
            outcome, session, info = self.call("Present", "s", text)
            if outcome == "collected":
                self.collected.add(f"P-{number}")
                return
            if outcome == "out_of_order":
                raise Gone
            assert outcome in ("opening", "busy"), (outcome, info)
            self.serve_grants(True)
            session = self.call("GetSession")
            if session[0]:
                self.call("EndSession", "ts", str(session[0]), "done")
        raise AssertionError(f"{number} cannot be collected")

    def acknowledge(self, number):
        """An event is made, sent, and HQ's acknowledgement written down."""
        if self.call("Present", "s", self.hq.json("code", number)["code"])[0] == "out_of_order":
            raise Gone
        self.until(lambda: self.hands.status()["outbox"] == 0, "the acknowledgement")

    def stop(self, _number):
        """An orderly end, which moves the write-ahead log into the file."""
        if self.bank.running():
            Process.stop(self.bank)
        if self.bank.faults.hits():
            raise Gone
        try:
            self.bank.start()
        except RuntimeError as problem:
            raise Gone from problem
        self.attach()

    # --- the points ---

    def walk(self, path, prepare, first):
        """One path with a fault at every STRIDE-th change, until one run gets through."""
        at, tries = first, 0
        while True:
            self.serial += 1
            number = f"HK-{self.mode}-{self.serial}"
            for step in prepare:
                self.retry(step, number)
            self.bank.faults.forget_hits()
            self.bank.faults.set(f"change {at} {self.mode}")
            try:
                path(number)
            except Gone:
                pass
            struck = bool(self.recover())
            self.retry(path, number)
            self.points += struck
            tries += 1
            assert tries < 2000
            if not struck:
                return
            at += STRIDE

    def retry(self, step, number):
        for _ in range(5):
            try:
                step(number)
                return
            except Gone:
                self.recover()
        raise AssertionError(f"{step.__name__} of {number} does not succeed on a good disk")

    # --- the proof ---

    def prove(self):
        hq, hands = self.hq, self.hands
        wait_until(lambda: hands.status()["outbox"] == 0, "the last event", 60)
        found = hq.json("verify")
        assert found["good"] and len(found["logs"]) == 1, found["logs"]
        assert not found["alarms"] and found["logs"][0]["lost"] == 0
        events = hq.json("events")
        assert [e["n"] for e in events] == list(range(1, len(events) + 1))
        for kind, wanted in (("parcel_collected", self.collected), ("stocked", self.placed)):
            told = [e["parcel"] for e in events if e["type"] == kind]
            assert sorted(set(told)) == sorted(wanted) and (kind == "stocked"
                                                            or len(told) == len(set(told))), kind
        done = [e["order"] for e in events if e["type"] == "collected"]
        assert sorted(f"P-{number}" for number in done) == sorted(self.collected)
        # A door was really opened for a customer once for each parcel.
        assert {p: n for p, n in self.opened.items() if n != 1} == {}
        with sqlite3.connect(f"file:{self.bank.state}/bank.db?mode=ro", uri=True) as db:
            durable = set(db.execute("SELECT id, door, parcel FROM grants"))
            own = dict(db.execute("SELECT number, rev FROM orders"))
            cursor = db.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
            assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert self.monitor.granted() <= durable, "a grant was told that is not on the disk"
        assert self.monitor.granted(), "the monitor has seen nothing"
        with sqlite3.connect(f"file:{hq.state}/hq.db?mode=ro", uri=True) as db:
            theirs = {name: json.loads(body)["rev"] for name, body in db.execute(
                "SELECT name, body FROM document WHERE kind = 'order'")}
            seq = db.execute("SELECT last_seq FROM branch WHERE name = 'hk-canton'").fetchone()[0]
        assert own == theirs and len(own) == len(self.orders) and cursor == seq


@pytest.mark.parametrize("mode", DEATHS + ERRORS)
def test_promises_2_3_4_a_crash_at_every_write(site, mode, capsys):
    place = Place(site, mode)
    try:
        counts = {}
        for index, (name, path, prepare) in enumerate((
                ("apply", place.apply, ()),
                ("acknowledge", place.acknowledge, (place.apply,)),
                ("stock", place.stock, (place.apply,)),
                ("collect", place.collect, (place.apply, place.stock)),
                ("stop", place.stop, (place.apply,)))):
            before = place.points
            # Modes and paths begin elsewhere, so that a stride passes over fewer places.
            first = 1 + ((DEATHS + ERRORS).index(mode) + index) % min(STRIDE, 4)
            place.walk(path, prepare, first)
            counts[name] = place.points - before
        wait_until(lambda: place.hands.status()["orders"] == len(place.orders), "all orders")
        wait_until(lambda: place.hands.status()["cursor"] == place.hq.json("banks")[0]["seq"],
                   "the newest documents")
        place.prove()
        with capsys.disabled():
            words = ", ".join(f"{name} {n}" for name, n in counts.items())
            print(f"\n{mode}: {place.points} crash points ({words}; every {STRIDE}. one)", end=" ")
        assert all(counts.values()), counts
    finally:
        place.monitor.stop()
        place.client.close()
