"""Search side by side with what others use, in one run: the second table of docs/speed.md.

    python bench/search.py --work DIR [--only post,recall] [--peers PYTHON] [--ours SPEC] [--threads 1,2] [--quick] [--prepare]

Each contender has a process of its own, held to as many processors as it has threads; they take turns in an order drawn anew for each
round, and ratios are medians over rounds. All rows are run with the first number of threads, then with the next. Galleries are drawn:
clustered, of a stated intrinsic dimension, with held-out queries; what is true of them is found by float64. Galleries and indexes
are kept in `--work` and used again. Every figure is printed and written to `--out` at once, with what the machine is; a row that fails
says why, and the others go on. Nothing else should run beside it.

Rows: post, the blog post's loop, numpy and faiss Flat, answers identical; million, against faiss Flat at answers as good as exact; recall,
against every peer at the same measured recall, and what each index costs; bandwidth, the share of the memory's speed that a scan reaches;
ten, ten million rows within 12 GB; rerank, which is bench/rerank.py, where `--covers`, `--ukbench` or `--cifar` name pictures.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from contests.contest import REST_S, Ground
from contests.figures import Figure, Report, machine
from contests.programme import Part, hold
from likewise.processors import processors
from searching.ours import EXACT
from searching.peers import PEERS
from searching.rows import ROWS
from searching.setting import QUICK, Setting, Sizes

PROGRAMS = ("likewise", "numpy", "faiss-cpu")
PICTURES = ("covers", "ukbench", "cifar")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [each.name for each in PEERS]
    parser.add_argument("--only", default=",".join(ROWS), help="rows, with commas between")
    parser.add_argument(
        "--work", type=Path, help="keep galleries and indexes here, 25 GB; a run that finds them is quicker"
    )
    parser.add_argument("--prepare", action="store_true", help="make galleries and indexes, and measure nothing")
    parser.add_argument("--minutes", type=float, default=180, help="rows that have not begun by then are left out")
    parser.add_argument(
        "--rounds", type=int, default=5, help="of each contest, as long as there is time; 3 at the least"
    )
    threads = ",".join(str(each) for each in sorted({1, processors()}))
    parser.add_argument("--threads", help=f"of each contender, one number after the other: {threads}, or 1 if --quick")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="of an environment that has them")
    parser.add_argument("--among", default="", help=f"only these peers, with commas between: {', '.join(names)}")
    parser.add_argument(
        "--ours",
        default="lists",
        metavar="SPEC",
        help="our index in the rows recall and ten: exact, lists, graph, auto",
    )
    parser.add_argument(
        "--ours-exact", default=EXACT, metavar="SPEC", help="our index where every answer counts: exact, or KIND@RECALL"
    )
    parser.add_argument("--scale", type=float, default=1, help="of the numbers of rows, to try it")
    parser.add_argument("--out", type=Path, default=Path("search.json"), help="runs are added to what is there")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest sizes and one round: whether it works at all"
    )
    for name in PICTURES:
        parser.add_argument(f"--{name}", type=Path, metavar="PATH")
    given = parser.parse_args()
    for name, known in (("only", list(ROWS)), ("among", names)):
        chosen = [each for each in getattr(given, name).split(",") if each]
        unknown = sorted(set(chosen) - set(known))
        if unknown:
            parser.error(f"--{name} {', '.join(unknown)}: take {', '.join(known)}")
        setattr(given, name, chosen)
    given.threads = given.threads or ("1" if given.quick else threads)
    try:
        given.threads = [int(each) for each in given.threads.split(",")]
    except ValueError:
        parser.error(f"--threads {given.threads}: numbers with commas between")
    if min(given.threads) < 1 or max(given.threads) > processors():
        parser.error(f"--threads {given.threads}: from 1 to {processors()}")
    return given


def main() -> None:
    """Row after row, with one number of threads after the other."""
    given = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends contenders too
    if given.quick:
        print("quick: no figure means anything")
    here = machine(PROGRAMS)
    report = Report(given.out, {name: str(value) for name, value in vars(given).items()}, here)
    print(", ".join(f"{name} {value}" for name, value in here.items()), flush=True)
    if float(str(here["load_average"] or 0)) > 0.3 and not given.prepare:
        print("WARNING: something else is running: the ratios will be wrong", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            hold(parts(given, folder), report, given.minutes)
        except KeyboardInterrupt:
            print("\nstopped; what was measured is kept")
    print(f"\n{report.table()}\n\nkept in {given.out}")


def parts(given: argparse.Namespace, folder: Path) -> list[Part]:
    """The rows that were asked for; re-ranking has no threads to choose, and preparing needs them once."""
    rounds, least = (1, 1) if given.quick else (max(given.rounds, 3), 3)
    pictures = [[f"--{name}", str(getattr(given, name))] for name in PICTURES if getattr(given, name) is not None]
    common = Setting(
        Ground(folder, rounds, least, 0, 0 if given.quick else REST_S),
        QUICK if given.quick else Sizes().scaled(given.scale),
        1,
        given.peers,
        given.ours,
        given.ours_exact,
        tuple(given.among),
        given.prepare,
        tuple(each for pair in pictures for each in pair),
    )

    def part(name: str, threads: int) -> Part:
        row, share = ROWS[name]

        def held(deadline: float, fell: dict[str, str]) -> Iterator[Figure]:
            return row(replace(common, ground=replace(common.ground, deadline=deadline), threads=threads, fell=fell))

        return Part(f"{name}, {threads} thread{'s' * (threads > 1)}", row.__doc__ or "", held, share)

    turns = given.threads[:1] if given.prepare else given.threads
    return [part(name, each) for each in turns for name in given.only if name != "rerank" or each == turns[0]]


if __name__ == "__main__":
    main()
