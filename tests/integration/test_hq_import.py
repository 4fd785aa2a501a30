"""Taking in batches: promise 10, and what a shop does with its files."""

import json
import os
import pathlib
import subprocess

import pytest

from fake_bank import FakeBank
from processes import run

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"

# Order (or line) → column that is named, and a word of the reason.
BAD_CSV = {
    "BAD-branch-missing": ("branch", "missing"),
    "BAD-branch-unknown": ("branch", "hk-cantn"),
    6: ("order", "missing"),
    "O" * 65: ("order", "65 bytes"),
    "BAD-control\tcharacter": ("order", "control character"),
    "BAD-source-rev-text": ("source_rev", "'one'"),
    "BAD-source-rev-negative": ("source_rev", "whole number"),
    "BAD-status": ("status", "'shipped'"),
    "BAD-display-long": ("display", "42 characters"),
    "BAD-display-phone": ("display", "phone"),
    "BAD-lang": ("lang", "language tag"),
    "BAD-time": ("ready_from", "'tomorrow'"),
    "BAD-time-no-zone": ("ready_from", "no time zone"),
    "BAD-time-seconds": ("pickup_until", "seconds"),
    "BAD-time-february": ("pickup_until", "2099-02-30"),
    "BAD-time-year": ("pickup_until", "3000"),
    "BAD-window": ("pickup_until", "not after ready_from"),
    "BAD-release": ("release_at", "not before pickup_until"),
    "BAD-slot-order": ("slot_to", "not after"),
    "BAD-slot-open": ("slot_to", "missing"),
    "BAD-departure-missing": ("departure_at", "missing"),
    "BAD-flight-long": ("flight", "28 bytes"),
    "BAD-id-check": ("id_check", "'maybe'"),
    "BAD-low-door": ("low_door", "'2'"),
    "BAD-parcel-missing": ("parcel", "missing"),
    "BAD-parcel-long": ("parcel", "65 bytes"),
    "BAD-size-missing": ("size", "missing"),
    "BAD-size": ("size", "'XXL'"),
    "BAD-sku-missing": ("sku", "missing"),
    "BAD-qty-zero": ("qty", "1 to 9999"),
    "BAD-qty-text": ("qty", "'two'"),
    "BAD-qty-large": ("qty", "1 to 9999"),
    "BAD-name-missing": ("name:LANG", "missing"),
    "BAD-personalisation": ("personalisation", "missing"),
    "BAD-barcode-twice": ("barcode", "2900099000003"),
    "BAD-label-taken": ("parcel", "GOOD-two-parcels"),
    "BAD-barcode-taken": ("barcode", "GOOD-two-parcels"),
    "BAD-contradiction": ("display", "contradicts"),
    "BAD-second-line": ("qty", "1 to 9999"),
    "BAD-cells-few": ("the row", "number of cells"),
    "BAD-cells-many": ("the row", "number of cells"),
    "BAD-quote": ("the row", "not closed"),
    "BAD-utf-8": ("display", "UTF-8"),
    "TWICE": ("order", "line 58"),
    "BAD-branch-control": ("branch", "hk canton"),
}
# The line that the complaint is about, where it is not the first of its order.
LINES = {"BAD-barcode-twice": 45, "BAD-contradiction": 49, "BAD-second-line": 51, "TWICE": 60}

