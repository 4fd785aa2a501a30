"""Carries out the schedule: breaks each thing at its time, and mends it again as systemd would."""

import heapq
import itertools
import signal
import subprocess
import time

from schedule import EVENING
from stores import write_whole

STEP_S = 0.02
BACKUP_EVERY_S = 3.0
BACKUP_S = 2.0
POWER_S = 0.5  # a write comes within this time, or the power goes between two writes
RESTART_S = 0.3  # a program that ended by itself comes back after this, as with Restart=always
DISK_RULES = ["grow 1+ full", "write 1+ full", "write 1+ eio", "sync 1+ eio", "change 1+ readonly"]
POWER_RULES = ["write {n} power", "sync {n} power", "write {n} torn", "sync {n} torn",
               "write {n} kill", "sync@wal {n} kill-after"]


class Part:
    """A program that the director keeps running."""

    def __init__(self, name, process, start):
        self.name, self.process, self.start = name, process, start
        self.down, self.bad_disk = 0, 0  # how many faults keep it so
        self.died_at, self.deaths = None, []


class Director:
    def __init__(self, site, desk, banks, backups):
        self.site, self.desk, self.backups = site, desk, backups
        self.banks = {bank.bank: bank for bank in banks}
        self.actions, self.order = [], itertools.count()
        self.done, self.turned = {}, set()
        hq, broker = site.hq_process, site.broker
        self.parts = {"hq": Part("hq", hq, lambda: hq.start(ready=False)),
                      "broker": Part("broker", broker, broker.start)}
        for bank in banks:
            self.parts[bank.bank] = Part(bank.bank, bank, lambda b=bank: b.start(ready=False))
            if bank.kiosk_process:
                self.parts[f"kiosk of {bank.bank}"] = Part(
                    f"kiosk of {bank.bank}", bank.kiosk_process, bank.start_kiosk)
        self.kiosks_down = {name: 0 for name in self.banks}

    # --- time ------------------------------------------------------------------------------------

    def _at(self, when_s, act, *arguments):
        heapq.heappush(self.actions, (when_s, next(self.order), act, arguments))

    def _after(self, fault, act, *arguments):
        self._at(fault.at_s + fault.span_s, act, *arguments)

    def run(self, faults, seconds):
        self.began = time.monotonic()
        for fault in faults:
            self._at(fault.at_s, self._break, fault)
        for k in range(int(seconds / BACKUP_EVERY_S)):
            self._at(BACKUP_EVERY_S * k + 1, self.backups.make)
        while True:
            now_s = time.monotonic() - self.began
            if now_s >= seconds and not self.actions:
                return
            if self.actions and self.actions[0][0] <= now_s:
                _, _, act, arguments = heapq.heappop(self.actions)
                act(*arguments)
            else:
                self.supervise()
                time.sleep(STEP_S)

    def _break(self, fault):
        self.done[fault.kind] = self.done.get(fault.kind, 0) + 1
        getattr(self, f"_do_{fault.kind}")(fault)

    # --- programs --------------------------------------------------------------------------------

    def supervise(self):
        """Starts again what ended by itself, and remembers that it did."""
        for part in self.parts.values():
            if part.down or part.process.running():
                part.died_at = None
            elif part.died_at is None:
                part.died_at = time.monotonic()
                # SIGKILL was a rule of ours; with a bad disk a program may say so and end.
                if part.process.child.returncode != -signal.SIGKILL and not part.bad_disk:
                    part.deaths.append(part.process.child.returncode)
            elif time.monotonic() - part.died_at >= RESTART_S:
                part.died_at = None
                part.start()

    def _stop(self, name):
        part = self.parts[name]
        part.down += 1
        part.process.kill()

    def _continue(self, name):
        part = self.parts[name]
        part.down -= 1
        if not part.down and not part.process.running():
            part.start()

    def _kiosk_away(self, bank):
        self.kiosks_down[bank] += 1
        name = f"kiosk of {bank}"
        if name in self.parts:
            self._stop(name)
        else:
            self.banks[bank].kill_kiosk()

    def _kiosk_back(self, bank):
        self.kiosks_down[bank] -= 1
        name = f"kiosk of {bank}"
        if name in self.parts:
            self._continue(name)
        elif not self.kiosks_down[bank]:
            self.banks[bank].start_kiosk()

    def _do_kill(self, fault):
        if fault.target.startswith("kiosk of "):
            bank = fault.target.removeprefix("kiosk of ")
            self._kiosk_away(bank)
            self._after(fault, self._kiosk_back, bank)
            return
        self._stop(fault.target)
        self._after(fault, self._continue, fault.target)

    def _do_wipe(self, fault):
        self._do_kill(fault)

    def _do_power(self, fault):
        """The power of a whole bank, in the middle of a write when one comes in time."""
        bank = self.banks[fault.target]
        write_whole(bank.rules, POWER_RULES[fault.amount % len(POWER_RULES)].format(
            n=1 + fault.amount % 7) + "\n")
        self.desk.hurry.set()  # so that there is something to write
        self._at(fault.at_s + POWER_S, self._power_off, fault, bank)

    def _power_off(self, fault, bank):
        self._stop(fault.target)
        self._kiosk_away(fault.target)
        bank.rules.unlink(missing_ok=True)
        self._at(fault.at_s + POWER_S + fault.span_s, self._power_on, bank)

    def _power_on(self, bank):
        bank.reboot()
        self._continue(bank.bank)
        self._kiosk_back(bank.bank)

    def _do_freeze(self, fault):
        if fault.target.startswith("kiosk of "):
            bank = fault.target.removeprefix("kiosk of ")
            self.banks[bank].freeze_kiosk(True)
            self._after(fault, self.banks[bank].freeze_kiosk, False)
            return
        part = self.parts[fault.target]
        if part.process.running():
            part.process.signal(signal.SIGSTOP)
            self._after(fault, self._thaw, part, part.process.pid)

    @staticmethod
    def _thaw(part, pid):
        if part.process.running() and part.process.pid == pid:
            part.process.signal(signal.SIGCONT)

    # --- the network -----------------------------------------------------------------------------

    def _do_cut(self, fault):
        self.site.middle.cut(fault.target)

    def _do_stall(self, fault):
        self.site.middle.gates(fault.target, False)
        self._after(fault, self.site.middle.gates, fault.target, True)

    def _do_half(self, fault):
        directions = (fault.amount,)
        self.site.middle.gates(fault.target, False, directions)
        self._after(fault, self.site.middle.gates, fault.target, True, directions)

    def _do_weather(self, fault):
        self.site.middle.set_weather(fault.target, fault.weather)
        self._after(fault, self.site.middle.clear_weather, fault.target)

    def _do_refuse(self, fault):
        self.site.middle.refuse(True)
        self._after(fault, self.site.middle.refuse, False)

    # --- the rest --------------------------------------------------------------------------------

    def _do_clock(self, fault):
        self.turned.add(fault.target)
        self.banks[fault.target].jump(fault.amount)

    def _do_disk(self, fault):
        rules = self.banks[fault.target].rules if fault.target in self.banks \
            else self.site.hq_process.rules
        write_whole(rules, DISK_RULES[fault.amount % len(DISK_RULES)] + "\n")
        self.parts[fault.target].bad_disk += 1
        self._after(fault, self._mend_disk, fault, rules)

    def _mend_disk(self, fault, rules):
        """The rules of a later fault of the same disk go too."""
        rules.unlink(missing_ok=True)
        self._at(fault.at_s + fault.span_s + 2, self._forgive_disk, self.parts[fault.target])

    @staticmethod
    def _forgive_disk(part):
        part.bad_disk -= 1

    def _do_jam(self, fault):
        self.banks[fault.target].jam(fault.amount)

    def _do_import(self, _):
        self.desk.kill_next.set()

    def _do_restore(self, fault):
        """HQ is stopped and takes up the backup of some time ago."""
        self._stop("hq")
        self.desk.ledger.undo_settled()
        self.backups.restore(fault.amount)
        self.desk.ledger.undo_settled()
        self._after(fault, self._continue, "hq")

    # --- the end ---------------------------------------------------------------------------------

    def heal(self):
        """Everything is mended but for what a broker may always do: lose and double. Every program
        is started again."""
        self.site.middle.heal(EVENING)
        self.site.hq_process.rules.unlink(missing_ok=True)
        for bank in self.banks.values():
            bank.rules.unlink(missing_ok=True)
            bank.jump(0)
            bank.freeze_kiosk(False)
        for part in self.parts.values():
            assert not part.down, f"{part.name} is still down"
            if part.process.running():
                part.process.signal(signal.SIGCONT)
            else:
                part.start()

    def unexpected(self):
        """Programs that ended by themselves, and with what."""
        return {part.name: part.deaths for part in self.parts.values() if part.deaths}


class Backups:
    """Copies of HQ's database that are made now and then, for a restore from an older one."""

    def __init__(self, hq, folder):
        self.hq, self.folder, self.copies = hq, folder, []

    def make(self):
        """One more; given up after a while, because HQ may be frozen with the database locked."""
        path = self.folder / f"backup-{len(self.copies)}.db"
        try:
            done = self.hq.do("backup", path, "--force", check=False, seconds=BACKUP_S)
        except subprocess.TimeoutExpired:
            return
        if done.returncode == 0:
            self.copies.append(path)

    def restore(self, which):
        """HQ is stopped. Takes up one of the copies, when there is one."""
        if not self.copies:
            return
        copy = self.copies[which % len(self.copies)]
        done = self.hq.do("restore", copy, "--force", check=False)
        if done.returncode:
            raise RuntimeError(f"the restore of {copy} failed: {done.stderr}")
