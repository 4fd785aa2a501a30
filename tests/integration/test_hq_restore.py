"""Backups of HQ, and what the banks make of an HQ that was restored."""

import json
import sqlite3
import subprocess

import pytest

from processes import program, wait_until
from test_hq_feed import import_rows, order_row


def test_a_backup_is_whole_while_others_write(site):
    hq = site.hq()
    import_rows(site, hq, [order_row(i) for i in range(200)])
    path = site.folder / "batch.jsonl"
    path.write_text("".join(json.dumps(order_row(i)) + "\n"
                            for i in range(1000, 9000)))
    words = [program("pickup-hq"), f"--config={hq.config}", f"--state={hq.state}", "import", path]
    writer = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL)
    copies = []
    while writer.poll() is None or not copies:
        copies.append(site.folder / f"backup-{len(copies)}.db")
        hq.do("backup", copies[-1])
    assert writer.wait() == 0
    for copy in copies:
        assert copy.stat().st_mode & 0o777 == 0o600
        with sqlite3.connect(copy) as store:
            assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            orders, = store.execute("SELECT count(*) FROM shop_order").fetchone()
            documents, = store.execute("SELECT count(*) FROM document WHERE kind = 'order'") \
                .fetchone()
            assert orders == documents >= 200
    before = copies[0].read_bytes()
    done = hq.do("backup", copies[0], check=False)
    assert done.returncode == 2 and "--force" in done.stderr
    assert copies[0].read_bytes() == before
    hq.do("backup", copies[0], "--force")


def test_a_restore_asks_before_it_replaces_and_keeps_what_was_there(site):
    hq = site.hq()
    import_rows(site, hq, [order_row(1)])
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    import_rows(site, hq, [order_row(2)])
    assert "Stop it first" in hq.do("restore", backup, "--force", check=False).stderr
    hq.stop()
    done = hq.do("restore", backup, check=False)
    assert done.returncode == 2 and "--force" in done.stderr
    assert len(hq.json("orders")) == 2
    told = hq.json("restore", backup, "--force")
    assert [o["order"] for o in hq.json("orders")] == ["T-00001"]
    with sqlite3.connect(told["aside"]) as old:
        assert old.execute("SELECT count(*) FROM shop_order").fetchone() == (2,)
    with sqlite3.connect(hq.state / "hq.db") as store:
        assert store.execute("SELECT value FROM meta WHERE key = 'feed'").fetchone() == \
            (told["feed"],)
    assert not (hq.state / ".restore").exists()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, None])
def test_what_is_no_backup_is_refused_and_changes_nothing(site, content):
    hq = site.hq(start=False)
    import_rows(site, hq, [order_row(1)])
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    if content is None:  # a page in the middle was lost
        whole = bytearray(backup.read_bytes())
        whole[8192:12288] = b"\xA5" * 4096
        content = bytes(whole)
    backup.write_bytes(content)
    done = hq.do("restore", backup, "--force", check=False)
    assert done.returncode == 2 and str(backup) in done.stderr, done.stderr
    assert [o["order"] for o in hq.json("orders")] == ["T-00001"]


def test_a_restore_that_was_cut_off_goes_on(site):
    """Between any two of its steps nothing is served and nothing is lost."""
    hq = site.hq(start=False)
    import_rows(site, hq, [order_row(1)])
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    (hq.state / ".restore").mkdir()
    (hq.state / ".restore" / "hq.db").write_bytes(b"half a copy")
    (hq.state / "hq.db").rename(hq.state / "hq.db.aside-19700101T000000Z")
    (hq.state / "hq.db-wal").write_bytes(b"of another database")
    assert hq.do("orders", check=False).returncode == 2
    hq.do("restore", backup)
    assert [o["order"] for o in hq.json("orders")] == ["T-00001"]
    assert list(hq.state.glob("hq.db.aside-2*-wal"))


def test_a_restore_waits_for_commands_that_have_the_database_open(site):
    """They would write the old database's log beside the new one, which then reads it as its own."""
    hq = site.hq(start=False)
    import_rows(site, hq, [order_row(1)])
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    words = [str(program("pickup-hq")), f"--config={hq.config}", f"--state={hq.state}"]
    follower = subprocess.Popen([*words, "events", "--follow"], stdout=subprocess.DEVNULL)
    try:
        wait_until((hq.state / "hq.db-shm").exists, "the other command to open the database")
        restore = subprocess.Popen([*words, "restore", backup, "--force", "--json"], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert "waiting for their end" in restore.stderr.readline()
        assert restore.poll() is None and not list(hq.state.glob("hq.db.aside-*"))
    finally:
        follower.terminate()
        follower.wait(30)
    told, _ = restore.communicate(timeout=30)
    with sqlite3.connect(hq.state / "hq.db") as store:
        assert store.execute("SELECT value FROM meta WHERE key = 'feed'").fetchone() == \
            (json.loads(told)["feed"],)


def test_two_restores_within_a_second_keep_both_databases(site):
    hq = site.hq(start=False)
    import_rows(site, hq, [order_row(1)])
    backup = site.folder / "backup.db"
    hq.do("backup", backup)
    asides = {hq.json("restore", backup, "--force")["aside"] for _ in range(4)}
    assert len(asides) == 4 and all(sqlite3.connect(path).execute(
        "SELECT count(*) FROM shop_order").fetchone() == (1,) for path in asides)
