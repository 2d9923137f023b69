"""The README's moving picture: `posekernel demo` and its live page in a real browser.

python -m tests.system.page_picture .github/live_page.webp
"""

import argparse
import base64
import io
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.support.browser.chromium import Chromium, Page

LIVE = "posekernel.state.connection === 'connected' && posekernel.state.pose !== null"
# What a still picture should show.
HEARD = "posekernel.state.people.some(person => person.scale_source === 'sound')"
SEEN = (1180, 800)  # CSS pixels: the page has no scroll bar from there on
SIZE = (960, 651)
SETTLED_S = 15.0  # two rounds of the session: by then the sensor knows its empty room
ROUND_S = 7.0  # length of the session: the picture repeats as the demo does
RATE_HZ = 8.0


def page_address(demo: "subprocess.Popen[str]") -> str:
    """The address that the demo prints. Raises RuntimeError where it ends without one."""
    assert demo.stdout is not None
    for line in demo.stdout:
        if line.startswith("page: "):
            return line.split()[1]
    raise RuntimeError("the demo ended without printing the page's address")


def take_frames(page: Page) -> list[Image.Image]:
    """One round of the session, while the view swings to the side and back."""
    frames = []
    count = round(ROUND_S * RATE_HZ)
    began = time.monotonic()
    for i in range(count):
        azimuth = 0.72 + 0.3 * math.sin(2.0 * math.pi * i / count)
        page.js(
            f"void (Object.assign(posekernel.room.orbit, {{ azimuth: {azimuth}, distance: 5.4 }}),"
            " posekernel.room.invalidate())"
        )
        time.sleep(max(0.0, began + i / RATE_HZ - time.monotonic()))
        png = base64.b64decode(page.call("Page.captureScreenshot", format="png")["data"])
        frames.append(Image.open(io.BytesIO(png)).convert("RGB").resize(SIZE))
    return frames


def main() -> int:
    """Write the picture; says how large it became."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="file to write, .webp or .gif")
    out: Path = parser.parse_args().out
    command = [sys.executable, "-m", "edge", "demo"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo,
    ):
        try:
            url = page_address(demo)
            with (
                Chromium(Path(folder) / "profile") as browser,
                browser.open(url, width=SEEN[0], height=SEEN[1]) as page,
            ):
                page.wait(LIVE, 60.0)
                time.sleep(SETTLED_S)
                page.wait(HEARD, 20.0)
                frames = take_frames(page)
        finally:
            demo.terminate()
    frames[0].save(
        out,
        save_all=True,
        append_images=frames[1:],
        duration=round(1000.0 / RATE_HZ),
        loop=0,
        quality=70,
        method=6,
    )
    print(f"{out}: {len(frames)} frames, {out.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
