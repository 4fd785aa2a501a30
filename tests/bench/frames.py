"""What a picture of the camera costs, beside zbar, and after how many pictures a code is read.

    ./dev bench frames [--sequences N] [--first SEED] [--json FILE]

Cost: pictures without a code, with everything a shop holds, and with a code, at two sizes; ours is
everything that is done with a frame once it is in memory. Time is the median of many looks; instructions are
counted by callgrind and do not depend on what else the machine does.

Sequences: N of each condition of tests/generator (docs/camera.md), ten pictures each.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

TOOL = pathlib.Path(os.environ["PICKUP_BUILD"]) / "tests/tools/frames-bench"
SIZES = ((640, 480), (1280, 720))
KINDS = ("idle", "clutter", "code")
ENGINES = ("ours", "zbar")
CONDITIONS = ("plain", "small", "large", "tilted", "blurred", "glare", "moire", "dimmed", "dark",
              "cracked", "shake", "rolling", "mjpeg", "mixed")
PICTURES = 8  # as in frames-bench.c


def lines(*words):
    done = subprocess.run([str(TOOL), *map(str, words)], check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def instructions(engine, kind, width, height, repeats=2):
    """Millions a look, or None without valgrind."""
    if not shutil.which("valgrind"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
             f"--toggle-collect=measured_{engine}", str(TOOL), "cost", engine, kind, str(width),
             str(height), str(repeats)], capture_output=True, text=True)
    found = re.search(r"Collected : (\d+)", done.stderr)
    return int(found[1]) / (PICTURES * repeats) / 1e6 if found else None


def cost():
    rows = []
    for width, height in SIZES:
        for kind in KINDS:
            row = {"size": f"{width}x{height}", "picture": kind}
            for engine in ENGINES:
                times = [line["ms"] for line in lines("cost", engine, kind, width, height, 12)]
                row[f"{engine}_ms"] = statistics.median(times)
                row[f"{engine}_ms_max"] = max(times)
                row[f"{engine}_million"] = instructions(engine, kind, width, height)
            rows.append(row)
    return rows


def print_cost(rows):
    print(f"\n{'size':10}{'picture':9}{'ours ms':>9}{'zbar ms':>9}{'ratio':>7}"
          f"{'ours M':>9}{'zbar M':>9}{'ratio':>7}   (M = million instructions, mean)")
    for row in rows:
        ours, zbar = row["ours_million"], row["zbar_million"]
        counted = (f"{ours:9.2f}{zbar:9.1f}{ours / zbar:7.2f}" if ours and zbar
                   else "   skipped: no valgrind")
        print(f"{row['size']:10}{row['picture']:9}{row['ours_ms']:9.2f}{row['zbar_ms']:9.2f}"
              f"{row['ours_ms'] / row['zbar_ms']:7.2f}{counted}")


def sequences(first, n):
    return {condition: lines("sequences", condition, first, n, 1280, 720)
            for condition in CONDITIONS}


def print_sequences(results):
    print(f"\n{'condition':11}{'n':>6}{'1st':>9}{'in 3':>9}{'in 10':>9}{'never':>7}{'wrong':>7}")
    every = [line for found in results.values() for line in found]
    for name, found in [*results.items(), ("all", every)]:
        n = len(found)
        within = [sum(0 < line["frames"] <= k for line in found) for k in (1, 3, 10)]
        wrong = sum(line["frames"] == 0 for line in found)
        print(f"{name:11}{n:6}" + "".join(f"{100 * k / n:8.2f}%" for k in within)
              + f"{n - within[2] - wrong:7}{wrong:7}")
    never = [f"{line['condition']} {line['seed']}" for line in every if line["frames"] > 10]
    if never:
        print("never:", ", ".join(never[:20]), "…" if len(never) > 20 else "")


def main():
    words = argparse.ArgumentParser(prog="./dev bench frames")
    words.add_argument("--sequences", type=int, default=100, help="of each condition; 0 = none")
    words.add_argument("--first", type=int, default=1, help="the first seed")
    words.add_argument("--no-cost", action="store_true")
    words.add_argument("--json", type=pathlib.Path, help="write everything measured there")
    options = words.parse_args()
    measured = {}
    if not options.no_cost:
        measured["cost"] = cost()
        print_cost(measured["cost"])
    if options.sequences:
        measured["sequences"] = sequences(options.first, options.sequences)
        print_sequences(measured["sequences"])
    if options.json:
        options.json.write_text(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
