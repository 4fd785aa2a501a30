"""The real parts that a test puts together: bus, broker, HQ, banks, kiosk, simulated lock bank.

    with Site(folder) as site:            # bus + broker (TLS, ACL), nothing else
        hq = site.hq()                    # pickup-hq serve
        bank = site.bank("hk-canton-1")   # pickupd with a 24-door table
        bank.simbank(); bank.kiosk()      # lock bank and kiosk of that bank
"""

import getpass
import json
import pathlib
import shutil
import socket

from authority import Authority
from processes import Process, free_port, program, run, wait_until

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={socket}</listen>
<policy context="default"><allow send_destination="*" eavesdrop="true"/>
<allow eavesdrop="true"/><allow own="*"/>
<allow user="*"/></policy></busconfig>
"""

ACL = """user hq
topic readwrite pickup/v1/#
pattern write pickup/v1/%u/up/#
pattern read pickup/v1/%u/down/#
"""


class Bus(Process):
    """A dbus-daemon of its own."""

    def __init__(self, folder, name="bus"):
        self.socket = pathlib.Path(folder) / f"{name}.socket"
        self.address = f"unix:path={self.socket}"
        config = pathlib.Path(folder) / f"{name}.conf"
        config.write_text(BUS_CONFIG.format(socket=self.socket))
        super().__init__(folder, name, ["dbus-daemon", f"--config-file={config}", "--nofork",
                                        "--nopidfile", "--nosyslog"])

    def start(self, ready=False, seconds=20.0):
        self.socket.unlink(missing_ok=True)
        super().start(ready=False)
        wait_until(self.socket.exists, "the bus's socket", seconds)
        return self


class Broker(Process):
    """A real mosquitto with TLS, client certificates and the ACL of docs/operations.md."""

    def __init__(self, folder, authority, name="broker"):
        self.folder, self.port = pathlib.Path(folder), free_port()
        certificate, key = authority.issue("localhost", server=True)
        acl = self.folder / "acl"
        acl.write_text(ACL)
        config = self.folder / f"{name}.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\ncafile {authority.ca}\ncertfile {certificate}\n"
            f"keyfile {key}\nrequire_certificate true\nuse_identity_as_username true\n"
            f"allow_anonymous false\nacl_file {acl}\npersistence false\nset_tcp_nodelay true\n"
            f"max_queued_messages 1000\nuser {getpass.getuser()}\n")
        for path in (acl, certificate, key, authority.ca):
            path.chmod(0o644)
        executable = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        super().__init__(folder, name, [executable, "-c", config])

    def start(self, ready=False, seconds=20.0):
        super().start(ready=False)

        def listening():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listening, "the broker's port", seconds)
        return self


def write_doors(path, count=24, pulse="100ms"):
    """A table of doors: three columns, mostly small, the lowest row low."""
    sizes = ["S", "S", "M", "S", "M", "L", "S", "XL"]
    lines = []
    for number in range(1, count + 1):
        column, row = (number - 1) // 8 + 1, (number - 1) % 8 + 1
        lines.append(f"[door {number}]\nsize={sizes[row - 1]}\nlow={'yes' if row >= 6 else 'no'}\n"
                     f"column={column}\nrow={row}\npulse={pulse}\n")
    path.write_text("\n".join(lines))


class Faults:
    """What the disk of a faulty program does wrong (docs/development.md)."""

    def __init__(self, folder):
        self.file = pathlib.Path(folder) / "faults"
        self.environment = {"PICKUP_FAULTS": str(self.file)}

    def set(self, *rules):
        """From now on these; counters start anew."""
        after = self.file.with_suffix(".next")
        after.write_text("".join(f"{rule}\n" for rule in rules))
        after.rename(self.file)

    def clear(self):
        self.file.unlink(missing_ok=True)

    def hits(self):
        """What has struck since forget_hits()."""
        path = self.file.with_suffix(".hits")
        return path.read_text().splitlines() if path.exists() else []

    def forget_hits(self):
        self.file.with_suffix(".hits").unlink(missing_ok=True)


class Hq(Process):
    """pickup-hq with a state folder and one branch."""

    def __init__(self, site, branches=None, faulty=False):
        self.site, self.folder = site, site.folder / "hq"
        self.folder.mkdir(exist_ok=True)
        self.state = self.folder / "state"
        self.config = self.folder / "hq.conf"
        branches = branches or {"hk-canton": (852, ["hk-canton-1", "hk-canton-2"])}
        self.config.write_text(
            f"[broker]\nuser=hq\n{site.connection('hq')}"
            "backoff_min=50ms\nbackoff_max=500ms\nack_repeat=1s\n"
            + "".join(f"[branch {name}]\nnumber={number}\nbanks={' '.join(banks)}\n"
                      for name, (number, banks) in branches.items()))
        self.faults = Faults(self.folder) if faulty else None
        super().__init__(site.folder, "hq", [program("pickup-hq-faulty" if faulty else "pickup-hq"), f"--config={self.config}",
                                             f"--state={self.state}", "serve"],
                         self.faults.environment if faulty else None)
        if not (self.state / "hq.db").exists():
            self.do("init")

    def do(self, *words, check=True, seconds=120):
        """Runs one verb of pickup-hq."""
        return run(self.words[0], f"--config={self.config}", f"--state={self.state}",
                   *words, check=check, seconds=seconds,
                   environment=self.faults.environment if self.faults else None)

    def json(self, *words):
        return json.loads(self.do(*words, "--json").stdout)


class Bank(Process):
    """pickupd of one bank, with its folder of configuration and state."""

    def __init__(self, site, name, doors=24, branch="hk-canton", number=852, settings="",
                 pulse="100ms", faulty=False):
        self.site, self.bank, self.folder = site, name, site.folder / name
        self.folder.mkdir(exist_ok=True)
        self.state = self.folder / "state"
        self.state.mkdir(exist_ok=True)
        self.clock = self.folder / "clock"  # see turn_clock()
        self.bus = Bus(self.folder)
        self.n_doors = doors
        write_doors(self.folder / "doors.conf", doors, pulse)
        for key in ("feed.pub", "number.key"):
            shutil.copy(site.hq_process.state / key, self.folder / key)
        self.config = self.folder / "pickupd.conf"
        self.config.write_text(
            f"[bank]\nname={name}\nbranch={branch}\nbranch_number={number}\n"
            f"doors_file=doors.conf\n[hq]\n{site.connection(name)}"
            "feed_key=feed.pub\nbackoff_min=50ms\nbackoff_max=500ms\nresend=1s\nstatus=1s\n"
            f"[keys]\nnumber_key=number.key\n{settings}")
        self.simbank_process = self.kiosk_process = None
        self.faults = Faults(self.folder) if faulty else None
        super().__init__(self.folder, "pickupd",
                         [program("pickupd-faulty" if faulty else "pickupd"), f"--config={self.config}", f"--state={self.state}",
                          f"--bus={self.bus.address}"],
                         {"PICKUP_CLOCK": "trusted", "PICKUP_CLOCK_FILE": str(self.clock),
                          **(self.faults.environment if faulty else {})})

    def start(self, ready=True, seconds=20.0):
        if not self.bus.running():
            self.bus.start()
        return super().start(ready, seconds)

    def stop(self, seconds=10.0):
        for part in (self.kiosk_process, self.simbank_process):
            if part:
                part.stop()
        code = super().stop(seconds)
        self.bus.stop()
        return code

    def turn_clock(self, **words):
        """Turns the clock of this bank: offset_ms, boot_offset_ms, synchronised ("yes" or "no"), rtc;
        without any it is right again (common/clock.h)."""
        new = self.clock.with_suffix(".new")
        new.write_text(" ".join(f"{name}={value}" for name, value in words.items()) + "\n")
        new.rename(self.clock)

    def ctl(self, *words, check=True, seconds=60):
        """pickupctl against this bank."""
        return run(program("pickupctl"), f"--bus={self.bus.address}", *words, check=check,
                   seconds=seconds)

    def json(self, *words):
        return json.loads(self.ctl(*words, "--json").stdout)

    def call(self, method, signature="", *arguments, check=True):
        """One method of io.pickupd.Bank1 with busctl; the reply's data as a list."""
        done = run("busctl", f"--address={self.bus.address}", "--json=short", "call",
                   "io.pickupd.Bank1", "/io/pickupd/bank1", "io.pickupd.Bank1", method,
                   *([signature, *arguments] if signature else []), check=check)
        return json.loads(done.stdout)["data"] if done.stdout.strip() else []

    def simbank(self, *options):
        self.simbank_process = Simbank(self, options)
        return self.simbank_process.start()

    def kiosk(self, **settings):
        self.kiosk_process = Kiosk(self, **settings)
        self.kiosk_process.start()
        wait_until(lambda: self.json("status")["kiosk"], "the kiosk to tell where its doors stand")
        return self.kiosk_process


