"""Write tests/golden/embeddings.json anew: `python tests/golden/make.py`. Only when a card's version has grown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "contracts")]

from test_encoder_contract import GOLDEN, PLAIN, pictures

from likewise import encoders


def main() -> None:
    told = {}
    for name in PLAIN:
        encoder = encoders.load(name)
        step = max(1, encoder.card.dim // 100)
        rows = encoder.encode(pictures(encoder))[:, ::step]
        told[name] = {
            "fingerprint": encoder.card.fingerprint,
            "step": step,
            "rows": rows.astype(float).round(6).tolist(),
        }
    GOLDEN.write_text(json.dumps(told, indent=None) + "\n")
    print(f"{GOLDEN.stat().st_size} bytes in {GOLDEN}")


if __name__ == "__main__":  # collecting doctests imports this file, and must not write
    main()
