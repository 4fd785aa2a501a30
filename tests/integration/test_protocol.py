"""docs/protocol.md and docs/schema say what the programs do: every example is replayed, broken ones
are refused by schema and program alike, and every message of a whole run is checked."""

import base64
import copy
import hashlib
import json
import re
import sqlite3

import jsonschema
import nacl.signing
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import wire_schema
from fake_bank import FakeBank
from fake_hq import SEED, FakeHq, connect
from processes import TOP, wait_until
from test_collection import Hands, code
from wire_schema import MESSAGES, all_examples, at, blocks, documents, examples, paths

BANK = "hk-canton-1"
POLL = "[hq]\npoll=1s\n"
BOOT = "3f2a9c0d4b7e11f0a1b2c3d4e5f60718"
TOLERANT, CLOSED = wire_schema.Schemas(), wire_schema.Schemas(closed=True)
CODES = {}  # make_p1 and check_p1 of docs/codes.md
exec(re.search(r"```python\n(.*?)```",  # pylint: disable=exec-used
               (TOP / "docs" / "codes.md").read_text(encoding="utf-8"), re.S)[1], CODES)


# --- the page and its schemas ---------------------------------------------------------------------

def test_the_schemas_are_schemas():
    for name, schema in TOLERANT.files.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$id"].endswith(f"/{name}"), name


def test_every_example_fits_and_none_shows_what_is_not_described():
    seen = set()
    for name, example in all_examples():
        assert CLOSED.complaint(name, example) is None, (name, CLOSED.complaint(name, example))
        seen.add(name)
    assert {f"{name}.json" for name in seen} | {"common.json", "event.json"} == \
        {name for name in TOLERANT.files if not name.startswith("document-")}
    assert {d.get("kind", "order") for d in documents()} == \
        {name[9:-5] for name in TOLERANT.files if name.startswith("document-")}


def test_every_member_has_its_type_and_unknown_ones_are_tolerated():
    for name, example in all_examples():
        for path in paths(example):
            broken = wire_schema.mistyped(example, path)
            assert TOLERANT.complaint(name, broken), f"{name}: {path} may be anything"
        for path in [(), *paths(example)]:
            if isinstance(at(example, path), dict) and path[-1:] != ("name",):
                longer = copy.deepcopy(example)
                at(longer, path)["later"] = 1
                assert TOLERANT.complaint(name, longer) is None, f"{name}: {path}"
                assert CLOSED.complaint(name, longer), f"{name}: {path} is open"


def test_the_table_of_events_names_what_the_schema_names():
    table = {}
    for row in re.findall(r"^\| (`[^|]*`) \| ([^|]*) \|$", wire_schema.PAGE, re.M):
        for kind in re.findall(r"`(\w+)`", row[0]):
            table[kind] = set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", row[1])))
    event = TOLERANT.files["event.json"]
    assert set(event["properties"]["type"]["enum"]) == set(event["$defs"])
    for kind, schema in event["$defs"].items():
        missing = set(schema["properties"]) - table[kind]
        assert not missing, f"{kind}: the page does not name {missing}"


def test_the_signed_example_is_genuine():
    (_, text), = blocks("signed")
    line, _, body = text.strip().partition("\n")
    signed = f"pickup/v1/{BANK}/down/ack\n{body}".encode()
    key = nacl.signing.SigningKey(SEED).verify_key
    key.verify(signed, base64.b64decode(line))
    Ed25519PublicKey.from_public_bytes(bytes(key)).verify(base64.b64decode(line), signed)
    assert base64.b64encode(bytes(key)).decode() in wire_schema.PAGE
    assert json.loads(body) == examples("down/ack")[0]


def blake2b(data, key=b""):
    return hashlib.blake2b(data, digest_size=32, key=key).digest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_the_chain_of_the_example_is_unbroken():
    message, = examples("up/events")
    chain = blake2b(message["log"].encode())
    for event in message["events"]:
        bare = {name: value for name, value in event.items() if name not in ("hash", "personal")}
        chain = blake2b(chain + canonical(bare))
        assert chain.hex() == event["hash"], event["n"]
        if "personal" in event:
            personal = event["personal"]
            assert blake2b(canonical(personal), personal["salt"].encode()).hex() == \
                event["personal_digest"]
    (_, shown), = blocks("canonical")
    first = {k: v for k, v in message["events"][0].items() if k != "hash"}
    assert shown.strip().encode() == canonical(first)


