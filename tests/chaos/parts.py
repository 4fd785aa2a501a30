"""The real parts of a chaos run: broker, HQ and banks, with the man in the middle between them."""

import getpass
import json
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time
import uuid

import bank as parts
from cabinet import Cabinet
from processes import Process, free_port, program
from scripted_kiosk import ScriptedKiosk
from simbank_doors import SimbankDoors
from stores import rows

BRANCHES = {"hk-canton": (852, ["hk-canton-1", "hk-canton-2"]), "tst-east": (853, ["tst-east-1"])}
REAL_KIOSK = "hk-canton-2"  # has pickup-kiosk and pickup-simbank; the others a scripted kiosk
DOORS = 24
DAY_MS = 86_400_000
PURPOSES = ["collect", "stock", "retrieve", "inspect", "remote"]  # of the store's grants
SETTINGS = ("[hq]\npoll=2s\nkeepalive=5s\n"
            "[doors]\nreport_timeout=11s\nclose_timeout=3s\nopen_timeout=400ms\n"
            "[staff]\nsession_timeout=5s\n")


class PlainBroker(parts.Broker):
    """mosquitto without TLS: the man in the middle has to read the packets. The ACL stays."""

    def __init__(self, folder):
        self.folder, self.port = pathlib.Path(folder), free_port()
        acl, config = self.folder / "acl", self.folder / "broker.conf"
        acl.write_text(parts.ACL)
        acl.chmod(0o644)
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}\n"
            "persistence false\nset_tcp_nodelay true\nmax_queued_messages 1000\n"
            f"user {getpass.getuser()}\n")
        executable = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        Process.__init__(self, folder, "broker", [executable, "-c", config])


class Hq(parts.Hq):
    """pickup-hq on a disk that fails on demand; its verbs are the installed program's."""

    def __init__(self, site):
        super().__init__(site, BRANCHES)
        self.words[0] = str(program("pickup-hq-faulty"))
        self.rules = site.folder / "hq.faults"
        self.environment["PICKUP_FAULTS"] = str(self.rules)

    @staticmethod
    def parse(text):
        """What a verb printed as JSON; None when it was cut off."""
        try:
            return json.loads(text)
        except ValueError:
            return None

    def import_and_kill(self, path, after_s):
        """An import that is killed in the middle; False."""
        words = [program("pickup-hq"), f"--config={self.config}", f"--state={self.state}", "import",
                 path]
        child = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        time.sleep(after_s)
        child.kill()
        child.wait()
        return False


class Bank(parts.Bank):
    """pickupd on a disk that fails on demand and with a clock that jumps."""

    def __init__(self, site, name, seed, ledger, **settings):
        branch = next(b for b, (_, banks) in BRANCHES.items() if name in banks)
        super().__init__(site, name, doors=DOORS, branch=branch, number=BRANCHES[branch][0],
                         settings=SETTINGS, pulse="50ms", **settings)
        self.branch, self.seed = branch, seed
        self.words[0] = str(program("pickupd-faulty"))
        self.rules = self.folder / "faults"
        self.environment["PICKUP_FAULTS"] = str(self.rules)
        self.jump(0)
        self.reboot()
        self.cabinet = Cabinet(ledger, name, DOORS, seed)
        self.cabinet.purpose_of = self.purpose_of
        self.doors = self.scripted = None

    def reboot(self):
        """From the next start on the machine has another boot id."""
        self.boot = uuid.uuid4().hex
        self.environment["PICKUP_BOOT_ID"] = self.boot

    def jump(self, offset_ms):
        """A clock that is wrong by days has no time server: that one says so itself."""
        self.turn_clock(offset_ms=offset_ms,
                        synchronised="yes" if abs(offset_ms) < DAY_MS else "no")

    def purpose_of(self, door, grant):
        """Of a grant, or with 0 of the newest of a door: (purpose, parcel); None when unknown."""
        try:
            found = rows(self.state / "bank.db", "SELECT purpose, parcel FROM grants WHERE door = ?"
                         " AND id = coalesce(nullif(?, 0), id) ORDER BY id DESC LIMIT 1",
                         door, grant)
        except sqlite3.Error:
            return None
        return (PURPOSES[found[0][0]], found[0][1] or None) if found else None

    def open_doors(self):
        """Brings up kiosk and doors; waits for nothing."""
        if self.bank != REAL_KIOSK:
            self.scripted = ScriptedKiosk(self, self.cabinet, self.boot)
            return
        self.simbank("--auto-close=150", f"--seed={self.seed}")
        self.doors = SimbankDoors(self.simbank_process.socket, self.cabinet)
        self.kiosk_process = parts.Kiosk(self, fps=1, width=360, height=640)
        self.start_kiosk()

    def start_kiosk(self):
        if self.scripted:
            self.scripted.revive(self.boot)
            return
        self.kiosk_process.environment["PICKUP_BOOT_ID"] = self.boot
        self.kiosk_process.start(ready=False)

    def kill_kiosk(self):
        if self.scripted:
            self.scripted.kill()
        else:
            self.kiosk_process.kill()

    def freeze_kiosk(self, frozen):
        if self.scripted:
            self.scripted.freeze(frozen)
        elif self.kiosk_process.running():
            self.kiosk_process.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def jam(self, door):
        self.cabinet.jam(door)

    def stop(self, seconds=10.0):
        if self.scripted:
            self.scripted.stop()
        if self.doors:
            self.doors.stop()
        return super().stop(seconds)


class Site(parts.Site):
    def __init__(self, folder, middle_of):
        """`middle_of(broker port)` makes the man in the middle."""
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.broker = PlainBroker(self.folder)
        self.middle = middle_of(self.broker.port)
        self.hq_process, self.banks = None, []

    def connection(self, user):
        return f"host=127.0.0.1\nport={self.middle.port}\n"

    def hq(self, start=True):
        self.hq_process = Hq(self)
        with self.hq_process.config.open("a") as config:
            config.write("[broker]\nkeepalive=5s\n")
        return self.hq_process.start() if start else self.hq_process

    def bank(self, name, seed, ledger):
        bank = Bank(self, name, seed, ledger)
        self.banks.append(bank)
        return bank.start()

    def stop(self):
        super().stop()
        self.middle.stop()
