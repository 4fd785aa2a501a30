"""`meson install` into a staging root: the units, the users and the bus's policy are right."""

import os
import re
import shutil
import subprocess

import pytest

from bank import BUS_CONFIG
from processes import BUILD, run


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["meson", "install", "-C", BUILD, "--destdir", folder, "--no-rebuild"],
                   check=True, capture_output=True)
    return folder


def find(root, name):
    return next(path for path in root.rglob(name) if path.is_file())


def test_units_are_valid_and_name_installed_programs(root, tmp_path):
    for name in ("pickupd.service", "pickup-kiosk.service", "pickup-hq.service"):
        text = find(root, name).read_text()
        program = re.search(r"^ExecStart=(\S+)", text, re.M)[1]
        staged = root / program.lstrip("/")
        assert os.access(staged, os.X_OK), program
        unit = tmp_path / name
        unit.write_text(text.replace(program, str(staged)))
        # A unit that is skipped in silence is worse than one that fails: the path must be right.
        assert re.search(r"^ConditionPathExists=/etc/pickup/\w+\.conf$", text, re.M), name
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit],
                              capture_output=True, text=True)
        said = [line for line in done.stderr.splitlines() if name in line]
        assert done.returncode == 0 or not said, done.stderr
        assert not [line for line in said if "Unknown" in line], said


def system_calls(name):
    """The calls of one of systemd's sets, with the sets in it."""
    if not name.startswith("@"):
        return {name}
    lines = run("systemd-analyze", "syscall-filter", name).stdout.splitlines()[1:]
    words = [line.strip() for line in lines if line.strip() and "#" not in line]
    return set().union(*(system_calls(word) for word in words))


def test_promise_8_the_unit_lets_the_daemon_ask_for_the_clock(root):
    """systemd.exec(5): the first line makes an allow list, later ones add to it or take away."""
    allowed = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", find(root, "pickupd.service").read_text(),
                            re.M):
        calls = set().union(*(system_calls(word) for word in words.lstrip("~").split()))
        allowed = allowed - calls if words.startswith("~") else allowed | calls
    assert {"adjtimex", "clock_adjtime", "clock_gettime", "ppoll"} <= allowed
    assert not {"clock_settime", "settimeofday", "reboot"} & allowed


def test_users_are_made(root):
    done = run("systemd-sysusers", "--dry-run", *root.rglob("sysusers.d/*.conf"))
    for user in ("pickupd", "pickup-kiosk", "pickup-hq", "pickup-staff", "gpio"):
        assert user in done.stdout + done.stderr


def test_coils_are_released_after_the_kiosk_was_killed(root):
    text = find(root, "pickup-kiosk.service").read_text()
    assert re.search(r"^Restart=always$", text, re.M)
    release = re.search(r"^ExecStopPost=-(\S+) .*--release-locks$", text, re.M)[1]
    assert os.access(root / release.lstrip("/"), os.X_OK)


def test_udev_rules_are_well_formed(root):
    """Every rule consists of known keys with known operators; udevadm of Debian 12 cannot verify."""
    rules = [line for line in find(root, "70-pickup.rules").read_text().splitlines()
             if line and not line.startswith("#")]
    pair = re.compile(r'(SUBSYSTEM|KERNEL|ATTR\{\w+\}|ENV\{\w+\})=="[^"]+"|'
                      r'(SYMLINK\+|GROUP|MODE)="[^"]+"')
    assert len(rules) >= 5
    for rule in rules:
        assert all(pair.fullmatch(part.strip()) for part in rule.split(", ")), rule
    assert any('SYMLINK+="pickup-camera"' in rule for rule in rules)
    udevadm = shutil.which("udevadm")
    if udevadm and run(udevadm, "verify", "--help", check=False).returncode == 0:
        run(udevadm, "verify", find(root, "70-pickup.rules"))


def test_the_examples_are_good(root):
    """Each example of a bank is accepted as it is; pickup-hq reads its own at every start."""
    shutil.copy(find(root, "doors.conf"), find(root, "kiosk.conf").parent)  # as in /etc/pickup
    done = run(find(root, "pickupctl"), "check-config",
               *(find(root, f"{name}.conf") for name in ("examples/pickupd", "kiosk", "doors")))
    assert done.stdout.count("are good") == 2 and "3 doors" in done.stdout
    done = run(find(root, "pickup-hq"), f"--config={find(root, 'hq.conf')}", "--state=/nonexistent",
               "orders", check=False)
    assert "hq.conf" not in done.stderr, done.stderr


def test_folders_are_made(root, tmp_path):
    done = run("systemd-tmpfiles", "--create", f"--root={tmp_path}", "--prefix=/etc/pickup",
               *root.rglob("tmpfiles.d/*.conf"), check=False)
    assert "Duplicate" not in done.stderr, "the packages contradict each other"
    assert (tmp_path / "etc/pickup/credentials").stat().st_mode & 0o777 == 0o700


def test_the_daemon_starts_from_the_installed_unit(root, site):
    site.hq()
    bank = site.bank(start=False)
    unit = find(root, "pickupd.service").read_text()
    words = re.search(r"^ExecStart=(.*)$", unit, re.M)[1].split()
    words[0] = str(root / words[0].lstrip("/"))
    # The places of the machine become those of the test; everything else stays.
    words = [f"--config={bank.config}" if w.startswith("--config=") else
             f"--state={bank.state}" if w.startswith("--state=") else w for w in words]
    bank.words = [*words, f"--bus={bank.bus.address}"]
    bank.start()
    assert bank.json("status")["bank"] == "hk-canton-1"
    assert str(root) in os.readlink(f"/proc/{bank.pid}/exe")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as another user")
def test_the_policy_keeps_strangers_out(root, site):
    site.hq()
    bank = site.bank(start=False)
    policy = find(root, "io.pickupd.Bank1.conf")
    config = site.folder / "hk-canton-1" / "bus.conf"
    config.write_text(BUS_CONFIG.format(socket=bank.bus.socket).replace(
        "</busconfig>", policy.read_text().split("-->", 1)[1].split("<busconfig>")[1]))
    for folder in (site.folder, bank.folder):
        folder.chmod(0o711)
    bank.start()
    call = ["busctl", f"--address={bank.bus.address}", "call", "io.pickupd.Bank1",
            "/io/pickupd/bank1", "io.pickupd.Bank1", "ListDoors"]
    assert subprocess.run(call, capture_output=True).returncode == 0, "root may"
    stranger = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *call],
                              capture_output=True, text=True)
    assert stranger.returncode != 0 and "denied" in stranger.stderr.lower(), stranger.stderr
