"""One contender in a process of its own: `python -m contests.contender MODULE:FACTORY JSON [KEEP.npy]`.

Makes its work, says what it is, and then does it once for every line that comes in, which holds arguments as JSON; answers with the
seconds. Threads of one library spin, and their settings hold for a whole process: contenders that shared one would slow each other down.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from contests.usage import anonymous_mb, processor_s


@dataclass(slots=True)
class Work:
    """What a factory gives.

    Attributes:
        go: What is timed, with the arguments of the turn; an array that it returns is kept, to be compared with those of the others.
        count: How many things go through in one `go`: images, queries, operations.
        prepare: Before each `go`, with the same arguments, not timed.
        facts: What there is to say: `is`, a line for a person, and anything that the row asks for.
    """

    go: Callable[..., object] = lambda **_: None
    count: int = 0
    prepare: Callable[..., object] = lambda **_: None
    facts: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    """Answer until the other side hangs up."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print must not come between the answers
    call, given, keep = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else ""
    try:
        module, name = call.split(":")
        work: Work = getattr(import_module(module), name)(**given)
        _tell(answers, {"facts": work.facts, "count": work.count})
        for line in sys.stdin:
            arguments = json.loads(line)
            work.prepare(**arguments)
            started, before_s = time.perf_counter(), processor_s()
            found = work.go(**arguments)
            seconds, used_s = time.perf_counter() - started, processor_s() - before_s
            if keep and isinstance(found, np.ndarray):
                np.save(Path(keep), found)
            table = found if isinstance(found, dict) else None
            told = {"seconds": seconds, "processor_s": used_s, "anonymous_mb": anonymous_mb(), "found": table}
            _tell(answers, told)
    except BaseException as error:
        traceback.print_exc()
        lines = str(error).strip().splitlines() or [""]
        missing = isinstance(error, ImportError)
        _tell(answers, {"error": f"{type(error).__name__}: {lines[0][:300]}", "missing": missing})
        sys.exit(1)


def _tell(answers: IO[str], what: dict[str, Any]) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
