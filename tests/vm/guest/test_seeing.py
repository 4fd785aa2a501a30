"""The kiosk's eyes on a real V4L2 device: sequences played into vivid, errors, unplug and replug."""

import json
import os
import pathlib
import queue
import subprocess
import threading

import pytest

from processes import Process, program, wait_until
from vivid_camera import Camera, devices

DRIVER = pathlib.Path("/sys/bus/platform/drivers/vivid")
TOOLS = pathlib.Path(os.environ["PICKUP_BUILD"]) / "tests/tools"


class Eyes:
    """camera-probe: what the kiosk sees, as a list that grows."""

    def __init__(self, folder, device, **settings):
        config = folder / "kiosk.conf"
        lines = "".join(f"{key}={value}\n" for key, value in settings.items())
        config.write_text(f"[camera]\ndevice={device}\n{lines}"
                          f"[decoder]\nprogram={program('pickup-decode')}\nframe_limit=20s\n"
                          f"[lock]\nbackend=sim\nsocket=none\n"
                          f"[screen]\nbackend=mem\nfolder={folder}\n")
        self.log = open(folder / "probe.log", "w")
        self.child = subprocess.Popen([TOOLS / "camera-probe", config], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.seen, self.lines = [], queue.SimpleQueue()
        threading.Thread(target=self.follow, daemon=True).start()

    def follow(self):
        for line in self.child.stdout:
            self.seen.append(json.loads(line))

    def last(self):
        return next((line for line in reversed(self.seen) if "sees" in line), {})

    def texts(self):
        return [line["text"] for line in self.seen if "text" in line]

    def stop(self):
        self.child.stdin.close()
        assert self.child.wait(30) == 0
        self.log.close()


class Player(Process):
    """pickup-play-camera, until it is stopped."""

    def __init__(self, folder, output, *words):
        super().__init__(folder, "play", [TOOLS / "pickup-play-camera", f"--device={output}",
                                          *words])


@pytest.fixture
def link(folder):
    """A name that stays, as udev's does, while the device's number changes."""
    path = folder / "camera"
    path.symlink_to(devices()[0])
    return path


@pytest.fixture
def vivid(folder):
    if not DRIVER.exists():
        pytest.skip("this kernel has no vivid")
    return Camera(folder)


def play(folder, vivid, *words):
    player = Player(folder, vivid.output, *words)
    player.start(ready=False)
    return player


def text_of(player, folder):
    """What the player says that it plays."""
    return wait_until(lambda: (folder / "play.log").read_text().splitlines(), "the player", 60)[0]


def test_sequences_through_a_real_device(folder, vivid, link):
    eyes = Eyes(folder, link, width=1280, height=720, fps=15)
    wait_until(lambda: eyes.last().get("frames", 0) > 0, "pictures", 60)
    assert eyes.last()["format"] == "GREY", "the cheapest that it offers"
    for n, condition in enumerate(("plain", "tilted", "dark", "moire", "mixed"), 1):
        (folder / "play.log").unlink(missing_ok=True)
        player = play(folder, vivid, f"--condition={condition}", "--seed=2", "--fps=5")
        text = text_of(player, folder)
        wait_until(lambda: text in eyes.texts(), condition, 90)
        player.stop()
        assert len(eyes.texts()) == n, "each counts once, and nothing else is read"
    eyes.stop()


def test_unplugged_and_plugged_in_again(folder, vivid, link):
    eyes = Eyes(folder, link)
    wait_until(lambda: eyes.last().get("frames", 0) > 0, "pictures", 60)
    (DRIVER / "unbind").write_text("vivid.0")
    wait_until(lambda: not eyes.last()["sees"], "the loss to be noticed", 30)
    link.unlink()
    (DRIVER / "bind").write_text("vivid.0")
    again = Camera(folder)
    link.symlink_to(again.device)
    wait_until(lambda: eyes.last()["sees"] and eyes.last()["opened"] > 1,
               f"the camera; {eyes.last()} {(folder / 'probe.log').read_text()}", 60)
    player = play(folder, again, "--condition=plain", "--seed=3", "--fps=5")
    text = text_of(player, folder)
    wait_until(lambda: text in eyes.texts(), "a code after the replug", 90)
    player.stop()
    eyes.stop()
    assert "is back" in (folder / "probe.log").read_text()