# --- what goes down -------------------------------------------------------------------------------

def real_bank(site, clock, **settings):
    """pickupd with the boot id of the examples, behind an HQ that is only its side of the wire."""
    hq = FakeHq(site)
    bank = site.bank(start=False, **settings)
    bank.environment.update({"PICKUP_CLOCK": clock, "PICKUP_BOOT_ID": BOOT})
    bank.start()
    hands = Hands(bank)
    hands.attach()
    return hq, bank, hands


def page(prev, seq, orders, feed="0f7f3c1e-5f39-4d1c-9c57-0d3c2b9f1a10"):
    return {"feed": feed, "prev": prev, "seq": seq, "end": seq, "more": False, "orders": orders}


def by_seq():
    return sorted(documents(), key=lambda document: document["seq"])


def test_the_examples_of_the_feed_are_applied_by_a_bank(site):
    # The times of the examples are past; a bank without a trusted clock does not know that.
    hq, bank, hands = real_bank(site, "untrusted", settings=POLL)
    assert hq.wait("fetch") == {"feed": None, "after": 0, "max_bytes": 1 << 20}
    hq.send(BANK, "orders", page(0, 1042, by_seq()))
    applied = examples("up/applied")[0]
    hq.wait("applied", lambda message: (message["feed"], message["through"]) ==
            (applied["feed"], 1042))
    hq.wait("fetch", lambda message: message == examples("up/fetch")[0])
    for example in examples("down/orders"):
        hq.send(BANK, "orders", example)
    hq.wait("applied", lambda message: (message["feed"], message["through"]) ==
            (applied["feed"], applied["through"]))
    assert hands.events("document_rejected") == []

    order = json.loads(bank.call("GetOrder", "s", "HK-2026-000123")[0])
    assert order["document"] == examples("order")[0]
    rebuilt = bank.call("ListDoors")[0][6]
    assert rebuilt[3:6] == ["unconfirmed", "P-77120", "HK-2026-000123"]
    assert bank.call("EnterNumber", "s", "407-150-2387")[0] == "opening"  # of docs/codes.md
    grant = hands.open_and_close()
    assert (grant["door"], grant["parcel"]) == (7, "P-77120")
    genuine = CODES["make_p1"](bytes(range(32)), 1, 852, 0x8F3C5A1E90B7D246, 0, 0)
    assert bank.call("Present", "s", genuine)[0] == "collected"
    gone = CODES["make_p1"](bytes(range(32)), 1, 852, 0x91B2C3D4E5F60718, 0, 0)
    assert bank.call("Present", "s", gone)[0] != "opening"
    with sqlite3.connect(bank.state / "bank.db") as store:
        stored = {(kind, name): json.loads(text) for kind, name, text in
                  store.execute("SELECT kind, name, document FROM documents")}
    newest = {(d["kind"], str(d[d["kind"]])): d for d in
              [*by_seq(), *(d for p in examples("down/orders") for d in p["orders"])]
              if "kind" in d}
    assert stored == newest


def test_the_examples_of_ack_and_command_are_taken_by_a_bank(site):
    hq, bank, hands = real_bank(site, "trusted")
    for number in range(1, 4):  # after boot and clock
        bank.call("SetDoorService", "ubs", str(number), "false", "hinge")
    ack = examples("down/ack")[0]
    wait_until(lambda: hands.status()["outbox"] == ack["through"] == hands.status()["last_event"],
               "as many events as the example acknowledges")
    hq.send(BANK, "ack", ack)  # of another log: means nothing here
    assert hands.status()["outbox"] == ack["through"]
    hq.send(BANK, "ack", {**ack, "log": hands.status()["log"]})
    wait_until(lambda: hands.status()["outbox"] == 0, "the acknowledgement to be taken")
    hq.send(BANK, "command", examples("down/command")[0])
    assert hq.wait("reply") == examples("up/reply")[0]
    assert hands.events("command")[0]["verb"] == examples("down/command")[0]["verb"]


