"""Starting and ending real programs for tests, the demo and benchmarks.

Everything runs in one folder, on loopback ports that were free and Unix sockets in that folder, and
is ended by pid, in the reverse order of its start, also when a test fails.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("PICKUP_BUILD", TOP / "build"))
# A freed block is kept back for a while by ASan; with its standard of 256 MB memory never looks flat.
os.environ.setdefault("ASAN_OPTIONS", "quarantine_size_mb=4:detect_leaks=1")
os.environ.setdefault("LSAN_OPTIONS", "print_suppressions=0:suppressions="
                      f"{TOP / 'tests' / 'lsan-suppressions.txt'}")
os.environ.setdefault("TSAN_OPTIONS", f"suppressions={TOP / 'tests' / 'tsan-suppressions.txt'}")
COMPLAINT = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")


def complaints(folder):
    """What a sanitizer said in the logs below `folder`, by file: empty when all is well."""
    return {path.name: text[-3000:] for path in sorted(pathlib.Path(folder).rglob("*.log"))
            if COMPLAINT.search(text := path.read_text(errors="replace"))}


def program(name):
    """The built program of that name; sub-folders of the build mirror the source."""
    for folder in ("daemon", "kiosk", "hq", "tests/tools"):
        path = BUILD / folder / name
        if path.exists():
            return path
    raise FileNotFoundError(f"{name} is not built in {BUILD}: run ./dev build")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what, seconds=15.0, step=0.01):
    """Polls until `condition()` is true and returns its value; says `what` was awaited if not."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(step)


class Process:
    """One program under test, its output in a file."""

    def __init__(self, folder, name, words, environment=None):
        self.name = name
        self.words = [str(word) for word in words]
        self.log = pathlib.Path(folder) / f"{name}.log"
        self.environment = {**os.environ, **(environment or {})}
        self.child = None

    def start(self, ready=True, seconds=20.0):
        """Starts it; with `ready` waits for its READY=1 as systemd would."""
        notify = self._notify_socket() if ready else None
        environment = dict(self.environment)
        if notify:
            environment["NOTIFY_SOCKET"] = notify.getsockname()
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, env=environment, start_new_session=True)
        if notify:
            with notify:
                self._await_ready(notify, seconds)
        return self

    def _notify_socket(self):
        path = self.log.with_suffix(".notify")
        path.unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(str(path))
        notify.settimeout(0.05)
        return notify

    def _await_ready(self, notify, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if b"READY=1" in notify.recv(4096).split(b"\n"):
                    return
            except socket.timeout:
                if self.child.poll() is not None:
                    raise RuntimeError(f"{self.name} ended with {self.child.returncode} before it "
                                       f"was ready:\n{self.tail()}") from None
        self.stop()
        raise TimeoutError(f"{self.name} was not ready after {seconds:g} s:\n{self.tail()}")

    @property
    def pid(self):
        return self.child.pid

    def running(self):
        return self.child is not None and self.child.poll() is None

    def tail(self, n=3000):
        return self.log.read_text(errors="replace")[-n:] if self.log.exists() else ""

    def signal(self, number):
        self.child.send_signal(number)

    def kill(self):
        """kill -9, as a power cut does to a program."""
        if self.running():
            self.child.kill()
        if self.child:
            self.child.wait()

    def stop(self, seconds=10.0):
        """SIGTERM and the exit code; SIGKILL if it does not end in time."""
        if self.child is None:
            return None
        if self.running():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode


def run(*words, check=True, environment=None, stdin=None, seconds=60):
    """Runs a command to its end; output as text. With `check` a failure raises with its words."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True,
                          input=stdin, timeout=seconds,
                          env={**os.environ, **(environment or {})})
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(map(str, words))}: exit {done.returncode}\n"
                           f"{done.stdout}{done.stderr}")
    return done