BAD_JSON = {
    3: ("order", "missing"),
    4: ("order", "empty"),
    "JBAD-order-spaces ": ("order", "white space"),
    6: ("order", "must be text"),
    "JBAD-branch-missing": ("branch", "missing"),
    "JBAD-branch-unknown": ("branch", "paris"),
    "JBAD-unknown-member": ("pickup_untill", "not known"),
    "JBAD-own-member": ("handle", "made by HQ"),
    "JBAD-epoch": ("code", "made by HQ"),
    "JBAD-source-rev": ("source_rev", "whole number"),
    "JBAD-status": ("status", "'moved'"),
    "JBAD-display-type": ("display", "must be text"),
    "JBAD-lang": ("lang", "zh_CN"),
    "JBAD-time-type": ("ready_from", "must be a time"),
    "JBAD-time-fraction": ("ready_from", "must be a time"),
    "JBAD-window": ("pickup_until", "not after ready_from"),
    "JBAD-slot-type": ("slot", "must be an object"),
    "JBAD-slot-member": ("slot.until", "not known"),
    "JBAD-departure": ("departure.at", "missing"),
    "JBAD-id-check": ("id_check", "true or false"),
    "JBAD-parcels-missing": ("parcels", "missing"),
    "JBAD-parcels-empty": ("parcels", "empty"),
    "JBAD-parcels-type": ("parcels", "must be an array"),
    "JBAD-parcel-type": ("parcels[0]", "must be an object"),
    "JBAD-parcel-placed": ("parcels[0].placed", "not known"),
    "JBAD-parcel-missing": ("parcels[0].parcel", "missing"),
    "JBAD-parcel-twice": ("parcels[1].parcel", "number of parcel 1"),
    "JBAD-size": ("parcels[0].size", "'s'"),
    "JBAD-personalisation": ("parcels[0].personalisation", "must be an object"),
    "JBAD-items-missing": ("parcels[0].items", "missing"),
    "JBAD-items-empty": ("parcels[0].items", "empty"),
    "JBAD-sku": ("parcels[0].items[0].sku", "empty"),
    "JBAD-qty-fraction": ("parcels[0].items[0].qty", "1 to 9999"),
    "JBAD-qty-text": ("parcels[0].items[0].qty", "1 to 9999"),
    "JBAD-name-text": ("parcels[0].items[0].name", "must be an object"),
    "JBAD-name-empty": ("parcels[0].items[0].name", "missing"),
    "JBAD-name-type": ("parcels[0].items[0].name.en", "must be text"),
    42: ("the row", "must be an object"),
    43: ("the row", "must be an object"),
    44: ("the row", "must be an object"),
    46: ("the row", "duplicate object key"),
    47: ("the row", "not JSON"),
    49: ("the row", "not JSON"),
    51: ("the row", "not JSON"),
    52: ("the row", "not JSON"),
    "JTWICE": ("order", "line 54"),
}


@pytest.fixture
def hq(site):
    running = site.hq(start=False)
    yield running
    assert running.stop() in (None, 0)


def take(hq, path, *options, code=0):
    done = hq.do("import", path, "--json", *options, check=False)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def good_orders(path):
    words = path.read_text(errors="replace").replace('"', " ").replace(",", " ").split()
    return {word for word in words if "GOOD-" in word} | {w for w in words if "TWICE" in w}


@pytest.mark.parametrize("name, bad", [("bad-rows.csv", BAD_CSV), ("bad-rows.json", BAD_JSON)])
def test_promise_10_bad_rows_are_reported_and_the_good_ones_go_in(hq, name, bad):
    path = DATA / name
    report = take(hq, path, code=1)
    good = good_orders(path)
    assert len(good) >= 9 and len(bad) >= 30
    assert report["imported"] == len(good)
    assert {order["order"] for order in hq.json("orders", "--limit=1000")} == good
    rejects = {entry["order"] if entry["order"] in bad else entry["line"]: entry
               for entry in report["rejects"]}
    assert set(rejects) == set(bad)
    assert report["rejected"] == len(bad) == len(report["rejects"])
    lines = path.read_bytes().split(b"\n")
    for order, (column, word) in bad.items():
        entry = rejects[order]
        assert entry["column"] == column, entry
        assert word in entry["reason"], entry
        assert entry["remedy"].endswith((".", "?")), entry
        assert entry["place"] == f"{path}:{entry['line']}"
        if isinstance(order, str) and order.isprintable():
            assert order.encode() in lines[entry["line"] - 1], entry
        if order in LINES:
            assert entry["line"] == LINES[order]


def test_the_same_batch_again_changes_nothing(hq):
    first = take(hq, DATA / "sample-orders.csv")
    assert first["imported"] == 200 and first["rejects"] == []
    seq = hq.json("banks")[0]["seq"]
    assert take(hq, DATA / "sample-orders.csv")["unchanged"] == 200
    assert take(hq, DATA / "sample-orders.json")["unchanged"] == 200  # the same in both forms
    assert hq.json("banks")[0]["seq"] == seq