class Simbank(Process):
    """pickup-simbank: the lock bank's simulator."""

    def __init__(self, bank, options=()):
        self.socket = bank.folder / "simbank.socket"
        super().__init__(bank.folder, "simbank",
                         [program("pickup-simbank"), f"--doors={bank.n_doors}",
                          f"--socket={self.socket}", *options])

    def start(self, ready=False, seconds=20.0):
        self.socket.unlink(missing_ok=True)
        super().start(ready=False)
        wait_until(self.socket.exists, "the simulated lock bank", seconds)
        return self

    def do(self, command):
        """One command of its control language, for example "jam 5"; its answer as text."""
        return run(program("pickup-simbank"), f"--socket={self.socket}", "do", command).stdout


class Kiosk(Process):
    """pickup-kiosk with a folder as its camera and PNGs as its screen."""

    def __init__(self, bank, screen="mem", fps=10, width=1080, height=1920, settings=""):
        self.bank = bank
        self.camera, self.screens = bank.folder / "camera", bank.folder / "screens"
        self.trace_file = bank.folder / "trace.jsonl"
        for folder in (self.camera, self.screens):
            folder.mkdir(exist_ok=True)
        self.config = config = bank.folder / "kiosk.conf"
        config.write_text(
            "[kiosk]\ndoors_file=doors.conf\n"
            f"[camera]\nbackend=files\nfolder={self.camera}\nfps={fps}\n"
            f"[decoder]\nprogram={program('pickup-decode')}\nframe_limit=1s\n"
            f"[lock]\nbackend=sim\nsocket={bank.folder / 'simbank.socket'}\nrest=50ms\n"
            f"[screen]\nbackend={screen}\nwidth={width}\nheight={height}\n"
            f"folder={self.screens}\n{settings}")
        super().__init__(bank.folder, "kiosk",
                         [program("pickup-kiosk"), f"--config={config}",
                          f"--bus={bank.bus.address}", f"--trace={self.trace_file}"],
                         {"PICKUP_CLOCK_FILE": str(bank.clock)})

    def show(self, text, seed=1, **options):
        """Holds a code to the camera as a phone in a hand would show it."""
        picture = self.camera / ".next.jpg"
        words = [f"--{name}={value}" for name, value in options.items()]
        run(program("pickup-phone-picture"), f"--seed={seed}", *words, f"--output={picture}", text)
        picture.rename(self.camera / "0.jpg")

    def show_nothing(self):
        for path in self.camera.glob("*.jpg"):
            path.unlink()

    def shown(self):
        """Names of the screens so far: attract, opening …"""
        return [path.stem.split("-", 1)[1] for path in sorted(self.screens.glob("[0-9]*.png"))]

    def decoder(self):
        """The process id of its decoder, or 0."""
        children = pathlib.Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def traces(self):
        """The lines of the latency trace so far."""
        if not self.trace_file.exists():
            return []
        return [json.loads(line) for line in self.trace_file.read_text().splitlines() if line]


class Site:
    """A folder with a broker, HQ and any number of banks; ends all of them."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.authority = Authority(self.folder / "ca")
        self.broker = Broker(self.folder, self.authority)
        self.hq_process, self.banks = None, []

    def __enter__(self):
        self.broker.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def connection(self, user):
        """The lines of a configuration that lead `user` to the broker."""
        certificate, key = self.authority.issue(user)
        return (f"host=127.0.0.1\nport={self.broker.port}\nca_file={self.authority.ca}\n"
                f"certificate_file={certificate}\nkey_file={key}\n")

    def hq(self, start=True, **settings):
        self.hq_process = Hq(self, **settings)
        return self.hq_process.start() if start else self.hq_process

    def bank(self, name="hk-canton-1", start=True, **settings):
        bank = Bank(self, name, **settings)
        self.banks.append(bank)
        return bank.start() if start else bank

    def stop(self):
        for process in (*reversed(self.banks), self.hq_process, self.broker):
            if process:
                process.stop()
        self.banks = []
