"""The wheel, installed without any development tool, does the main job. Run by `make smoke` with that environment's Python."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from PIL import Image


def likewise(*words: str) -> str:
    """Run the installed command and give back what it printed."""
    program = Path(sys.executable).parent / "likewise"
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"likewise {' '.join(words)} left with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    for unwanted in ("torch", "pytest", "cv2"):
        assert find_spec(unwanted) is None, f"{unwanted} is installed: this is no plain environment"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"  # nothing of this stays in the user's own
        pictures = folder / "pictures"
        pictures.mkdir()
        for i in range(12):
            Image.new("RGB", (40 + i, 30), (20 * i, 255 - 20 * i, 128)).save(pictures / f"{i:02d}.jpg")
        (pictures / "torn.jpg").write_bytes(b"\xff\xd8 torn")
        assert "12 new, 1 skipped" in likewise("-c", name, "index", str(pictures))
        hits = json.loads(likewise("-c", name, "search", str(pictures / "03.jpg"), "-k", "3", "--json"))["hits"]
        assert hits[0]["key"] == "pictures/03.jpg", hits
        likewise("-c", name, "search", str(pictures / "03.jpg"), "--grid", f"{name}/g", "--html", f"{name}/p.html")
        assert Image.open(folder / "g" / "03.png").size[0] > 500
        told = likewise(
            "-c", name, "search", f"{pictures / '03.jpg'}@0%,0%,50%,50%", "--minus", f"{pictures / '11.jpg'}=0.5"
        )
        assert told.startswith("1\t"), told
        assert "12 images in" in likewise("-c", name, "gallery", f"{name}/site")
        assert (folder / "site" / "index.html").is_file()
        assert "compact" in likewise("models")
        assert "all is well" in likewise("-c", name, "verify", "--deep")
        assert "torn.jpg" in likewise("-c", name, "skipped")
        assert "12 images" in likewise("-c", name, "compact")
        assert "model compact" in likewise("-c", name, "index")
        for i, kind in enumerate(("dark", "dark", "light", "light")):
            (folder / "classes" / kind).mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (30, 30), (200 * (i // 2) + i,) * 3).save(folder / "classes" / kind / f"{i}.png")
        told = likewise("evaluate", "folder", str(folder / "classes"), "--metric", "R@1", "--out", name)
        assert "1.0000" in told, told
        likewise("compare", f"{name}/folder-compact.json", f"{name}/folder-compact.json", "--fail-below", "0")
    print("1 passed, 0 failed")


if __name__ == "__main__":
    main()
