"""The colours of people, to readers who lack a kind of cone."""

import re

import numpy as np
import pytest

from edge.core.arrays import Array
from edge.output.page.server import FILES

pytest.importorskip(
    "websockets", reason="websockets is not installed; pip install 'posekernel[test]' brings it"
)
from tests.support.browser.chromium import needs_chromium

pytestmark = [pytest.mark.once, needs_chromium]


NO_CONES = {
    "long": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
             [-0.003882, -0.048116, 1.051998]],
    "medium": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "short": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
              [0.004733, 0.691367, 0.303900]],
    "none missing": np.eye(3).tolist(),
}  # fmt: skip


@pytest.mark.parametrize("missing", NO_CONES)
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_peoples_colours_differ_for_colour_blind_readers(missing: str, scheme: str) -> None:
    light = scheme == "light"
    style = (FILES / "style.css").read_text()
    found = re.findall(r"--person-(\d): #([0-9a-f]{6});", style)
    assert [int(k) for k, _ in found] == 2 * list(range(6))
    ours = to_linear([text for _, text in found][6 * light :][:6])
    seen = np.clip(ours @ np.array(NO_CONES[missing]).T, 0.0, 1.0)
    lab = to_lab(seen)
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)[np.triu_indices(6, 1)]
    assert apart.min() > 15.0, "2.3 is just noticeable"
    on_it = to_linear(re.findall(r"--on-person: #([0-9a-f]{6});", style))[int(light)]
    a, b = (colours @ [0.2126, 0.7152, 0.0722] + 0.05 for colours in (ours, on_it))
    assert np.maximum(a / b, b / a).min() >= 4.5, "WCAG, for the number on its disc"


def to_linear(colours: list[str]) -> Array:
    """sRGB as six hexadecimal digits each -> linear (N, 3), 0..1."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255.0 for i in (0, 2, 4)] for c in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def to_lab(linear: Array) -> Array:
    """CIE L*a*b* (N, 3) of linear sRGB, white D65."""
    xyz = linear @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    ) / [0.9505, 1.0, 1.089]  # fmt: skip
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16.0 / 116.0)
    return np.stack(
        [116.0 * f[:, 1] - 16.0, 500.0 * (f[:, 0] - f[:, 1]), 200.0 * (f[:, 1] - f[:, 2])], axis=1
    )
