"""session.json: what a session's folder says of itself."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.core.rig import Index, RigFile
from edge.sound.excitation import Excitation
from edge.sources.session.writer import FULL_SCALE


class ExcitationHead(msgspec.Struct, frozen=True):
    """The excitation in a session.json."""

    sample_rate_hz: Index
    band_hz: tuple[float, float]
    period_s: float
    level_dbfs: float


class SessionFile(msgspec.Struct, frozen=True):
    """session.json; other keys are ignored. complete: false while it is being recorded."""

    source: Literal["simulated", "recorded"]
    created: str
    description: str
    licence: str
    period_samples: Index
    channels: Index
    mic_channels: tuple[Index, ...]
    reference_channel: Index | None
    full_scale: Index
    excitation: ExcitationHead
    rig: RigFile
    empty_until_s: Annotated[float, Meta(ge=0.0, le=1e9)]
    complete: bool = True


def contradiction(head: SessionFile, excitation: Excitation) -> str:
    """What two parts of a session.json say differently, "" where they agree."""
    rig, mics, reference = head.rig, list(head.mic_channels), head.reference_channel
    used = mics if reference is None else [*mics, reference]
    if head.period_samples != excitation.period_samples:
        return (
            f"period_samples is {head.period_samples}, but the excitation has "
            f"{excitation.period_samples}"
        )
    if (rig.sample_rate_hz, rig.band_hz) != (excitation.sample_rate_hz, excitation.band_hz):
        return (
            f"rig is for {rig.sample_rate_hz:g} Hz and a band of {list(rig.band_hz)} Hz, but the "
            f"excitation has {excitation.sample_rate_hz} Hz and {list(excitation.band_hz)} Hz: "
            "they must agree"
        )
    if head.full_scale != FULL_SCALE:
        return f"full_scale is {head.full_scale}, but {FULL_SCALE} (16 bit) is needed"
    if not all(c < head.channels for c in used):
        return f"mic_channels {mics}, reference_channel {reference} exceed {head.channels} channels"
    if len(set(used)) != len(used):
        return (
            f"mic_channels {mics}, reference_channel {reference}, but each channel can be used "
            "only once"
        )
    if len(mics) != len(rig.mics_m):
        return f"{len(mics)} mic_channels, but the rig has {len(rig.mics_m)} microphones"
    return ""
