"""The manual pages tell every setting with its standard and range, and nothing that is not there.

    test-manual-pages.py LIST-SETTINGS LIBEXECDIR PICKUPCTL PICKUP-HQ FOLDER-OF-PAGES
"""

import pathlib
import re
import subprocess
import sys
import tempfile

LIST, LIBEXECDIR, PICKUPCTL, PICKUP_HQ, FOLDER = sys.argv[1:]
PAGES = sorted(pathlib.Path(FOLDER).glob("*.[158]"))
results = []


def check(what, wrong):
    results.append((what, wrong))


def documented(page):
    """{(section, key): sentence} of one page."""
    found, section, key = {}, None, None
    for line in (pathlib.Path(FOLDER) / page).read_text(encoding="utf-8").splitlines():
        if match := re.fullmatch(r"\.Ss \[(.*)\]", line):
            section = match[1]
        elif match := re.fullmatch(r"\.It Ic (\w+)=.*", line):
            key = match[1]
            found[section, key] = "says neither default nor that it is required"
        elif re.match(r"(Default:|Required)", line):
            found[section, key] = line.replace("/usr/libexec/pickup", LIBEXECDIR)
    return found


tables = {}
for line in subprocess.run([LIST], check=True, capture_output=True, text=True).stdout.splitlines():
    page, section, key, sentence = line.split("\t")
    tables.setdefault(page, {})[section, key] = sentence

own = {}  # sections that carry an identity, [door 1] and [branch x]: not in a table
for page, table in tables.items():
    told = documented(page)
    sections = {section for section, _ in table}
    own[page] = {key for section, key in told if section not in sections}
    check(f"{page} tells every setting", [f"[{s}] {k}= is missing" for s, k in table.keys() - told])
    check(f"{page} tells no other setting", [f"[{s}] {k}= does not exist" for s, k in told
                                             if s in sections and (s, k) not in table])
    check(f"{page} tells the right defaults and ranges",
          [f"[{s}] {k}= is documented as: {told[s, k]} It is: {text}"
           for (s, k), text in table.items() if told.get((s, k), text) != text])


def known_keys(words, config, name):
    """The keys that a program names when it meets one that it does not know."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        path.write_text(config)
        done = subprocess.run([word.replace("FILE", str(path)) for word in words],
                              capture_output=True, text=True)
    listed = re.search(r"Known (?:keys|there): ([a-z_, ]+)\.", done.stdout + done.stderr)
    return set(listed[1].split(", ")) if listed else {f"nothing: {done.stdout}{done.stderr}"}


for page, known in (
        ("doors.conf.5", known_keys([PICKUPCTL, "check-config", "FILE"],
                                    "[door 1]\nsize=S\nunknown=1\n", "doors.conf")),
        ("hq.conf.5", known_keys([PICKUP_HQ, "--config=FILE", "--state=/nonexistent", "orders"],
                                 "[broker]\nhost=h\n[branch b]\nnumber=1\nbanks=b\nunknown=1\n",
                                 "hq.conf"))):
    check(f"{page} tells the keys of each section of its own",
          [f"{key}=" for key in known ^ own[page]])

for page in PAGES:
    done = subprocess.run(["groff", "-mandoc", "-Tutf8", "-ww", "-z", page],
                          capture_output=True, text=True)
    text = page.read_text(encoding="utf-8")
    check(f"{page.name} is well-formed", done.stderr.splitlines() +
          [f"{name} has no manual page" for name in
           re.findall(r"^\.Xr ((?:pickup|doors|kiosk|hq)\S* \d)", text, re.M)
           if not (page.parent / name.replace(" ", ".")).exists()])

print(f"1..{len(results)}")
for n, (what, wrong) in enumerate(results, 1):
    print("not ok" if wrong else "ok", n, "-", what)
    for line in wrong:
        print("#", line)