def broken_documents():
    """(what was done, document) with each member of each example missing or mistyped, under names
    of their own so that none stands in another's way."""
    for example in documents():
        for path in paths(example):
            for change in (wire_schema.without, wire_schema.mistyped):
                yield f"{change.__name__} {path} of {example.get('kind', 'order')}", \
                    example, path, change


def test_schema_and_bank_agree_about_broken_documents(site):
    hq, _, hands = real_bank(site, "untrusted")
    hq.wait("fetch")
    expected, made = {}, []
    for seq, (what, example, path, change) in enumerate(broken_documents(), 1):
        document = copy.deepcopy(example)
        document["seq"] = seq
        if "order" in document:
            document.update(order=f"X-{seq}", handle=f"{seq:016x}")
            for parcel in document.get("parcels", []):
                parcel.update(parcel=f"XP-{seq}", barcode=f"XB-{seq}", placed=dict(parcel["placed"],
                                                                                bank="elsewhere"))
        document = change(document, path)
        made.append(document)
        if TOLERANT.complaint("document", document):
            expected[seq if path != ("seq",) else 0] = what
    for begin in range(0, len(made), 40):
        part = made[begin:begin + 40]
        hq.send(BANK, "orders", page(begin, begin + len(part), part))
    hq.wait("applied", lambda message: message["through"] == len(made))
    rejected = {event["seq"]: event["reason"] for event in hands.events("document_rejected")}
    assert len(made) > 150 and len(expected) > 100
    assert {seq: what for seq, what in expected.items() if seq not in rejected} == {}
    assert {seq: why for seq, why in rejected.items() if seq not in expected} == {}


def test_schema_and_bank_agree_about_broken_messages(site):
    hq, bank, hands = real_bank(site, "trusted")
    hq.wait("fetch")
    for kind, complaint in (("orders", "a page of the feed cannot be read"),
                            ("ack", "an acknowledgement cannot be read"),
                            ("command", "a command cannot be read")):
        example = examples(f"down/{kind}")[0]
        broken = [change(example, (member,)) for member in example
                  for change in (wire_schema.without, wire_schema.mistyped)]
        expected = sum(TOLERANT.complaint(kind, message) is not None for message in broken)
        assert expected > len(example) / 2
        for message in broken:
            hq.send(BANK, kind, message)
        hq.send(BANK, "orders", page(0, 0, []))
        hq.send(BANK, "command", {**examples("down/command")[0], "id": kind})
        hq.wait("reply", lambda message, id=kind: message["id"] == id)
        assert bank.log.read_text().count(complaint) == expected, kind
    assert hands.status()["cursor"] == 0


# --- what goes up ---------------------------------------------------------------------------------

def test_the_examples_of_a_bank_are_taken_by_hq(site):
    hq = site.hq()
    example = examples("order")[0]
    batch = site.folder / "batch.json"
    batch.write_text(json.dumps([{
        "order": example["order"], "branch": "hk-canton", "member_tag": "gold",
        "parcels": [{"parcel": "P-77120", "size": "M", "items": example["parcels"][0]["items"]}]}]))
    hq.do("import", batch)
    with FakeBank(site, BANK) as bank:
        for number, kind in enumerate(("fetch", "applied", "status", "events", "reply")):
            message = examples(f"up/{kind}")[0]
            bank.publish(kind, message)
            if kind == "fetch":
                assert bank.pages.get(timeout=15)["prev"] == 0, "another feed: from the start"
            assert number or "ignored" not in hq.tail()
        bank.log = examples("up/events")[0]["log"]
        bank.wait_ack(examples("down/ack")[0]["through"])
        wait_until(lambda: hq.json("order", example["order"])["state"] == "collected",
                   "the example's events to count")
        status = examples("up/status")[0]
        shown, = [b for b in hq.json("banks") if b["bank"] == BANK]
        assert shown["online"] and shown["cursor"] == status["cursor"]
        bank.publish("status", examples("up/status")[1])
        wait_until(lambda: not [b for b in hq.json("banks") if b["bank"] == BANK][0]["online"],
                   "the last will to count")
        assert "ignored" not in hq.tail()
        hq.do("verify")


