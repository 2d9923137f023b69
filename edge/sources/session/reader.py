"""Loads and checks a session folder.

session.json: see `Session`. audio.npy: (L, C) int16, L = periods * N. audio_times.npy: (periods,)
int64 ns, session clock. audio_faults.json: {"period": "cause"}. audio_sounding.npy (optional):
(periods, 2) float32, what sounds in each and at which gain. frames.mp4 or frames/%06d.jpg.
frame_times.npy: (F,) int64 ns, same clock. truth.npz (optional): t_ns (K,) int64, joints (K, Q, 25,
3) of Q people, camera frame, metres, NaN = unknown or not in the scene; (K, 25, 3) is one person.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from edge.core.arrays import load_archive, load_array
from edge.core.errors import ConfigError, EndOfStreamError, SessionError
from edge.core.files import read_file
from edge.core.plausibility import band_problem, rig_problem
from edge.core.rig import Camera, Rig
from edge.core.typed import convert, parse_json
from edge.sound.burst import MAX_PERIODS
from edge.sound.excitation import Excitation, make_excitation
from edge.sources.session.frame_reader import FrameReader
from edge.sources.session.head import SessionFile, contradiction
from edge.sources.session.writer import CONTINUOUS, FORMAT, IN_A_BURST, SILENCE, VERSION

DEMO_SESSION = Path(__file__).parents[2] / "sessions" / "demo"  # ships with the package

_JSON_BYTES = 1 << 24  # a period of each fault of a day's recording

_CUT = "the recording was broken off"
_KINDS = (CONTINUOUS, SILENCE, IN_A_BURST, *range(1, MAX_PERIODS + 1))


@dataclass(frozen=True, eq=False)
class Truth:
    """t_ns: (K,) session clock. joints: (K, Q, 25, 3) camera frame, metres; NaN where a joint is
    unknown or a person not in the scene.
    """

    t_ns: npt.NDArray[np.int64]
    joints: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Session:
    """A checked session. Sound stays on disk (memory-mapped); images are read by `FrameReader`.

    audio: (periods * N, C) int16. audio_times_ns: (periods,). frame_times_ns: (F,). faults: period
    -> cause. sounding: (periods,), see `writer`: CONTINUOUS, SILENCE, k where a burst of k begins,
    IN_A_BURST in the k periods after. gains: (periods,), share of the full level. empty_until_s:
    nobody is in the room before. notes: for the user, such as that the recording was interrupted.
    """

    path: Path
    source: Literal["simulated", "recorded"]
    created: str
    description: str
    licence: str
    channels: int
    mic_channels: tuple[int, ...]
    reference_channel: int | None
    excitation: Excitation
    rig: Rig
    empty_until_s: float
    audio: npt.NDArray[np.int16]
    audio_times_ns: npt.NDArray[np.int64]
    faults: dict[int, str]
    sounding: npt.NDArray[np.int8]
    gains: npt.NDArray[np.float32]
    frame_times_ns: npt.NDArray[np.int64]
    truth: Truth | None
    notes: list[str] = field(default_factory=list)

    @property
    def periods(self) -> int:
        """Number of excitation periods."""
        return len(self.audio_times_ns)

    @property
    def period_ns(self) -> int:
        """Length of one period."""
        return self.excitation.period_samples * 1_000_000_000 // self.excitation.sample_rate_hz

    @property
    def span_ns(self) -> int:
        """From the clock's zero to the end of the last period."""
        return int(self.audio_times_ns[-1]) + self.period_ns


