"""Where the loudspeaker may stand, drawn for the terminal and as SVG for the page.

Seen from behind, as the camera looks, so that right is right in the pictures, in their words and in
what is measured.
"""

from html import escape

_CAMERA, _ARRAY, _SPEAKER = "[ o ]", "( : )", "[ @ ]"
_COLUMN = 12
# Rows from the top; columns from the left.
_PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "right": (("", "camera", ""), ("", "array", "speaker")),
    "left": (("", "camera", ""), ("speaker", "array", "")),
    "below": (("", "camera", ""), ("", "array", ""), ("", "speaker", "")),
    "above": (("", "speaker", ""), ("", "camera", ""), ("", "array", "")),
}
_SIGNS = {"camera": _CAMERA, "array": _ARRAY, "speaker": _SPEAKER, "": ""}
_LEGEND = f"{_CAMERA} camera  {_ARRAY} microphones  {_SPEAKER} loudspeaker, seen from behind"
_STEP_X, _STEP_Y = 64, 46


def drawing(place: str) -> str:
    """Lines of plain text; "" for a place without a picture."""
    rows = _PLACES.get(place, ())
    return "\n".join("".join(_SIGNS[name].center(_COLUMN) for name in row).rstrip() for row in rows)


def legend() -> str:
    """What the signs of `drawing` mean."""
    return _LEGEND


def svg(place: str, label: str) -> str:
    """A picture of the page, in its colours; "" for a place without one. label: for who cannot see
    it.
    """
    rows = _PLACES.get(place)
    if rows is None:
        return ""
    parts = [
        _PARTS[name].format(x=_STEP_X * (column + 0.5), y=_STEP_Y * (row + 0.5))
        for row, names in enumerate(rows)
        for column, name in enumerate(names)
        if name
    ]
    size = f"{3 * _STEP_X} {_STEP_Y * len(rows)}"
    return (
        f'<svg viewBox="0 0 {size}" role="img" aria-label="{escape(label, quote=True)}">'
        f"{''.join(parts)}</svg>"
    )


_PARTS = {
    "camera": '<g transform="translate({x} {y})"><rect x="-24" y="-13" width="48" height="26" '
    'rx="5" class="part"/><circle r="8" class="lens"/></g>',
    "array": '<g transform="translate({x} {y})"><circle r="19" class="part"/><circle cx="-12" '
    'r="2.5" class="dot"/><circle cx="12" r="2.5" class="dot"/><circle cy="-12" r="2.5" '
    'class="dot"/><circle cy="12" r="2.5" class="dot"/></g>',
    "speaker": '<g transform="translate({x} {y})"><rect x="-19" y="-19" width="38" height="38" '
    'rx="5" class="part"/><circle r="13" class="cone"/><circle r="4" class="dot"/></g>',
}