def test_schema_and_hq_agree_about_broken_messages(site):
    hq = site.hq()
    with FakeBank(site, BANK) as bank:
        for kind in ("fetch", "applied", "events", "status", "reply"):
            example = examples(f"up/{kind}")[0]
            inner = [path for path in paths(example) if path[0] != "events"] + [("events",)]
            broken = [change(example, path) for path in inner if path[0] in example
                      for change in (wire_schema.without, wire_schema.mistyped)]
            expected = sum(TOLERANT.complaint(kind, message) is not None for message in broken)
            assert expected > len(example) / 2
            for message in broken:
                bank.publish(kind, message)
            bank.answer()
            assert hq.log.read_text().count(f"up/{kind} is ignored") == expected, kind


# --- a whole run ----------------------------------------------------------------------------------

class Recorder:
    """Everything that goes over the broker."""

    def __init__(self, site):
        self.messages = []
        self.client = connect(site, "recorder", "#", self._on_message)

    def _on_message(self, _client, _userdata, message):
        self.messages.append((message.topic, message.payload))

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()

    def wait(self, words):
        """Until some message contained them."""
        wait_until(lambda: any(words in payload for _, payload in list(self.messages)),
                   f"a message with {words.decode()}", 60)

    def check(self, feed_key):
        """Checks every message; returns the kinds, types of events and kinds of documents seen."""
        key, seen = Ed25519PublicKey.from_public_bytes(feed_key), (set(), set(), set())
        for topic, payload in self.messages:
            kind = re.fullmatch(r"pickup/v1/[a-z0-9-]{1,32}/(.*)", topic)[1]
            if kind.startswith("down/"):
                line, _, payload = payload.partition(b"\n")
                key.verify(base64.b64decode(line, validate=True), topic.encode() + b"\n" + payload)
            assert len(payload) <= 128 * 1024
            message = json.loads(payload)
            complaint = CLOSED.complaint(MESSAGES[kind], message)
            assert complaint is None, f"{kind}: {complaint}\n{payload.decode()[:2000]}"
            seen[0].add(kind)
            seen[1].update(event["type"] for event in message.get("events", []))
            seen[2].update(d.get("kind", "order") for d in message.get("orders", []))
        return seen


def run_orders(folder):
    path = folder / "run.json"
    path.write_text(json.dumps([{
        "order": f"HK-{i}", "source_rev": 1, "branch": "hk-canton", "display": "王*",
        "lang": "zh-Hans", "member_tag": "gold" if i == 1 else None, "id_check": i == 3,
        "parcels": [{"parcel": f"P-{i}-1", "barcode": f"29{i:05}00001", "size": "S",
                     "items": [{"sku": "PF-0001", "name": {"en": "Perfume"}, "qty": 1}]}]}
        for i in range(1, 7)]))
    return path