def load_session(path: Path) -> Session:
    """Read and check a session folder. Raises SessionError naming the file and what is wrong."""
    path = Path(path)
    if not path.is_dir():
        raise SessionError(f"{path}: no such folder; a session is a folder with session.json in it")
    file = path / "session.json"
    raw = _read_json(file)
    if (raw.get("format"), raw.get("version")) != (FORMAT, VERSION):
        raise SessionError(
            f"{file}: format {raw.get('format')!r} version {raw.get('version')!r}, but {FORMAT!r} "
            f"version {VERSION} is needed"
        )
    try:
        head = convert(raw, SessionFile)
        rig = head.rig.as_rig()
        x = head.excitation
        excitation = make_excitation(x.sample_rate_hz, x.band_hz, x.period_s, x.level_dbfs)
    except ConfigError as e:
        raise SessionError(f"{file}: {e}") from e
    problem = contradiction(head, excitation) or rig_problem(rig, one_card=False)
    if problem := problem or band_problem(excitation.band_hz):
        raise SessionError(f"{file}: {problem}")
    notes: list[str] = []
    audio, audio_times = _load_audio(path, head.period_samples, head.channels, head.complete, notes)
    frame_times = _load_frame_times(path, rig.camera, head.complete, notes)
    sounding, gains = _load_sounding(path / "audio_sounding.npy", len(audio_times))
    session = Session(
        path=path,
        source=head.source,
        created=head.created,
        description=head.description,
        licence=head.licence,
        channels=head.channels,
        mic_channels=head.mic_channels,
        reference_channel=head.reference_channel,
        excitation=excitation,
        rig=rig,
        empty_until_s=head.empty_until_s,
        audio=audio,
        audio_times_ns=audio_times,
        faults=_load_faults(path / "audio_faults.json", len(audio_times)),
        sounding=sounding,
        gains=gains,
        frame_times_ns=frame_times,
        truth=_load_truth(path / "truth.npz"),
        notes=notes,
    )
    _check_overlap(session)
    return session


def _read_json(file: Path) -> dict[str, Any]:
    try:
        data = parse_json(read_file(file, _JSON_BYTES))
    except FileNotFoundError as e:
        raise SessionError(f"{file}: no such file; a session folder needs it") from e
    except OSError as e:
        raise SessionError(f"{file}: cannot be read ({e.strerror})") from e
    except ConfigError as e:
        raise SessionError(f"{file}: {e}; copy the session again") from e
    if not isinstance(data, dict):
        raise SessionError(f"{file}: a JSON object is needed, found {type(data).__name__}")
    return data


def _load_array(
    file: Path, dtype: type, shape: tuple[int | None, ...], mapped: bool = False
) -> npt.NDArray[Any]:
    """An .npy file of exactly this dtype and shape (None = any length). Raises SessionError."""
    try:
        array = load_array(file, mapped=mapped)
    except FileNotFoundError as e:
        raise SessionError(f"{file}: no such file; copy the session again") from e
    except ConfigError as e:
        raise SessionError(f"{file}: {e}; copy the session again") from e
    fits = array.ndim == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        wanted = ", ".join("any" if want is None else str(want) for want in shape)
        raise SessionError(
            f"{file}: holds {array.dtype} {array.shape}, but {np.dtype(dtype)} ({wanted}) is needed"
        )
    return array


