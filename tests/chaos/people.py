"""Staff and customers of one bank, one after the other, as a queue in front of a kiosk is."""

import random
import threading
import time

from bank_bus import Away, BankBus, BusError
from cabinet import Visitor

SIGNATURE_CHARACTERS = 96  # at the end of a code: 64 bytes in Base45
IDLE = {"idle", "collected", "failed"}
LOOK_AT = {"unconfirmed", "jammed", "faulty", "out_of_service"}
ACTIONS = {"_stock": 34, "_collect": 36, "_wrong_bank": 8, "_forged": 6, "_look": 12,
           "_retrieve": 4}


class People:
    def __init__(self, bank, ledger, codes, seed):
        self.bank, self.cabinet = bank, bank.cabinet
        self.ledger, self.codes = ledger, codes
        self.rng = random.Random(f"{seed} people {bank.bank}")
        self.done = {}   # outcome of what they did: how often
        self.failure = None
        self.bus, self.ending = None, threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"people {bank.bank}", daemon=True)

    def start(self):
        self.thread.start()

    def stop(self, seconds=150):
        self.ending.set()
        self.thread.join(seconds)
        if self.thread.is_alive():
            raise TimeoutError(f"{self.bank.bank}: somebody still waits: {self.cabinet.visitor}")
        if self.failure:
            raise self.failure

    def _run(self):
        try:
            self.bus = BankBus(self.bank.bus.address)
            while not self.ending.is_set():
                action = self.rng.choices(list(ACTIONS), ACTIONS.values())[0]
                try:
                    getattr(self, action)()
                except Away:
                    self._count(action, "away")
                    time.sleep(0.05)
                time.sleep(self.rng.uniform(0, 0.03))
        except Exception as error:  # a mistake of the test itself must not pass for a quiet bank
            self.failure = error

    def _count(self, action, outcome):
        key = f"{action[1:]}: {outcome}"
        self.done[key] = self.done.get(key, 0) + 1

    # --- standing there --------------------------------------------------------------------------

    def _await_end(self):
        """Waits until the session is over and no grant is out, whatever dies meanwhile."""
        while True:
            try:
                session, state, _ = self.bus.call("GetSession")
                if state in IDLE and not self.bus.call("GetGrants")[0]:
                    if session:
                        self._try("EndSession", "ts", session, "done")
                    return
            except (Away, BusError):
                time.sleep(0.05)
            time.sleep(0.01)

    def _try(self, method, signature, *arguments):
        try:
            return self.bus.call(method, signature, *arguments)
        except BusError:
            return None

    def _visit(self, action, visitor, method, signature, *arguments):
        """One verb with somebody in front of the doors until it is over. The outcome, or "lost"
        when nobody can tell whether the bank has heard it."""
        self._await_end()
        self.cabinet.stand(visitor)
        try:
            outcome = self.bus.call(method, signature, *arguments)[0]
        except Away:
            outcome = "lost"
        except BusError as error:
            outcome = error.name
        self._await_end()
        self.cabinet.stand(Visitor())
        self._count(action, outcome)
        return outcome

    # --- what they do ----------------------------------------------------------------------------

    def _stock(self):
        parcel = self.ledger.take_from_shelf(self.bank.branch, self.rng)
        if not parcel:
            return
        try:
            label = self.rng.choice([parcel, f"B{parcel}"])
            self._visit("_stock", Visitor("stock", parcel=parcel), "Stock", "su", label, 0)
        finally:
            if parcel not in self.ledger.inside(self.bank.bank).values():
                self.ledger.back_to_shelf(parcel)

    def _collect(self, parcel=None):
        inside = list(self.ledger.inside(self.bank.bank).values())
        if not inside:
            return
        self._present("_collect", self.ledger.order_of[parcel or self.rng.choice(inside)])

    def _wrong_bank(self):
        with self.ledger.lock:
            orders = list(self.ledger.orders)
        if orders:
            self._present("_wrong_bank", self.rng.choice(orders))

    def _present(self, action, order):
        code = self.codes.of(order)
        if not code:
            return
        dead, applied = self.ledger.dead.get(order, (None, set()))
        if dead and self.bank.bank in applied and self.rng.random() < 0.5:
            code = dead
        settled = self.bank.bank in self.ledger.settled.get(order, set())
        method, text = self.rng.choice([("Present", code["code"]), ("Present", code["code"]),
                                        ("EnterNumber", code["number"])])
        outcome = self._visit(action, Visitor("customer", order=order), method, "s", text)
        if outcome == "opening" and code is dead:
            self.ledger.accuse(f"{self.bank.bank}: {order} opened by the code before a hand-over")
        if outcome == "opening" and settled and order in self.ledger.settled:
            self.ledger.accuse(f"{self.bank.bank}: {order} opened after its cancel was done")
        if outcome in ("unknown", "not_stocked", "transferred"):
            self.codes.forget(order)  # the mini-program shows a newer one

    def _forged(self):
        inside = list(self.ledger.inside(self.bank.bank).values())
        code = inside and self.codes.of(self.ledger.order_of[self.rng.choice(inside)])
        if not code:
            return
        text = list(code["code"])
        at = self.rng.randrange(len(text) - SIGNATURE_CHARACTERS, len(text))
        text[at] = self.rng.choice([c for c in "0123456789ABCDEF" if c != text[at]])
        outcome = self._visit("_forged", Visitor(), "Present", "s", "".join(text))
        if outcome in ("opening", "staff", "stocking"):
            self.ledger.accuse(f"{self.bank.bank}: a forged code was answered with {outcome}")

    def _retrieve(self):
        """Staff take out what was called back."""
        inside = self.ledger.inside(self.bank.bank)
        back = [parcel for parcel in inside.values()
                if self.ledger.orders[self.ledger.order_of[parcel]].wanted() == "cancelled"]
        if back:
            parcel = self.rng.choice(back)
            self._visit("_retrieve", Visitor("retrieve", parcel=parcel), "Retrieve", "s", parcel)

    def _look(self):
        """Staff look into the doors that the bank is not sure of, and say what they see."""
        self._await_end()
        for door, *_, state, _, _, _, _ in self.bus.call("ListDoors")[0]:
            if state not in LOOK_AT or self.cabinet.is_open(door):
                continue
            self.cabinet.unjam(door)
            finding = "parcel" if door in self.ledger.inside(self.bank.bank) else "empty"
            self._try("ResolveDoor", "us", door, finding)
            self._count("_look", f"{state}: {finding}")

    # --- after the storm -------------------------------------------------------------------------

    def tidy(self, seconds=90):
        """Everything is well again: staff look into every doubtful door until there is none."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                self._look()
                if not [d for d in self.bus.call("ListDoors")[0] if d[3] in LOOK_AT]:
                    return
            except Away:
                pass
            time.sleep(0.1)
        raise TimeoutError(f"{self.bank.bank}: doors stay doubtful: "
                           f"{[d for d in self.bus.call('ListDoors')[0] if d[3] in LOOK_AT]}")


class Codes:
    """The codes in the customers' phones, fetched once from HQ."""

    def __init__(self, hq):
        self.hq, self.known, self.lock = hq, {}, threading.Lock()

    def of(self, order):
        with self.lock:
            if order in self.known:
                return self.known[order]
        done = self.hq.do("code", order, "--json", check=False)
        code = self.hq.parse(done.stdout) if done.returncode == 0 else None
        if not code or not code["code"] or not code["number"]:
            return None  # none is shown while a hand-over is pending
        with self.lock:
            self.known[order] = code
        return code

    def forget(self, order):
        with self.lock:
            self.known.pop(order, None)
