"""A broker and one bank on loopback without TLS, for benchmarks of the feed; and looking at what a
program costs."""

import getpass
import os
import pathlib
import shutil
import socket
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests" / "integration"))

from bank import Bus, write_doors  # noqa: E402
from processes import Process, free_port, program, wait_until  # noqa: E402

BANK = "hk-canton-1"


class PlainBroker(Process):
    """A real mosquitto that lets everybody in."""

    def __init__(self, folder):
        self.port = free_port()
        config = pathlib.Path(folder) / "broker.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
                          "persistence false\nset_tcp_nodelay true\n"
                          f"user {getpass.getuser()}\n")
        super().__init__(folder, "broker",
                         [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", config])

    def start(self, ready=False, seconds=20.0):
        super().start(ready=False)

        def listening():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_until(listening, "the broker's port", seconds)
        return self


class PlainBank(Process):
    """pickupd that believes a given feed key."""

    def __init__(self, folder, port, feed_key):
        folder = pathlib.Path(folder) / BANK
        folder.mkdir(exist_ok=True)
        self.state = folder / "state"
        self.bus = Bus(folder)
        write_doors(folder / "doors.conf")
        (folder / "feed.pub").write_text(feed_key + "\n")
        (folder / "number.key").write_text("42" * 32 + "\n")
        (folder / "number.key").chmod(0o600)
        config = folder / "pickupd.conf"
        config.write_text(f"[bank]\nname={BANK}\nbranch=hk-canton\nbranch_number=852\n"
                          "doors_file=doors.conf\n[hq]\nhost=127.0.0.1\n"
                          f"port={port}\nfeed_key=feed.pub\nbackoff_min=50ms\nbackoff_max=500ms\n"
                          "[keys]\nnumber_key=number.key\n")
        super().__init__(folder, "pickupd",
                         [program("pickupd"), f"--config={config}", f"--state={self.state}",
                          f"--bus={self.bus.address}"], {"PICKUP_CLOCK": "trusted"})

    def start(self, ready=True, seconds=60.0):
        if not self.bus.running():
            self.bus.start()
        return super().start(ready, seconds)

    def stop(self, seconds=10.0):
        code = super().stop(seconds)
        self.bus.stop()
        return code


def cpu_seconds(pid):
    """What all threads of a process have used so far, to the nanosecond."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_mb(pid):
    """Proportional set size in MB (1,000,000 bytes)."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise RuntimeError("no Pss in smaps_rollup")


def drop(path):
    """Removes a folder of a benchmark as soon as it has done its part: these are large."""
    shutil.rmtree(path, ignore_errors=True)
    if hasattr(os, "sync"):
        os.sync()  # what it wrote must not be paid for by the next one
