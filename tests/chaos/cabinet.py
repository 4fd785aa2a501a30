"""The doors of one bank as iron and springs, with the one who stands in front of them.

The cabinet outlives every program: what is put into a door stays there. It keeps its own record of
every pulse of a coil, which at the end is compared with what the bank says it had granted.
"""

import dataclasses
import random
import threading
import time


def boot_us():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclasses.dataclass(frozen=True)
class Visitor:
    """Who stands there: a customer of an order, staff with a parcel in hand, or nobody."""

    kind: str = "nobody"
    order: str = ""
    parcel: str = ""


@dataclasses.dataclass(frozen=True)
class Pulse:
    door: int
    at_us: int
    grant: int = 0  # 0: the lock bank does not know for which grant
    boot: str = ""


class Cabinet:
    def __init__(self, ledger, bank, doors, seed):
        self.ledger, self.bank, self.doors = ledger, bank, doors
        self.rng = random.Random(f"{seed} cabinet {bank}")
        self.lock = threading.RLock()
        self.visitor = Visitor()
        self.purpose_of = lambda door, grant: None  # (purpose, parcel), from the bank's store
        self.pulses, self.jammed = [], set()
        self.opens = {}  # door: (opens at, closes at), seconds of the monotonic clock
        self.edges = []  # (when, door, open): what a kernel keeps for who holds the sensor lines

    def look(self):
        """Takes in what the doors did; a lock bank of its own tells it here."""

    def stand(self, visitor):
        with self.lock:
            self.look()
            self.visitor = visitor

    def jam(self, door):
        with self.lock:
            self.jammed.add(door)

    def unjam(self, door):
        with self.lock:
            self.jammed.discard(door)

    def pulse(self, door, grant, boot, parcel):
        """The coil of a door; the door springs open, and somebody closes it again."""
        with self.lock:
            self.pulses.append(Pulse(door, boot_us(), grant, boot))
            if door in self.jammed or self.is_open(door):
                return
            now = time.monotonic() + self.rng.uniform(0.001, 0.02)
            self.opens[door] = (now, now + self.rng.uniform(0.03, 0.12))
            self.edges += [(self.opens[door][0], door, True), (self.opens[door][1], door, False)]
            self.opened(door, grant, parcel)

    def is_open(self, door):
        with self.lock:
            opens, closes = self.opens.get(door, (0, 0))
            return opens <= time.monotonic() < closes

    def take_edges(self):
        """What the sensors have told since the last call, in order: [(door, open)]."""
        with self.lock:
            now = time.monotonic()
            due = sorted(edge for edge in self.edges if edge[0] <= now)
            self.edges = [edge for edge in self.edges if edge[0] > now]
            return [(door, is_open) for _, door, is_open in due]

    def opened(self, door, grant=0, granted=None):
        """The door has sprung open: what the visitor sees and does. `granted` is the parcel that it
        was opened for, None when only the bank knows."""
        with self.lock:
            inside = self.ledger.inside(self.bank).get(door)
            purpose, written = self.purpose_of(door, grant) or ("", granted)
            if purpose in ("inspect", "remote"):
                return  # it is not for who stands here
            granted = granted or written
            act = {"customer": self._collect, "stock": self._stock,
                   "retrieve": self._retrieve}.get(self.visitor.kind)
            if act:
                act(door, inside, granted)

    def _collect(self, door, inside, granted):
        order = self.ledger.order_of
        if granted and inside and inside != granted:
            self.ledger.accuse(f"{self.bank}: door {door} opened for {granted}, but {inside} "
                               "lies in it")
        if inside and order[inside] == self.visitor.order:
            self.ledger.hand_over(inside, self.bank, door)
        elif inside:
            self.ledger.accuse(f"{self.bank}: door {door} showed {inside} to a customer of "
                               f"{self.visitor.order}")

    def _stock(self, door, inside, granted):
        if granted and granted != self.visitor.parcel:
            self.ledger.accuse(f"{self.bank}: door {door} opened to stock {granted}, but "
                               f"{self.visitor.parcel} was scanned")
        elif inside not in (None, self.visitor.parcel):
            self.ledger.accuse(f"{self.bank}: door {door} opened to stock {self.visitor.parcel}, "
                               f"but {inside} lies in it")
        else:
            self.ledger.put(self.visitor.parcel, self.bank, door)

    def _retrieve(self, door, inside, granted):
        if inside == self.visitor.parcel:
            self.ledger.back_to_shelf(inside)
        elif inside:
            self.ledger.accuse(f"{self.bank}: door {door} opened to retrieve "
                               f"{self.visitor.parcel}, but {inside} lies in it")
