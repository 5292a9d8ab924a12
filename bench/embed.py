"""The embedding engine side by side with what others run, in one run: the table of docs/speed.md.

    python bench/embed.py [--only post,vgg19] [--minutes 18] [--peers PYTHON] [--labelled PATH] [--quick]

Each contender has a process of its own; they take turns in an order drawn anew for each round, with the same number of threads, and
ratios are medians over rounds. Weights are random and of the official shape: speed does not depend on them. Every figure is printed and
written to `--out` at once, with what the machine is; a row that fails says why, and the others go on. Nothing else should run beside it.

Rows: post, the blog post's own loop; vgg19 and networks, from memory against torch eager and ONNX Runtime; whole, from JPEG files against
the slower part alone; peers, from JPEG files against other programs, where `--peers` names an interpreter that has them; peak, the share of
one core's matrix product; fidelity, the default precision on a trained network, where `--labelled` names a folder with train/CLASS and
test/CLASS; install, the wheel in a fresh environment.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from embedding.contest import Fell, Ground
from embedding.figures import Report, machine
from embedding.rows import QUICK, ROWS, Setting, Sizes
from likewise.processors import processors


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(ROWS), help="rows, with commas between")
    parser.add_argument("--minutes", type=float, default=18, help="rows that have not begun by then are left out")
    parser.add_argument(
        "--rounds", type=int, default=5, help="of each contest, as long as there is time; 3 at the least"
    )
    parser.add_argument(
        "--checked", type=int, default=32, help="photos to check compiled networks on; 256 is likewise's own number"
    )
    parser.add_argument("--threads", type=int, default=processors(), help="of each contender")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="of an environment that has them")
    parser.add_argument("--labelled", type=Path, metavar="PATH")
    parser.add_argument("--out", type=Path, default=Path("embed.json"), help="runs are added to what is there")
    parser.add_argument("--work", type=Path, help="keep networks and photos here; a run that finds them is quicker")
    parser.add_argument(
        "--quick", action="store_true", help="the smallest sizes and one round: whether it works at all"
    )
    given = parser.parse_args()
    given.only = given.only.split(",")
    unknown = sorted(set(given.only) - set(ROWS))
    if unknown:
        parser.error(f"there is no row {', '.join(unknown)}: take {', '.join(ROWS)}")
    return given


def main() -> None:
    """Row after row."""
    given = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends contenders too
    if given.quick:
        print("quick: no figure means anything")
    report = Report(given.out, {name: str(value) for name, value in vars(given).items()})
    here = machine()
    print(", ".join(f"{name} {value}" for name, value in here.items()), flush=True)
    if float(str(here["load_average"] or 0)) > 0.3:
        print("WARNING: something else is running: the ratios will be wrong", flush=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.work or Path(temporary)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(given, report, folder)
        except KeyboardInterrupt:
            print("\nstopped; what was measured is kept")
    print(f"\n{report.table()}\n\nkept in {given.out}")


def run(given: argparse.Namespace, report: Report, folder: Path) -> None:
    """All rows that there is time for."""
    ends = time.monotonic() + 60 * given.minutes
    rounds, least = (1, 1) if given.quick else (max(given.rounds, 3), 3)
    left = [name for name in ROWS if name in given.only]
    known: dict[str, dict[str, Any]] = {}
    while left:
        name = left[0]
        row, share = ROWS[name]
        now = time.monotonic()
        if now > ends:
            report.fail(name, "no time was left (--minutes)")
            left.pop(0)
            continue
        deadline = now + (ends - now) * share / sum(ROWS[each][1] for each in left)
        left.pop(0)
        print(f"\n{name}: {row.__doc__}  [{(ends - now) / 60:.0f} minutes left]", flush=True)
        fell: dict[str, str] = {}
        sizes = QUICK if given.quick else Sizes(checked=given.checked)
        ground = Ground(folder, rounds, least, deadline)
        setting = Setting(ground, sizes, given.threads, given.peers, given.labelled, fell, known)
        try:
            for figure in row(setting):
                report.add(name, figure)
        except Fell as reason:
            fell[name] = str(reason)
        except Exception as error:  # whatever a row runs into, the next ones are to be measured
            fell[name] = f"{type(error).__name__}: {error}"
        for what, reason_told in fell.items():
            report.fail(f"{name}: {what}" if what != name else name, reason_told)
        print(f"  {time.monotonic() - now:.0f} s", flush=True)


if __name__ == "__main__":
    main()
