"""HQ's desk: the shop's files of orders again and again, as docs/import.md says, and what an
operator does beside them: cancel, hand over, open a door from afar."""

import dataclasses
import random
import threading

from cabinet import boot_us

BATCH = 12
REMOTE_S = 2


@dataclasses.dataclass(frozen=True)
class Remote:
    """A command to open a door, and when its time was over, by the true clock."""

    identity: str
    bank: str
    door: int
    deadline_us: int


class Desk:
    def __init__(self, hq, ledger, branches, codes, folder, seed):
        self.hq, self.ledger, self.branches, self.codes = hq, ledger, branches, codes
        self.folder, self.rng = folder, random.Random(f"{seed} desk")
        self.files, self.failure = 0, None
        self.waiting = {}  # order: what HQ was told to do and has not called done
        self.remotes, self.done = [], {}
        self.kill_next, self.hurry, self.ending = (threading.Event() for _ in range(3))
        self.threads = [threading.Thread(target=self._guard, args=(work,), name=work.__name__,
                                         daemon=True) for work in (self._work, self._open_doors)]

    def start(self):
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.ending.set()
        for thread in self.threads:
            thread.join(150)
        if self.failure:
            raise self.failure

    def _guard(self, work):
        try:
            work()
        except Exception as error:  # a mistake of the test itself
            self.failure = error

    def _work(self):
        while not self.ending.is_set():
            if self.hurry.wait(self.rng.uniform(0.02, 0.35)):
                self.hurry.clear()
                self._import()
            self.rng.choices([self._import, self._change, self._look], [70, 15, 15])[0]()

    # --- the shop's files ------------------------------------------------------------------------

    def _import(self):
        self.enter(self._batch())

    def _batch(self):
        orders = {}
        for _ in range(self.rng.randrange(1, BATCH)):
            order = self.rng.choices(
                [lambda: self.ledger.new_order(self.rng.choice(list(self.branches))),
                 self.ledger.change_order, self.ledger.cancel_order], [60, 32, 8])[0]()
            if order:
                orders[order.name] = order
        return list(orders.values())

    def enter(self, orders):
        """Imports them; False when the import ended before its end, which the shop does again."""
        self.files += 1
        path = self.folder / f"import-{self.files}.json"
        self.ledger.file_of(orders, path)
        if self.kill_next.is_set():
            self.kill_next.clear()
            return self.hq.import_and_kill(path, self.rng.uniform(0, 0.05))
        done = self.hq.do("import", path, "--json", check=False)
        result = self.hq.parse(done.stdout)
        return bool(result) and result.get("complete", False) and not result["rejected"]

    def enter_everything(self):
        """The shop exports its whole book once more, what HQ has is `unchanged`; and HQ's desk does
        again what a restore may have undone."""
        with self.ledger.lock:
            orders = list(self.ledger.orders.values())
        if not self.enter(orders):
            return False
        for order in orders:
            if order.called_back:
                order.called_back = self._told("cancel", order.name) or self._is_called_back(order)
        return True

    # --- what an operator does -------------------------------------------------------------------

    def _told(self, verb, order):
        done = self.hq.do(verb, order, "--reason=chaos", "--json", check=False)
        self.done[verb, done.returncode] = self.done.get((verb, done.returncode), 0) + 1
        return done.returncode == 0

    def _is_called_back(self, order):
        """What was collected cannot be cancelled again, but stays cancelled where it was before."""
        return self._order(order.name).get("document", {}).get("status") == "cancelled"

    def _order(self, name):
        """What HQ says of an order, {} when it does not know it."""
        done = self.hq.do("order", name, "--json", check=False)
        return self.hq.parse(done.stdout) or {}

    def _holders(self, name):
        """The banks that hold a parcel of an order, as far as HQ knows."""
        parcels = self._order(name).get("document", {}).get("parcels", [])
        return {parcel["placed"]["bank"] for parcel in parcels if parcel["placed"]}

    def _change(self):
        order = self.ledger.some_order()
        if not order or order.name in self.waiting:
            return
        verb = self.rng.choice(["cancel", "handover"])
        code, banks = self.codes.of(order.name), self._holders(order.name)
        if verb == "handover" and not code:
            return
        if verb == "cancel":
            order.called_back = True  # before it is so: staff must not stock it meanwhile
        if self._told(verb, order.name):
            self.waiting[order.name] = verb, code, banks
            self.codes.forget(order.name)
        elif verb == "cancel":
            order.called_back = self._is_called_back(order)

    def _look(self):
        """Which changes HQ calls done: from then on nobody may open the old way."""
        for name, (verb, code, banks) in list(self.waiting.items()):
            turn = self.ledger.turn
            changes = [c for c in self._order(name).get("changes", []) if c["change"] == verb]
            if not changes:
                del self.waiting[name]  # a restore has undone it
            elif changes[-1]["state"] != "pending":
                del self.waiting[name]
                self.ledger.settle(name, verb, code, banks, turn)

    # --- doors from afar -------------------------------------------------------------------------

    def _open_doors(self):
        rng = random.Random(f"{self.rng.random()} remote")
        banks = [bank for banks in self.branches.values() for bank in banks]
        while not self.ending.wait(rng.uniform(0.3, 1.5)):
            bank, door = rng.choice(banks), rng.randrange(1, 25)
            done = self.hq.do("command", bank, "open", str(door), "--reason=chaos",
                              f"--seconds={REMOTE_S}", "--json", check=False)
            told = self.hq.parse(done.stdout) or {}
            outcome = told.get("result") or "no word"
            self.done["open", outcome] = self.done.get(("open", outcome), 0) + 1
            if "id" in told:
                # The command was made before this moment, so its time is over by then.
                over_us = boot_us() + REMOTE_S * 1_000_000
                self.remotes.append(Remote(told["id"], bank, door, over_us))
