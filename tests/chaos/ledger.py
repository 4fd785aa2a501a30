"""What really happened, as nobody's database can tell it: the shop's files and the parcels.

A parcel is at one place at a time: on the staff's shelf, in a door, or with its customer. What a
door does wrong is seen at the moment it opens, by the one who stands in front of it.
"""

import json
import random
import threading

SHELF, GONE = "shelf", "gone"
SIZES = "SSSSMML"


class Order:
    """One order of the shop, with every version that the shop has made of it."""

    def __init__(self, name, branch, parcels):
        self.name, self.branch, self.parcels = name, branch, parcels
        self.revision, self.status, self.display = 0, "confirmed", "王*"
        self.called_back = False  # by HQ itself, whatever the shop exports

    def wanted(self):
        """The status that HQ and the banks must show in the end."""
        return "cancelled" if self.called_back else self.status

    def document(self):
        return {"order": self.name, "source_rev": self.revision, "branch": self.branch,
                "status": self.status, "display": self.display, "lang": "zh-Hans",
                "ready_from": 0, "pickup_until": 0, "member_tag": f"m-{self.name}",
                "parcels": [{"parcel": parcel, "barcode": f"B{parcel}", "size": size,
                             "items": [{"sku": "PF-1", "name": {"en": "Perfume"}, "qty": 1}]}
                            for parcel, size in self.parcels.items()]}


class Ledger:
    def __init__(self, seed):
        self.rng = random.Random(f"{seed} shop")
        self.lock = threading.RLock()
        self.orders, self.order_of = {}, {}
        self.place = {}    # parcel: SHELF, GONE or (bank, door)
        self.handed = {}   # parcel: (bank, door)
        self.settled = {}  # orders whose cancel HQ has called done: the banks that have applied it
        self.turn = 0      # how often HQ was restored
        self.dead = {}     # the same of hand-overs: order: (the code that died, banks)
        self.wrong = []    # what must never happen, in words

    def accuse(self, words):
        with self.lock:
            self.wrong.append(words)

    # --- the shop --------------------------------------------------------------------------------

    def new_order(self, branch):
        with self.lock:
            name = f"CH-{len(self.orders):05}"
            parcels = {f"{name}-{k}": self.rng.choice(SIZES)
                       for k in range(1, self.rng.choice([1, 1, 1, 2, 3]) + 1)}
            order = self.orders[name] = Order(name, branch, parcels)
            for parcel in parcels:
                self.order_of[parcel], self.place[parcel] = name, SHELF
            return order

    def change_order(self):
        """Another name on the screen, on hold or off it; None when there is nothing to change."""
        with self.lock:
            order = self.some_order()
            if not order:
                return None
            order.revision += 1
            order.display = self.rng.choice("王李陳張") + "*" * self.rng.randrange(1, 4)
            order.status = self.rng.choice(["confirmed", "confirmed", "confirmed", "held"])
            return order

    def cancel_order(self):
        order = self.some_order()
        if order:
            with self.lock:
                order.revision += 1
                order.status = "cancelled"
        return order

    def some_order(self):
        """One that can still be collected; None when there is none."""
        with self.lock:
            orders = [order for order in self.orders.values() if order.wanted() != "cancelled"]
            return self.rng.choice(orders) if orders else None

    def file_of(self, orders, path):
        with self.lock:
            path.write_text(json.dumps([order.document() for order in orders]))

    def settle(self, order, verb, code, banks, turn):
        """HQ has called a change done, in the history that began with restore number `turn`.
        `banks` held a parcel of the order when it was asked for; HQ did not wait for others."""
        with self.lock:
            if turn != self.turn:
                return
            if verb == "cancel":
                self.settled[order] = banks
            else:
                self.dead[order] = code, banks

    def undo_settled(self):
        """HQ was restored: what was cancelled since the backup must be cancelled again."""
        with self.lock:
            self.turn += 1
            self.settled.clear()

    # --- the parcels -----------------------------------------------------------------------------

    def take_from_shelf(self, branch, rng):
        """A parcel to be stocked; nobody else can take it then. None when the shelf is empty."""
        with self.lock:
            ready = [parcel for parcel, place in self.place.items() if place == SHELF
                     and self.orders[self.order_of[parcel]].branch == branch
                     and self.orders[self.order_of[parcel]].wanted() != "cancelled"]
            if not ready:
                return None
            parcel = rng.choice(ready)
            self.place[parcel] = GONE
            return parcel

    def back_to_shelf(self, parcel):
        with self.lock:
            self.place[parcel] = SHELF

    def put(self, parcel, bank, door):
        with self.lock:
            self.place[parcel] = (bank, door)

    def hand_over(self, parcel, bank, door):
        with self.lock:
            if parcel in self.handed:
                self.accuse(f"{bank}: parcel {parcel} was given twice")
            self.place[parcel], self.handed[parcel] = GONE, (bank, door)

    def inside(self, bank):
        """What lies in the doors of a bank: {door: parcel}."""
        with self.lock:
            return {place[1]: parcel for parcel, place in self.place.items()
                    if isinstance(place, tuple) and place[0] == bank}