def _load_audio(
    path: Path, n: int, channels: int, complete: bool, notes: list[str]
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64]]:
    times = _load_array(path / "audio_times.npy", np.int64, (None,))
    audio = _load_array(path / "audio.npy", np.int16, (None, channels), mapped=True)
    if complete and len(audio) != len(times) * n:
        raise SessionError(
            f"{path / 'audio.npy'}: {len(audio)} frames, but {len(times)} periods of {n} frames "
            "are listed in audio_times.npy"
        )
    periods = min(len(times), len(audio) // n)
    if periods == 0:
        raise SessionError(f"{path / 'audio.npy'}: not one whole period; record the session again")
    if (np.diff(times[:periods]) <= 0).any():
        raise SessionError(f"{path / 'audio_times.npy'}: times do not grow from period to period")
    if not complete:
        notes.append(f"{path}: {_CUT}; {periods} whole periods of sound are left")
    return audio[: periods * n], times[:periods]


def _load_frame_times(
    path: Path, camera: Camera, complete: bool, notes: list[str]
) -> npt.NDArray[np.int64]:
    times = _load_array(path / "frame_times.npy", np.int64, (None,))
    if len(times) == 0:
        return times
    reader = FrameReader(path)
    try:
        height, width, _ = reader.read().shape
    except EndOfStreamError as e:
        raise SessionError(
            f"{path / reader.name}: no image in it, but frame_times.npy lists {len(times)}"
        ) from e
    finally:
        reader.close()
    if (width, height) != (camera.width, camera.height):
        raise SessionError(
            f"{path / reader.name}: images of {width} x {height} pixels, "
            f"but rig.camera in session.json is for {camera.width} x "
            f"{camera.height}: put the calibration of these images there"
        )
    if complete and reader.count != len(times):
        raise SessionError(
            f"{path / reader.name}: {reader.count} images, but frame_times.npy lists {len(times)}"
        )
    if not complete:
        notes.append(f"{path}: {_CUT}; {min(reader.count, len(times))} images are left")
    times = times[: reader.count]
    if (np.diff(times) <= 0).any():
        raise SessionError(f"{path / 'frame_times.npy'}: times do not grow from image to image")
    return times


def _check_overlap(session: Session) -> None:
    """Raises SessionError where sound and images have no moment in common."""
    frames, start, end = session.frame_times_ns, int(session.audio_times_ns[0]), session.span_ns
    if len(frames) and not (frames[0] < end and frames[-1] >= start):
        raise SessionError(
            f"{session.path / 'frame_times.npy'}: images from {frames[0] / 1e9:g} to "
            f"{frames[-1] / 1e9:g} s, but sound from "
            f"{start / 1e9:g} to {end / 1e9:g} s: both need one clock; record the session again"
        )


def _load_faults(file: Path, periods: int) -> dict[int, str]:
    if not file.exists():
        return {}
    try:
        faults = {int(index): str(cause) for index, cause in _read_json(file).items()}
    except ValueError as e:
        raise SessionError(f"{file}: keys must be period numbers ({e})") from e
    return {index: cause for index, cause in faults.items() if index < periods}


def _load_sounding(
    file: Path, periods: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """What sounds in each period; without the file, as in sessions of before, the continuous
    excitation.
    """
    if not file.exists():
        return np.zeros(periods, np.int8), np.ones(periods, np.float32)
    kinds, gains = _load_array(file, np.float32, (None, 2))[:periods].T
    left, fits = 0, len(kinds) == periods
    for kind in kinds.tolist():
        fits = fits and kind in _KINDS and (kind == IN_A_BURST) == (left > 0)
        left = left - 1 if left else max(int(kind), 0) if fits else 0
    if not fits or left or not ((gains > 0.0) & (gains <= 1.0)).all():
        raise SessionError(
            f"{file}: does not say of each of {periods} periods what sounds in it and how loud; "
            "copy the session again"
        )
    return kinds.astype(np.int8), gains


def _load_truth(file: Path) -> Truth | None:
    """None where there is no file, or nothing in it."""
    if not file.exists():
        return None
    try:
        data = load_archive(file, ("t_ns", "joints"))
    except KeyError as e:
        raise SessionError(f"{file}: t_ns or joints is missing") from e
    except ConfigError as e:
        raise SessionError(f"{file}: {e}; copy the session again") from e
    t_ns, joints = data["t_ns"], data["joints"]
    if joints.ndim == 3:  # one person, as sessions were written before
        joints = joints[:, None]
    if joints.ndim != 4 or t_ns.shape != joints.shape[:1] or joints.shape[2:] != (25, 3):
        raise SessionError(
            f"{file}: t_ns {t_ns.shape}, joints {data['joints'].shape}, but (K,) and (K, Q, 25, 3) "
            "or (K, 25, 3) are needed"
        )
    if len(t_ns) == 0:
        return None
    if t_ns.dtype.kind not in "iu" or joints.dtype.kind != "f":
        raise SessionError(
            f"{file}: t_ns holds {t_ns.dtype}, joints {joints.dtype}, but integers (ns) "
            "and floats (m) are needed"
        )
    return Truth(t_ns.astype(np.int64), joints.astype(np.float64))
