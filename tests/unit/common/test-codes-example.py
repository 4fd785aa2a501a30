"""Runs the Python example of docs/codes.md against the vectors of the same page."""

import pathlib
import re
import sys

try:
    import cryptography.exceptions
except ImportError:
    print("1..0 # SKIP python3-cryptography is not installed")
    sys.exit(0)

page = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
example = {}
exec(re.search(r"```python\n(.*?)```", page, re.S).group(1), example)

rows = [line.strip().strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
rows = [[cell.strip().removeprefix("`").removesuffix("`") for cell in row] for row in rows]
key = next(row for row in rows if row[:2] == ["1", "order"])
seed, public_key = bytes.fromhex(key[2]), bytes.fromhex(key[3])

vectors = [row for row in rows if row[0] == "P1" and len(row) == 7]
refused = [row[2] for row in rows if row[0] in ("malformed", "forged") and "branch 0" not in row[1]]
assert vectors and refused
print(f"1..{len(vectors) + len(refused)}")

for n, (_, key_id, branch, order, epoch, not_after, text) in enumerate(vectors, 1):
    fields = (int(key_id), int(branch), int(order, 16), int(epoch), int(not_after))
    made = example["make_p1"](seed, *fields)
    good = made == text and example["check_p1"](public_key, text) == fields
    print("ok" if good else "not ok", n, "- vector", order)

for n, text in enumerate(refused, len(vectors) + 1):
    try:
        example["check_p1"](public_key, text)
        print("not ok", n, "- accepted", text)
    except (ValueError, IndexError, OverflowError, cryptography.exceptions.InvalidSignature):
        print("ok", n, "- refused")