def test_the_sample_is_what_its_maker_makes(hq, tmp_path):
    run("/usr/bin/python3", DATA / "make-sample.py", f"--folder={tmp_path}")
    for name in ("sample-orders.csv", "sample-orders.json"):
        assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
    take(hq, DATA / "sample-orders.csv")
    documents = [hq.json("order", o["order"])["document"] for o in hq.json("orders", "--limit=60")]
    assert {d["lang"] for d in documents} == {"zh-Hans", "zh-Hant", "ja", "ko", "en", "fr"}
    assert any(d["id_check"] for d in documents) and any(len(d["parcels"]) > 2 for d in documents)
    assert len({d["handle"] for d in documents}) == len({d["number_digest"] for d in documents}) \
        == len(documents)


def test_a_changed_row_gets_a_higher_rev_and_an_older_one_is_refused(hq, tmp_path):
    order = json.loads((DATA / "sample-orders.json").read_text())["orders"][0]
    path = tmp_path / "one.json"

    def again(**members):
        path.write_text(json.dumps([{**order, **members}]))
        return hq.do("import", path, "--json", "--verbose", check=False)

    def result(done):
        return json.loads(done.stdout)["results"][0]

    assert result(again())["result"] == "imported"
    before = hq.json("order", order["order"])["document"]
    code = hq.json("code", order["order"])
    assert result(again(source_rev=5, display="李*"))["result"] == "changed"
    after = hq.json("order", order["order"])["document"]
    assert (before["rev"], after["rev"]) == (1, 2) and after["display"] == "李*"
    assert after["handle"] == before["handle"]
    assert hq.json("code", order["order"]) == code
    done = again(source_rev=4)
    assert done.returncode == 1 and result(done)["column"] == "source_rev"
    assert hq.json("order", order["order"])["document"] == after
    assert result(again(source_rev=6, display="李*"))["result"] == "unchanged"
    done = again(source_rev=5, display="李*")  # older than what was seen, although the same
    assert done.returncode == 1


def test_every_form_of_json_is_read(hq, tmp_path):
    orders = json.loads((DATA / "sample-orders.json").read_text())["orders"][:20]
    forms = {
        "array.json": json.dumps(orders),
        "pretty.json": json.dumps(orders, indent=2, ensure_ascii=False),
        "frame.json": "\ufeff" + json.dumps({"orders": orders}, indent=1),
        "lines.jsonl": "\n".join(json.dumps(order) for order in orders),
        "lines-windows.jsonl": "\r\n".join(json.dumps(order) for order in orders) + "\r\n\r\n",
    }
    for number, (name, text) in enumerate(forms.items()):
        path = tmp_path / name
        path.write_bytes(text.encode())
        report = take(hq, path)
        assert report["unchanged" if number else "imported"] == 20, name


def test_csv_from_spreadsheets_is_read(hq, tmp_path):
    text = (DATA / "sample-orders.csv").read_text()
    rows = [line for line in text.splitlines() if '"' not in line]
    path = tmp_path / "export.csv"
    path.write_text("\ufeff" + "\r\n".join(line.replace(",", ";") for line in rows) + "\r\n;;;\r\n")
    report = take(hq, path, code=0)
    assert report["imported"] > 150 and report["rejected"] == 0


def test_only_trying_stores_nothing(hq):
    seq = hq.json("banks")[0]["seq"]
    report = take(hq, DATA / "sample-orders.csv", "--dry-run")
    assert report["imported"] == 200 and report["dry_run"]
    assert take(hq, DATA / "bad-rows.csv", "--dry-run", code=1)["rejected"] >= 40
    assert hq.json("orders") == [] and hq.json("banks")[0]["seq"] == seq


@pytest.mark.parametrize("name, content, word", [
    ("empty.csv", b"", "empty"),
    ("utf16.csv", "order,branch\n".encode("utf-16"), "UTF-16"),
    ("header.csv", b"order,branch,parcel,size,sku\nA,B,C,D,E\n", "lacks the column 'qty'"),
    ("slip.csv", b"order,brnach,parcel,size,sku,qty\n", "Did you mean 'branch'?"),
    ("twice.csv", b"order,branch,parcel,size,sku,qty,size\n", "'size' twice"),
    ("text.json", b"order\n", "not JSON"),
    ("cut.json", b'[{"order":"A"}', "not closed"),
])
def test_a_file_that_cannot_be_used_is_refused_as_a_whole(hq, tmp_path, name, content, word):
    path = tmp_path / name
    path.write_bytes(content)
    done = hq.do("import", path, check=False)
    assert done.returncode == 2 and word in done.stderr, done.stderr
    missing = hq.do("import", tmp_path / "nothing.csv", check=False)
    assert missing.returncode == 2 and "No such file" in missing.stderr


