"""The embedding engine side by side with what others run, in one run: the table of docs/speed.md.

    python bench/embed.py [--only post,vgg19] [--minutes 18] [--peers PYTHON] [--labelled PATH] [--quick]

Each contender has a process of its own; they take turns in an order drawn anew for each round, with the same number of threads, and
ratios are medians over rounds. Weights are of the official shape, and random unless embedding/learning.py left others: speed does not
depend on them, what `auto` takes does. Every figure is printed and
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
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from contests.contest import Ground
from contests.figures import Figure, Report, machine
from contests.programme import Part, hold
from embedding.rows import QUICK, ROWS, Setting, Sizes
from likewise.processors import processors

PROGRAMS = (
    *("likewise", "numpy", "pillow", "onnxruntime", "openvino", "torch", "torchvision", "timm", "open_clip_torch"),
    *("imagededup", "DeepImageSearch", "sentence-transformers", "transformers", "rclip"),
)


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
    parser.add_argument(
        "--photos", type=Path, metavar="PATH", help="to check compiled networks on, instead of drawn ones"
    )
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
    here = machine(PROGRAMS)
    report = Report(given.out, {name: str(value) for name, value in vars(given).items()}, here)
    print(", ".join(f"{name} {value}" for name, value in here.items()), flush=True)
    if float(str(here["load_average"] or 0)) > 0.3:
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
    """The rows that were asked for."""
    rounds, least = (1, 1) if given.quick else (max(given.rounds, 3), 3)
    sizes = QUICK if given.quick else Sizes(checked=given.checked)
    known: dict[str, dict[str, Any]] = {}

    def part(name: str, row: Callable[[Setting], Iterator[Figure]], share: float) -> Part:
        def held(deadline: float, fell: dict[str, str]) -> Iterator[Figure]:
            ground = Ground(folder, rounds, least, deadline)
            return row(Setting(ground, sizes, given.threads, given.peers, given.labelled, given.photos, fell, known))

        return Part(name, row.__doc__ or "", held, share)

    return [part(name, *ROWS[name]) for name in ROWS if name in given.only]


if __name__ == "__main__":
    main()
