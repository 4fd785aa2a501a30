"""Reading the stores of programs that run, and writing files that they read."""

import os
import sqlite3


def rows(path, sql, *arguments):
    """What a store holds at this moment."""
    store = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)
    try:
        return store.execute(sql, arguments).fetchall()
    finally:
        store.close()


def meta(bank, key):
    """One of the values that a bank's store holds beside its tables."""
    found = rows(bank.state / "bank.db", "SELECT value FROM meta WHERE key = ?", key)
    return found[0][0] if found else None


def write_whole(path, text):
    """Writes a file that a program reads at any moment."""
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)
