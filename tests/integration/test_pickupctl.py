"""pickupctl against a running bank: what staff type, what they read, how it ends."""

import json
import threading

from processes import Process, program, run, wait_until
from test_collection import code, start


def close_doors(hands, done):
    """Somebody who fills every door that opens and shuts it."""
    while not done.is_set():
        if hands.grants():
            hands.open_and_close()
        done.wait(0.02)


def stock(bank, hands, *words):
    done = threading.Event()
    somebody = threading.Thread(target=close_doors, args=(hands, done))
    somebody.start()
    try:
        return bank.ctl("stock", *words)
    finally:
        done.set()
        somebody.join()


def test_stock_waits_until_the_parcel_is_in(site):
    _, bank, hands = start(site)
    stock(bank, hands, "P-1-1", "4")
    door = next(d for d in bank.json("doors") if d["parcel"] == "P-1-1")
    assert door["door"] == 4 and door["state"] == "occupied" and door["order"] == "HK-1"
    assert [o["order"] for o in bank.json("orders", "--state=ready")] == ["HK-1"]


def test_a_code_from_the_command_line(site):
    hq, bank, hands = start(site)
    stock(bank, hands, "290000100001")
    assert bank.json("present", code(hq, "HK-1"))["outcome"] == "opening"
    assert bank.json("session")["state"] == "opening"
    hands.open_and_close()
    assert bank.json("order", "HK-1")["state"] == "collected"
    refused = bank.ctl("present", code(hq, "HK-1"), check=False)
    assert refused.returncode == 1 and "collected" in refused.stdout


def test_retrieve_lists_what_nobody_will_collect(site):
    hq, bank, hands = start(site)
    stock(bank, hands, "P-2-1")
    assert bank.json("retrieve") == []
    assert bank.json("retrieve", "P-2-1")["outcome"] == "opening"
    hands.open_and_close()
    assert bank.json("order", "HK-2")["placements"] == []


def test_doors_and_their_faults(site):
    _, bank, _ = start(site)
    refused = bank.ctl("door", "3", "out-of-service", check=False)
    assert refused.returncode == 1 and "reason" in refused.stderr
    bank.ctl("door", "3", "out-of-service", "--reason=hinge")
    assert bank.json("doors")[2]["state"] == "out_of_service"
    assert "hinge" in bank.ctl("doors").stdout
    bank.ctl("door", "3", "in-service")
    assert bank.json("doors")[2]["state"] == "free"


def test_wrong_calls_say_what_to_do(site):
    _, bank, _ = start(site)
    for words, exit_code, said in ((["stok", "P"], 2, "did you mean 'stock'"),
                                   (["order"], 2, "takes 1"),
                                   (["inspect", "x"], 2, "not a door"),
                                   (["events", "--limit=many"], 2, "--limit"),
                                   (["order", "HK-99"], 1, "no order HK-99")):
        done = bank.ctl(*words, check=False)
        assert (done.returncode, said in done.stderr) == (exit_code, True), (words, done.stderr)


def test_without_a_daemon_it_says_how_to_start_it(site):
    _, bank, _ = start(site)
    bank.kill()
    wait_until(lambda: bank.ctl("status", check=False).returncode == 3, "the name to be gone")
    assert "systemctl start pickupd" in bank.ctl("status", check=False).stderr


def test_tables_fit_the_terminal(site):
    _, bank, hands = start(site)
    stock(bank, hands, "P-1-1")
    for columns in (40, 60, 80):
        done = run("env", f"COLUMNS={columns}", "LC_ALL=C.UTF-8", program("pickupctl"),
                   f"--bus={bank.bus.address}", "orders")
        assert max(len(line) for line in done.stdout.splitlines()) <= columns


def test_check_config_names_every_mistake(site):
    _, bank, _ = start(site)
    assert "24 doors" in bank.ctl("check-config", bank.config).stdout
    text = bank.config.read_text()
    bank.config.write_text(text.replace("port=", "prot=").replace("[keys]", "[kees]"))
    done = bank.ctl("check-config", bank.config, check=False)
    assert done.returncode == 1
    assert "prot" in done.stderr and "kees" in done.stderr and "pickupd.conf:" in done.stderr


def test_check_config_of_the_kiosk(site, tmp_path):
    good = tmp_path / "kiosk.conf"
    (tmp_path / "doors.conf").write_text("[door 1]\nsize=S\n")
    good.write_text("[camera]\nbackend=files\nfolder=pictures\n[lock]\nbackend=sim\nsocket=s\n")
    done = run(program("pickupctl"), "check-config", good, tmp_path / "doors.conf")
    assert done.stdout.count("1 doors") == 2
    good.write_text("[camera]\nbackend=film\nfps=0\n[lock]\nbackend=sim\n")
    done = run(program("pickupctl"), "check-config", good, check=False)
    assert done.returncode == 1
    for line, key in ((2, "backend"), (3, "fps")):
        assert f"kiosk.conf:{line}" in done.stderr and key in done.stderr
    other = tmp_path / "other.conf"
    other.write_text("[sandwich]\n")
    done = run(program("pickupctl"), "check-config", other, check=False)
    assert done.returncode == 1 and "no section" in done.stderr


def test_watch_tells_what_happens(site):
    hq, bank, hands = start(site)
    out = bank.folder / "watch.jsonl"
    watch = Process(bank.folder, "watch", [program("pickupctl"), f"--bus={bank.bus.address}",
                                           "--json", "watch"])
    watch.log = out
    watch.start(ready=False)

    def signals():
        return [json.loads(line)["signal"] for line in out.read_text().splitlines()]
    try:
        # It tells nothing until its subscription stands; opening doors does no harm meanwhile.
        wait_until(lambda: hands.bank.call("SetDoorService", "ubs", "9", "false", "x") == [] and
                   "DoorChanged" in signals(), "the first signal")
        stock(bank, hands, "P-1-1")
        wait_until(lambda: {"Granted", "SessionChanged"} <= set(signals()), "the signals")
    finally:
        watch.stop()
