"""The kiosk's part of docs/dbus.md in a thread: grants in, pulses and reports out.

It behaves as pickup-kiosk does where the promises depend on it: it carries out only what it was
told while attached, checks boot id and deadline before every pulse, repeats reports until they are
taken, says `busy` for what it has not told yet, and forgets everything when it is killed.
"""

import collections
import dataclasses
import random
import threading
import time

from bank_bus import Away, BankBus, BusError, KIOSK_NAME
from cabinet import boot_us

STEP_S = 0.005
OPEN_TIMEOUT_S = 0.25
RETRY_S = 0.25
REPEATED = 0.15  # of the reports are told again, as when the answer to the first was lost
HOPELESS = {"org.freedesktop.DBus.Error.InvalidArgs", "io.pickupd.Error.NotFound"}


@dataclasses.dataclass
class Grant:
    number: int
    door: int
    parcel: str
    boot: str
    deadline_us: int
    pulses: int
    due: float = 0.0  # when the next pulse is due if the door has not opened
    opened: bool = False


class ScriptedKiosk:
    def __init__(self, bank, cabinet, boot):
        self.bank, self.cabinet, self.boot = bank, cabinet, boot
        self.rng = random.Random(f"{bank.seed} kiosk {bank.bank}")
        self.ending, self.frozen, self.dead = (threading.Event() for _ in range(3))
        self.thread = threading.Thread(target=self._run, name=f"kiosk {bank.bank}", daemon=True)
        self._forget()
        self.thread.start()

    # --- what happens to it ----------------------------------------------------------------------

    def kill(self):
        self.dead.set()

    def revive(self, boot):
        self.boot = boot
        self.dead.clear()

    def freeze(self, frozen):
        (self.frozen.set if frozen else self.frozen.clear)()

    def stop(self):
        self.ending.set()
        self.thread.join(10)

    # --- its loop --------------------------------------------------------------------------------

    def _forget(self):
        self.bus, self.attached = None, False
        self.grants, self.reports, self.retry = {}, collections.deque(), 0.0
        self.sensors = {}

    def _run(self):
        while not self.ending.is_set():
            if self.dead.is_set():
                if self.bus:
                    self.bus.close()
                self._forget()
                time.sleep(STEP_S)
            elif self.frozen.is_set():
                time.sleep(STEP_S)
            else:
                self._turn()
        if self.bus:
            self.bus.close()

    def _turn(self):
        try:
            if not self.bus:
                self._connect()
            self.bus.listen(STEP_S)
            self._follow_owner()
            if not self.attached and time.monotonic() >= self.retry:
                self._attach()
            self._take_grants()
            self._move()
            self._deliver()
        except (Away, OSError, TimeoutError):
            self.retry = time.monotonic() + RETRY_S

    def _connect(self):
        self.bus = BankBus(self.bank.bus.address)
        self.bus.own(KIOSK_NAME)
        self.granted = self.bus.watch("io.pickupd.Bank1", "Granted")
        self.owners = self.bus.watch("org.freedesktop.DBus", "NameOwnerChanged", "io.pickupd.Bank1")
        self.cabinet.take_edges()  # nobody held the lines until now
        self.sensors = {door: self.cabinet.is_open(door) for door in self._all()}

    def _all(self):
        return range(1, self.cabinet.doors + 1)

    def _follow_owner(self):
        while self.owners:
            self.owners.popleft()
            self.attached, self.retry = False, 0.0

    def _attach(self):
        self.retry = time.monotonic() + RETRY_S
        busy = {grant.door for grant in self.grants.values()} | {r[0] for r in self.reports}
        doors = [(door, "busy" if door in busy else "open" if self.sensors[door] else "closed")
                 for door in self._all()]
        try:
            self.bus.call("Attach", "a(us)", doors)
        except BusError:
            return
        self.granted.clear()  # what was granted before is judged by what we have just told
        self.attached = not self.owners

    def _take_grants(self):
        while self.granted:
            body = self.granted.popleft().body
            if self.attached:
                number, _, door, parcel, boot, deadline_us, pulses = body
                self.grants[number] = Grant(number, door, parcel, boot, deadline_us, pulses)

    def _move(self):
        """Pulses that are due, and the edges of the sensors."""
        for door, is_open in self.cabinet.take_edges():
            if is_open != self.sensors[door]:
                self.sensors[door] = is_open
                self._edge(door, is_open)
        now = time.monotonic()
        for grant in list(self.grants.values()):
            if not grant.opened and now >= grant.due:
                self._pulse(grant, now)

    def _pulse(self, grant, now):
        late = boot_us() > grant.deadline_us or grant.boot != self.boot
        if grant.pulses == 0 or late:
            self.reports.append((grant.door, "not_opened", grant.number))
            del self.grants[grant.number]
            return
        grant.pulses -= 1
        grant.due = now + OPEN_TIMEOUT_S
        self.cabinet.pulse(grant.door, grant.number, grant.boot, grant.parcel)
        self.reports.append((grant.door, "pulsed", grant.number))

    def _edge(self, door, is_open):
        grant = next((g for g in self.grants.values() if g.door == door), None)
        if is_open:
            report = "opened" if grant else "forced"
            self.reports.append((door, report, grant.number if grant else 0))
            if grant:
                grant.opened = True
        else:
            self.reports.append((door, "closed", grant.number if grant else 0))
            if grant and grant.opened:
                del self.grants[grant.number]

    def _deliver(self):
        while self.attached and self.reports:
            door, report, grant = self.reports[0]
            try:
                self.bus.call("ReportDoor", "ustt", door, report, grant, boot_us())
            except BusError as error:
                if error.name not in HOPELESS:
                    raise Away(str(error)) from None
            if self.rng.random() >= REPEATED:
                self.reports.popleft()