def work(hq, bank, hands):
    """A day at a bank on which everything happens that can be an event."""
    for i in (1, 2, 3, 5):
        hands.stock(f"P-{i}-1")
    assert bank.call("Present", "s", code(hq, "HK-4"))[0] == "not_stocked"
    bank.call("EnterNumber", "s", "000-000-5724")
    bank.call("Present", "s", code(hq, "HK-1"))
    hands.open_and_close()
    bank.call("Dispute", "ss", "HK-1", "一瓶不见了")
    bank.call("Present", "s", code(hq, "HK-2"))
    grant = hands.grants()[0]
    for report in ("pulsed", "opened", "left_open", "closed"):
        hands.report(grant["door"], report, grant["id"])

    assert bank.call("Present", "s", code(hq, "HK-3"))[0] == "id_check"
    bank.call("ReleaseIdCheck", "s", "HK-3")
    assert bank.call("Present", "s", code(hq, "HK-3"))[0] == "opening"
    door = hands.grants()[0]["door"]
    hands.attach()  # a kiosk that was restarted and finds the door closed
    bank.call("ResolveDoor", "us", str(door), "parcel")
    bank.call("Retrieve", "s", "P-3-1")
    hands.open_and_close()

    bank.call("Present", "s", code(hq, "HK-5"))
    grant = hands.grants()[0]
    for report in ("pulsed", "not_opened"):
        hands.report(grant["door"], report, grant["id"])
    bank.call("ResolveDoor", "us", str(grant["door"]), "empty")

    for report in ("forced", "left_open", "faulty", "restored"):
        hands.report(20, report, 0)
    bank.call("SetDoorService", "ubs", "22", "false", "hinge")
    bank.call("SetDoorService", "ubs", "22", "true", "")

    badge = hq.json("badge", "17", "--role=stocker", "--name=Li", "--pin=0000")["code"]
    wait_until(lambda: bank.call("Present", "s", badge)[0] == "staff", "the staff document")
    assert bank.call("Present", "s", badge)[0] == "staff"  # and out again

    seed = base64.b64decode((hq.state / "code.seed").read_text())
    public = bytes(nacl.signing.SigningKey(seed).verify_key)
    key_id, branch, handle, epoch, not_after = CODES["check_p1"](public, code(hq, "HK-6"))
    bank.call("Present", "s", CODES["make_p1"](seed, key_id, branch, handle, epoch + 1, not_after))


def command(hq, bank, hands):
    wait_until(lambda: bank.bank in hq.do("banks").stdout and
               [b for b in hq.json("banks") if b["bank"] == bank.bank][0]["online"], "a heartbeat")
    hq.do("command", bank.bank, "out_of_service", "23", "--reason=leak")
    hq.do("command", bank.bank, "open", "24", "--reason=customer at the counter")
    hands.open_and_close()
    assert hq.do("command", bank.bank, "open", "999", "--reason=typo", check=False).returncode


def roll_back(hq, backup):
    """HQ's disk broke, and a copy of yesterday was put back."""
    hq.stop()
    for path in hq.state.glob("hq.db-*"):
        path.unlink()
    backup.replace(hq.state / "hq.db")
    hq.start()


def test_every_message_of_a_run_fits_its_schema(site):
    hq = site.hq()
    recorder = Recorder(site)
    backup = site.folder / "yesterday.db"
    with sqlite3.connect(hq.state / "hq.db") as store, sqlite3.connect(backup) as copied:
        store.backup(copied)
    bank, lost = site.bank(settings=POLL), site.bank("hk-canton-2", branch="elsewhere")
    hands = Hands(bank)
    hq.do("import", TOP / "tests" / "data" / "sample-orders.json")
    hq.do("import", run_orders(site.folder))
    wait_until(lambda: hands.status()["orders"] >= 206, "the orders at the bank", 60)
    hands.attach()
    work(hq, bank, hands)
    command(hq, bank, hands)
    bank.ctl("clock", "floor", "2020-01-01", "--reason=a run of everything")
    hq.do("clock", BANK, "2020-01-01", "--reason=a run of everything")
    wait_until(lambda: hands.status()["outbox"] == 0, "every event at HQ", 60)
    roll_back(hq, backup)
    recorder.wait(b'"type":"feed_changed"')
    recorder.wait(b'"type":"document_rejected"')
    bank.kill()
    (bank.state / "bank.db-wal").unlink(missing_ok=True)  # as a bad disk would
    with open(bank.state / "bank.db", "r+b") as store:
        store.write(bytes(200))
    bank.start()
    recorder.wait(b'"type":"store_rebuilt"')
    lost.kill()
    recorder.wait(b'{"online":false}')  # its last will
    recorder.stop()

    feed_key = base64.b64decode((hq.state / "feed.pub").read_text())
    kinds, types, document_kinds = recorder.check(feed_key)
    assert kinds == set(MESSAGES)
    assert types == set(TOLERANT.files["event.json"]["$defs"])
    assert document_kinds == {"order", "key", "policy", "staff", "clock"}
    with pytest.raises(AssertionError, match="unknown"):  # the check itself can fail
        recorder.messages.append((f"pickup/v1/{BANK}/up/applied", json.dumps(
            {**examples("up/applied")[0], "unknown": 1}).encode()))
        recorder.check(feed_key)
