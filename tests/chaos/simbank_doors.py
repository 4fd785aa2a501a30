"""Follows the record of a pickup-simbank; the people in front of it act on what they see."""

import socket
import threading
import time

from cabinet import Pulse, boot_us

STEP_S = 0.03


class SimbankDoors:
    def __init__(self, path, cabinet):
        self.cabinet, self.last, self.failure = cabinet, None, None
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.ending = threading.Event()
        self.lock = threading.Lock()
        self.start_us = self._find_start()
        cabinet.is_open, cabinet.jam, cabinet.unjam = self.is_open, self.jam, self.unjam
        cabinet.look = self.follow
        self.thread = threading.Thread(target=self._run, name="simbank", daemon=True)
        self.thread.start()

    def do(self, command):
        """One command of its control language; the lines of the answer, [] when it was refused."""
        with self.lock:
            self.socket.sendall(command.encode() + b"\n")
            answer = []
            for line in self.lines:
                line = line.rstrip("\n")
                if line == "ok":
                    return answer
                if line.startswith("error "):
                    return []
                answer.append(line)
            raise ConnectionError("the simulated lock bank has ended")

    def _find_start(self):
        """When its clock began, in microseconds of the boot clock: a door moved by hand tells."""
        self.do(f"open {self.cabinet.doors}")
        now_us = boot_us()
        self.do(f"close {self.cabinet.doors}")
        opened, closed = self.do("log")[-2:]
        self.last = closed
        return now_us - int(float(opened.split()[0]) * 1e6)

    def is_open(self, door):
        return " open " in self.do("status")[door - 1]

    def jam(self, door):
        self.do(f"jam {door}")

    def unjam(self, door):
        self.do(f"unjam {door}")

    def follow(self):
        """Takes in what happened since the last look."""
        with self.cabinet.lock:
            lines = self.do("log")
            new = len(lines)
            while new > 0 and lines[new - 1] != self.last:
                new -= 1
            for line in lines[new:]:
                words = line.split()
                at_us, door, what = float(words[0]) * 1e6, int(words[3]), " ".join(words[4:])
                if what == "coil on":
                    self.cabinet.pulses.append(Pulse(door, int(self.start_us + at_us)))
                elif what == "opened":
                    self.cabinet.opened(door)
                self.last = line

    def _run(self):
        try:
            while not self.ending.is_set():
                self.follow()
                time.sleep(STEP_S)
        except (OSError, ValueError, AttributeError) as error:
            self.failure = error

    def stop(self):
        if self.thread.is_alive():
            self.ending.set()
            self.thread.join(5)
            self.follow()
        self.socket.close()
