"""Frames a second of the map while it moves, in a browser without a window.

    python bench/map_frames.py [--points 100000] [--seconds 4] [--chromium /usr/bin/chromium]

Serves the page's own modules with made-up points, moves the map at every frame, and counts frames. Needs playwright and a Chromium. Where
there is no GPU, Chromium draws WebGL in software (SwiftShader), and so does this: a real machine is quicker.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import tempfile
import threading
from pathlib import Path
from shutil import copy

import likewise.service

PAGE = """<!doctype html><meta charset="utf-8"><canvas width="1280" height="720"></canvas><script type="module">
import { Camera, Chunks, Pace } from "./mapview.js";
import { drawer } from "./mapdraw.js";
window.measure = async (count, seconds, gl) => {
  let seed = 1;
  const random = () => ((seed = (seed * 16807) % 2147483647) / 2147483647);
  const places = Array.from({ length: 60 }, () => [2 * random() - 1, 2 * random() - 1]);
  const points = new Float32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [x, y] = places[Math.floor((60 * i) / count)];
    points[2 * i] = x + 0.2 * (random() + random() - 1);
    points[2 * i + 1] = y + 0.2 * (random() + random() - 1);
  }
  const canvas = document.querySelector("canvas").cloneNode();
  document.querySelector("canvas").replaceWith(canvas);
  const draw = drawer(canvas, { gl });
  draw.put(points);
  draw.colour(Uint8Array.from({ length: count }, (_, i) => i % 12));
  const chunks = new Chunks(points);
  const palette = new Float32Array(64).fill(0.7);
  const camera = new Camera().fit([-1.2, -1.2, 1.2, 1.2], 1280, 720);
  const pace = new Pace();
  const found = {};
  for (const [name, zoom] of [["all", 1], ["near", 8]]) {
    camera.zoom(zoom);
    let frames = 0, drawn = 0;
    const begun = performance.now();
    await new Promise((done) => {
      const frame = () => {
        camera.pan(3 * Math.sin(frames / 20), 2);
        if (frames % 100 === 99) camera.pan(0, -200);
        pace.tick(performance.now(), frames > 0);
        const runs = chunks.runs(camera.seen(8));
        const seen = runs.reduce((sum, [a, b]) => sum + b - a, 0);
        drawn = draw.draw(camera, runs, { palette, size: 2, step: pace.step(seen), ratio: 1 });
        frames += 1;
        if (performance.now() - begun < 1000 * seconds) requestAnimationFrame(frame);
        else done();
      };
      requestAnimationFrame(frame);
    });
    found[name] = { fps: (1000 * frames) / (performance.now() - begun), drawn, drawer: draw.name };
  }
  return found;
};
window.ready = true;
</script>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Says nothing of what it serves."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def main() -> None:
    """Measure, and print."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    wanted = parser.parse_args()
    web = Path(likewise.service.__file__).parent / "web"
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mapview.js", "mapdraw.js"):
            copy(web / name, folder)
        (Path(folder) / "index.html").write_text(PAGE, "utf-8")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as play:
            flags = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
            browser = play.chromium.launch(executable_path=wanted.chromium, args=flags)
            page = browser.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.wait_for_function("window.ready")
            for gl in (True, False):
                call = f"measure({wanted.points}, {wanted.seconds}, {json.dumps(gl)})"
                for place, told in page.evaluate(call).items():
                    print(
                        f"{told['drawer']:7} {place:5} {told['fps']:6.1f} frames/s, {told['drawn']:,} of {wanted.points:,} points drawn"
                    )
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
