"""Checks every vector of docs/codes.md with other people's code: OpenSSL's Ed25519 by way of
python3-cryptography, and Python's own hashlib and hmac. None of ours is involved."""

import hashlib
import hmac
import pathlib
import re
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
PAGE = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")


def base45(data):
    """RFC 9285, for an even number of bytes."""
    text = ""
    for high, low in zip(data[::2], data[1::2]):
        rest, first = divmod(high * 256 + low, 45)
        third, second = divmod(rest, 45)
        text += ALPHABET[first] + ALPHABET[second] + ALPHABET[third]
    return text


def unbase45(text):
    data = b""
    for first, second, third in zip(text[::3], text[1::3], text[2::3]):
        value = ALPHABET.index(first) + 45 * ALPHABET.index(second) + 2025 * ALPHABET.index(third)
        data += value.to_bytes(2, "big")
    return data


def table(header):
    """The rows below one table header, as lists of cells."""
    body = PAGE.split(header + "\n", 1)[1].split("\n", 1)[1]
    rows = []
    for line in body.split("\n"):
        if not line.startswith("|"):
            break
        cells = re.findall(r"(?<=\| )(`[^`]*`|[^|]*?)(?= \|)", line)
        rows.append([cell[1:-1] if cell.startswith("`") else cell for cell in cells])
    assert rows, header
    return rows


def keys():
    seeds, publics = {}, {}
    for key_id, _, seed, public in table("| key | signs | seed | public key |"):
        seeds[int(key_id)] = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
        publics[int(key_id)] = bytes.fromhex(public)
    return seeds, publics


SEEDS, PUBLICS = keys()


def signed(kind, key_id, body):
    return kind + base45(body + SEEDS[key_id].sign(kind.encode() + body))


def check_keys():
    for key_id, private in SEEDS.items():
        yield f"public key {key_id}", PUBLICS[key_id] == private.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def check_signed():
    header = "| kind | key_id | branch | order (hexadecimal) | epoch | not_after | text |"
    for kind, key_id, branch, order, epoch, until, text in table(header):
        body = struct.pack(">BHQBI", int(key_id), int(branch), int(order, 16), int(epoch),
                           int(until))
        yield f"{kind} of order {order}", signed(kind, int(key_id), body) == text
    header = "| kind | key_id | branch | staff | role | serial | not_after | text |"
    for kind, key_id, branch, staff, role, serial, until, text in table(header):
        body = struct.pack(">BHIBII", int(key_id), int(branch), int(staff), int(role),
                           int(serial), int(until))
        yield f"{kind} of staff {staff}", signed(kind, int(key_id), body) == text


def check_rotating():
    for kind, secret, order, step, text in table(
            "| kind | secret | order (hexadecimal) | step | text |"):
        body = struct.pack(">QI", int(order, 16), int(step))
        mac = hmac.new(bytes.fromhex(secret), kind.encode() + body, "sha512").digest()[:16]
        yield f"{kind} of order {order}", kind + base45(body + mac) == text


def genuine(text):
    """By the key that the code names, whatever that key is for."""
    data = unbase45(text[2:])
    if data[0] not in PUBLICS:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(PUBLICS[data[0]]).verify(
            data[16:], text[:2].encode() + data[:16])
    except InvalidSignature:
        return False
    return True


def check_refused():
    """Forged ones are forged for OpenSSL too; those of a key with another purpose are genuine."""
    for result, why, text in table("| result | why | text |"):
        if result == "forged":
            yield f"forged: {why}", not genuine(text)
        elif result == "unknown_key":
            named = unbase45(text[2:])[0] in PUBLICS
            yield f"unknown key: {why}", genuine(text) == named and named != ("not known" in why)


def damm(digits):
    rows = [row[1:] for row in table("| | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |")]
    result = 0
    for digit in digits:
        result = int(rows[result][int(digit)])
    return result


def check_numbers():
    key = bytes.fromhex(re.search(r"number key\s+`([0-9a-f]{64})`", PAGE)[1])

    def digest(data):
        return hashlib.blake2b(data, digest_size=16, key=key).hexdigest()

    for random, number, expected in table("| random | number | digest |"):
        digits = number.replace("-", "")
        good = f"{int(random):09}" == digits[:9] and damm(digits[:9]) == int(digits[9]) and \
            damm(digits) == 0 and digest(b"number" + digits.encode()) == expected
        yield f"pickup number {number}", good
        slips = [digits[:i] + str(d) + digits[i + 1:] for i in range(10) for d in range(10)
                 if str(d) != digits[i]]
        swaps = [digits[:i] + digits[i + 1] + digits[i] + digits[i + 2:] for i in range(9)
                 if digits[i] != digits[i + 1]]
        yield f"slips of {number}", all(damm(wrong) != 0 for wrong in slips + swaps)
    for staff, digits, expected in table("| staff | digits | digest |"):
        yield f"digits of staff {staff}", \
            digest(b"pin" + struct.pack(">I", int(staff)) + digits.encode()) == expected


def check_base45():
    for plain, text in ((b"AB", "BB8"), (b"ietf", "QED8WE"), (b"Hello!", "%69 VD92E")):
        yield f"Base45 of {plain!r}", base45(plain) == text and unbase45(text) == plain


checks = [check for part in (check_base45, check_keys, check_signed, check_rotating, check_refused,
                             check_numbers) for check in part()]
print(f"1..{len(checks)}")
for n, (what, good) in enumerate(checks, 1):
    print("ok" if good else "not ok", n, "-", what)