def test_what_no_text_file_should_hold_costs_one_row(hq, tmp_path):
    header, first, *_ = (DATA / "sample-orders.csv").read_bytes().split(b"\n")

    def row(number):
        cells = first.split(b",")
        cells[0], cells[12], cells[13] = (f"{kind}{number}".encode() for kind in "OPB")
        return b",".join(cells)

    path = tmp_path / "odd.csv"
    path.write_bytes(b"\n".join([
        header, row(1), row(2) + b"\0", row(3), row(4) + b"x" * 200000, row(5),
        b"\n".join(row(6).replace(b"P6", b"P6-%d" % i).replace(b"B6", b"B6-%d" % i)
                   for i in range(65)),
        row(7)]) + b"\n")
    report = take(hq, path, code=1)
    assert report["imported"] == 4
    assert [(e["order"], e["line"]) for e in report["rejects"]] == [("O2", 3), ("O4", 5), ("O6", 7)]
    assert "64" in report["rejects"][2]["reason"]


def import_measured(hq, path):
    """Imports and returns (report, most memory in KiB)."""
    words = [*map(str, hq.words[:-1]), "--json", "import", str(path)]
    environment = {**os.environ, "ASAN_OPTIONS": "quarantine_size_mb=1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as running:
        report = json.loads(running.stdout.read())
        _, _, usage = os.wait4(running.pid, 0)
        running.returncode = 0
    return report, usage.ru_maxrss


def test_a_large_file_needs_no_more_memory_than_a_small_one(hq, tmp_path):
    def write(name, count):
        with open(tmp_path / name, "w") as out:
            for i in range(count):
                parcel = {"parcel": f"P{i}", "size": "XXXL" if i == 15000 else "S",
                          "items": [{"sku": "A", "name": {"en": "A" * 190}, "qty": 1}]}
                out.write(json.dumps({"order": f"O{i}", "branch": "hk-canton",
                                      "parcels": [parcel]}) + "\n")
        return tmp_path / name

    _, small = import_measured(hq, write("small.jsonl", 6000))
    report, large = import_measured(hq, write("large.jsonl", 30000))
    assert (report["imported"], report["rejected"]) == (23999, 1)
    assert report["rejects"][0]["line"] == 15001
    assert large < small + 6000


def test_a_parcel_in_a_door_cannot_be_wished_away(hq, tmp_path):
    hq.start()
    order = json.loads((DATA / "sample-orders.json").read_text())["orders"][3]
    path = tmp_path / "one.json"
    path.write_text(json.dumps([order]))
    take(hq, path)
    with FakeBank(hq.site) as bank:
        bank.happen("stocked", order=order["order"], parcel=order["parcels"][0]["parcel"], door=4,
                    actor="staff:1")
        bank.send()
        bank.wait_ack(1)
    path.write_text(json.dumps([{**order, "source_rev": 2, "parcels": order["parcels"][1:]}]))
    reason = take(hq, path, code=1)["rejects"][0]["reason"]
    assert "door 4 of hk-canton-1" in reason


def test_wrong_words_are_explained(hq):
    for words, expected in [
            (["imprt", "x"], "Did you mean 'import'?"),
            (["import"], "missing"),
            (["import", "x", "--dry-ran"], "Did you mean --dry-run?"),
            (["orders", "--limit=many"], "whole number"),
            (["orders", "--state=lost"], "no state 'lost'"),
            (["badge", "17"], "--role="),
            (["badge", "Li", "--role=stocker"], "staff number"),
            (["command", "nowhere", "open", "1", "--reason=x"], "no bank nowhere"),
    ]:
        done = hq.do(*words, check=False)
        assert done.returncode == 64 and expected in done.stderr, done.stderr
    assert hq.do("order", "nothing", check=False).returncode == 1
    assert hq.do("--help").stdout.startswith("pickup-hq ")
