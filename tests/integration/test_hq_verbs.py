"""Keys, codes, badges and policy, checked with the recipes of docs/codes.md."""

import base64
import hashlib
import json
import struct
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from fake_bank import FakeBank

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def open_code(public, text, layout):
    """The fields of a P1 or S1, after its signature was checked."""
    digits = [ALPHABET.index(c) for c in text[2:]]
    data = b"".join((digits[i] + digits[i + 1] * 45 + digits[i + 2] * 2025).to_bytes(2, "big")
                    for i in range(0, 120, 3))
    Ed25519PublicKey.from_public_bytes(public).verify(data[16:], text[:2].encode() + data[:16])
    return struct.unpack(layout, data[:16])


@pytest.fixture
def hq(site):
    running = site.hq()
    yield running
    assert running.stop() in (None, 0), running.tail()


def documents_of(site, bank="hk-canton-1"):
    with FakeBank(site, bank) as fake:
        documents = fake.fetch_all()[2]
        assert fake.bad == []
    return documents


def take_order(site, hq, **members):
    path = site.folder / "one.json"
    path.write_text(json.dumps([{
        "order": "A-1", "branch": "hk-canton", "parcels": [
            {"parcel": "P-1", "size": "S", "items": [{"sku": "A", "name": {"en": "x"}, "qty": 1}]}],
        **members}]))
    hq.do("import", path)


def test_the_code_is_genuine(site, hq):
    take_order(site, hq, pickup_until="2099-12-31T22:00:00+08:00")
    documents = documents_of(site)
    document, key = documents["order", "A-1"], documents["key", "code-1"]
    assert (key["purpose"], key["key_id"], key["revoked"]) == ("code", 1, False)
    answer = hq.json("code", "A-1")
    key_id, branch, order, epoch, not_after = open_code(base64.b64decode(key["public"]),
                                                        answer["code"], ">BHQBI")
    assert (key_id, branch, epoch) == (1, 852, 0)
    assert order == int(document["handle"], 16)
    assert not_after == document["pickup_until"] // 1000
    assert hq.do("code", "A-1", "--text").stdout == answer["code"] + "\n"
    # The number: ten digits, of which the document has only the digest.
    secret = base64.b64decode((hq.state / "number.key").read_text())
    digest = hashlib.blake2b(b"number" + answer["number"].encode(), key=secret, digest_size=16)
    assert digest.hexdigest() == document["number_digest"]
    assert answer["number"] not in json.dumps(document)
    picture = site.folder / "code.png"
    hq.do("code", "A-1", f"--png={picture}")
    header = picture.read_bytes()
    assert header[:4] == b"\x89PNG" and struct.unpack(">II", header[16:24]) == (360, 360)
    drawn = hq.do("code", "A-1").stdout.splitlines()
    assert len([line for line in drawn if line.startswith("\033")]) == 23  # 45 modules, two a line


def test_a_badge_is_genuine_until_it_is_revoked(site, hq):
    answer = hq.json("badge", "17", "--role=stocker", "--name=Li", "--pin=4711")
    documents = documents_of(site)
    public = base64.b64decode(documents["key", "badge-1"]["public"])
    _, branch, staff, role, serial, not_after = open_code(public, answer["code"], ">BHIBII")
    assert (branch, staff, role) == (852, 17, 1)
    assert abs(serial - time.time()) < 60 and not_after == serial + 12 * 3600
    document = documents["staff", 17]
    assert (document["name"], document["role"], document["revoked"]) == ("Li", "stocker", False)
    secret = base64.b64decode((hq.state / "number.key").read_text())
    pin = hashlib.blake2b(b"pin" + struct.pack(">I", 17) + b"4711", key=secret, digest_size=16)
    assert document["pin_digest"] == pin.hexdigest()
    hq.json("badge", "17", "--role=stocker")  # the next day: nothing new for the banks
    assert documents_of(site)["staff", 17] == document
    hq.json("badge", "17", "--revoke")
    document = documents_of(site)["staff", 17]
    assert document["revoked"] and document["rev"] == 2 and document["valid_from_s"] > serial
    assert hq.do("badge", "18", "--revoke", check=False).returncode == 1


def test_keys_are_private_and_stay(site, hq):
    secrets = ("feed.seed", "code.seed", "badge.seed", "number.key")
    before = {name: (hq.state / name).read_bytes() for name in (*secrets, "feed.pub")}
    for name in secrets:
        assert (hq.state / name).stat().st_mode & 0o777 == 0o600
    assert (hq.state / "feed.pub").stat().st_mode & 0o777 == 0o644
    assert (hq.state / "hq.db").stat().st_mode & 0o007 == 0
    seq = hq.json("banks")[0]["seq"]
    hq.do("init")
    assert hq.json("banks")[0]["seq"] == seq
    for name, content in before.items():
        assert (hq.state / name).read_bytes() == content


def test_a_changed_configuration_reaches_the_banks(site, hq):
    assert documents_of(site)["policy", "branch"]["retention_s"] == 30 * 86400
    hq.config.write_text(hq.config.read_text() + "retention=7d\n")
    hq.stop()
    hq.start()
    policy = documents_of(site)["policy", "branch"]
    assert policy["retention_s"] == 7 * 86400 and policy["rev"] == 2
    assert policy["banks"] == ["hk-canton-1", "hk-canton-2"]


def test_only_one_serves(site, hq):
    done = subprocess.run([str(word) for word in hq.words], capture_output=True, text=True,
                          check=False, timeout=10)
    assert done.returncode == 2 and "Another pickup-hq serve" in done.stderr


def test_what_is_missing_is_said(site, hq):
    empty = site.folder / "empty"
    empty.mkdir()
    done = subprocess.run([str(hq.words[0]), str(hq.words[1]), f"--state={empty}", "orders"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "pickup-hq init" in done.stderr
    (hq.state / "code.seed").unlink()
    take_order(site, hq)
    done = hq.do("code", "A-1", check=False)
    assert done.returncode == 2 and "code.seed" in done.stderr
    done = subprocess.run([str(hq.words[0]), "--config=/nonexistent/hq.conf", "banks"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "--config=" in done.stderr


def test_a_relative_state_folder_works(site, hq):
    done = subprocess.run([str(hq.words[0]), str(hq.words[1]), "--state=hq/state", "badge", "5",
                           "--role=manager", "--name=May", "--json"], cwd=site.folder,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["staff"] == 5
