"""The page's colours can be told from what is behind them."""

import re

import numpy as np
import pytest

from edge.output.page.server import FILES


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    channels = (
        [int(c * 2, 16) for c in digits]
        if len(digits) == 3
        else [int(digits[i : i + 2], 16) for i in (0, 2, 4)]
    )
    linear = [
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4
        for c in channels
    ]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_hold_wcag_contrast(scheme: int) -> None:
    blocks = re.findall(r":root \{(.*?)\}", (FILES / "style.css").read_text(), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", blocks[scheme]))
    for text in ("ink", "soft", "accent", "warn"):
        for ground in ("page", "card", "back", "back-far"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    people = [f"person-{k}" for k in range(6)]
    for mark in ("bad", *people, "echo", "halo", "zone"):
        for ground in ("page", "card", "back", "back-far"):
            assert contrast(colours[mark], colours[ground]) >= 3.0, (mark, ground)
