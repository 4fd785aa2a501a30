"""A connection to a bank's bus that stays open, for tests that call thousands of times; busctl starts
a process for each call. Takes and gives the same as Bank.call()."""

import dbus
import dbus.connection

NAME, PATH = "io.pickupd.Bank1", "/io/pickupd/bank1"


def _argument(signature, words):
    """The next value of a signature from the words that busctl would take; returns the rest of it."""
    if signature.startswith("a(us)"):
        items = [(int(words.pop(0)), words.pop(0)) for _ in range(int(words.pop(0)))]
        return dbus.Array(items, signature="(us)"), signature[5:]
    if signature.startswith("a{sv}"):
        assert words.pop(0) == "0", "only an empty dictionary"
        return dbus.Dictionary({}, signature="sv"), signature[5:]
    word = words.pop(0)
    if signature[0] == "b":
        return word in ("true", "1"), signature[1:]
    return word if signature[0] == "s" else int(word), signature[1:]


def _plain(value):
    if isinstance(value, dict):
        plain = {str(key): _plain(entry) for key, entry in value.items()}
    elif isinstance(value, (list, tuple)):
        plain = [_plain(entry) for entry in value]
    elif isinstance(value, str):
        plain = str(value)
    else:
        plain = bool(value) if isinstance(value, dbus.Boolean) else int(value)
    return {"data": plain} if getattr(value, "variant_level", 0) else plain


class BusClient:
    def __init__(self, address):
        self.connection = dbus.connection.Connection(address)
        self.connection.call_blocking("org.freedesktop.DBus", "/org/freedesktop/DBus",
                                      "org.freedesktop.DBus", "Hello", "", ())

    def call(self, method, signature="", *words, check=True):
        values, words, rest = [], [str(word) for word in words], signature
        while rest:
            value, rest = _argument(rest, words)
            values.append(value)
        try:
            answer = self.connection.call_blocking(NAME, PATH, NAME, method, signature, values, 60)
        except dbus.DBusException as problem:
            if check:
                raise RuntimeError(f"{problem.get_dbus_name()}: {problem}") from problem
            return []
        if answer is None:
            return []
        if isinstance(answer, tuple) and not isinstance(answer, dbus.Struct):
            return [_plain(value) for value in answer]
        return [_plain(answer)]

    def close(self):
        self.connection.close()
