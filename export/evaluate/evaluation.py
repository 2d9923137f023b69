"""Runs a lifter over a dataset folder and summarises its errors: overall and by distance, pose,
room, microphones and interference.
"""

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.errors import PosekernelError, SessionError
from edge.core.files import write_whole
from edge.core.logs.shown import printable
from edge.core.pose import MID_HIP, N_JOINTS, LiftedPose
from edge.core.rig import Camera
from edge.sources.session.dataset import Environment, Sample, require_environments
from export.evaluate.metrics import ConfidenceInterval, rank_correlation, sample_errors, summarise

Summary = dict[str, ConfidenceInterval]

TOO_FEW = "too few joints are seen for a pose"
UNKNOWN = "unknown"
DISTANCE_EDGES_M = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
NEAREST_M = 0.1  # what is nearer to the camera than this is not in view
SIR_EDGES_DB = (0.0, 5.0, 10.0, 15.0, 20.0)


class Predictor(Protocol):
    """One form of lifting, run over samples of the dataset format."""

    def __call__(self, sample: Sample, environment: Environment) -> LiftedPose | None:
        """One pose, or None when too few joints are seen.

        Only an oracle may read sample.joints or sample.info. Raises PosekernelError where the
        sample lacks what it needs.
        """


@dataclass(frozen=True, eq=False)
class Predictions:
    """Poses of a lifter, NaN where it gave none.

    sample: (N,) "environmentN/K". joints: (N, 15, 3) camera frame [m]. sigma: (N, 15) [m].
    scale_source: (N,) sound, height or none.
    """

    sample: npt.NDArray[np.str_]
    joints: Array
    sigma: Array
    scale_source: npt.NDArray[np.str_]

    def save(self, path: Path) -> None:
        """Write the arrays as a .npz. Raises SessionError where that fails."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            sample=self.sample,
            joints=self.joints.astype(np.float32),
            sigma=self.sigma.astype(np.float32),
            scale_source=self.scale_source,
        )
        try:
            write_whole(path, file.getvalue())
        except OSError as e:
            raise SessionError(f"{path}: the predictions cannot be written ({e.strerror})") from e


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One lifter on one dataset.

    truth: (N, 15, 3) [m]. errors: of `sample_errors`, each (N,). facts: distance_m and sir_db (N,),
    NaN where unknown. overall: summary of all samples. groups: summaries by grouping, then by
    label. sigma_rank: Spearman's correlation of the mean 1-sigma with the mean error. no_pose,
    skipped: samples without a pose and damaged samples, name -> reason.
    """

    lifter: str
    dataset: str
    predictions: Predictions
    truth: Array
    errors: dict[str, Array]
    facts: dict[str, Array]
    overall: Summary
    groups: dict[str, dict[str, Summary]]
    sigma_rank: float
    no_pose: dict[str, str]
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the arrays, for JSON: NaN becomes null; lengths in metres, shares 0..1."""
        return {
            "lifter": self.lifter,
            "dataset": self.dataset,
            "samples": len(self.truth),
            "overall": _plain(self.overall),
            "sigma_rank_correlation": _number(self.sigma_rank),
            "groups": {
                g: {label: _plain(s) for label, s in by.items()} for g, by in self.groups.items()
            },
            "scale_source": dict(
                zip(*(x.tolist() for x in _counts(self.predictions.scale_source)), strict=True)
            ),
            "no_pose": self.no_pose,
            "skipped": self.skipped,
        }


def evaluate(
    path: Path,
    lifter: str,
    predictor: Predictor,
    limit: int | None = None,
    progress: Callable[[Iterable[Any], int], Iterable[Any]] = lambda samples, total: samples,
) -> Evaluation:
    """Run `predictor` over every sample at `path`, or over `limit` of them, evenly spread.

    progress: wraps the samples, given their number. Raises ConfigError where there is no dataset,
    SessionError where none of its samples can be used.
    """
    environments = require_environments(path)
    total = _spread(environments, limit)
    truths, joints, sigmas, sources, names = [], [], [], [], []
    labels: list[dict[str, str]] = []
    facts: list[dict[str, float]] = []
    no_pose: dict[str, str] = {}
    for environment, sample in progress(((e, s) for e in environments for s in e), total):
        name = f"{environment.path.name}/{sample.name}"
        try:
            pose = predictor(sample, environment)
            reason = TOO_FEW
        except PosekernelError as e:
            pose, reason = None, str(e)
        if pose is None:
            no_pose[name] = reason
        names.append(name)
        truths.append(sample.joints[:N_JOINTS])
        joints.append(np.full((N_JOINTS, 3), np.nan) if pose is None else pose.joints)
        sigmas.append(np.full(N_JOINTS, np.nan) if pose is None else pose.sigma)
        sources.append("none" if pose is None else pose.scale_source)
        facts.append(sample_facts(sample))
        labels.append(sample_labels(sample, environment, facts[-1]))
    skipped = {name: why for e in environments for name, why in e.skipped.items()}
    if not names:
        first = next(iter(skipped.items()), None)
        why = f"{len(skipped)} are damaged, the first: {first[1]}" if first else "there are none"
        raise SessionError(f"{path}: not one usable sample ({why})")
    predictions = Predictions(
        np.array(names), np.array(joints), np.array(sigmas), np.array(sources)
    )
    truth = np.array(truths)
    errors = sample_errors(predictions.joints, predictions.sigma, truth)
    return Evaluation(
        lifter=lifter,
        dataset=str(path),
        predictions=predictions,
        truth=truth,
        errors=errors,
        facts={key: np.array([f[key] for f in facts]) for key in facts[0]},
        overall=summarise(errors),
        groups=_groups(labels, errors, np.array([f["distance_m"] for f in facts])),
        sigma_rank=rank_correlation(predictions.sigma.mean(axis=1), errors["mpjpe"]),
        no_pose=no_pose,
        skipped=skipped,
    )


def sample_facts(sample: Sample) -> dict[str, float]:
    """True distance of the mid-hip (or the mean joint) and signal to interference."""
    known = np.asarray(np.isfinite(sample.joints[:N_JOINTS]).all(axis=1))
    middle = (
        sample.joints[MID_HIP] if known[MID_HIP] else sample.joints[:N_JOINTS][known].mean(axis=0)
    )
    sir = sample.info.get("sir_db")
    return {
        "distance_m": float(np.linalg.norm(middle)),
        "sir_db": float(sir) if isinstance(sir, int | float) and abs(sir) < 1e6 else float("nan"),
    }


def sample_labels(
    sample: Sample, environment: Environment, facts: Mapping[str, float]
) -> dict[str, str]:
    """The label of a sample in every grouping; "unknown" where info.json lacks it."""
    return {
        "distance": _band(facts["distance_m"], DISTANCE_EDGES_M, "m"),
        "pose": _label(sample.info.get("pose", UNKNOWN)),
        "room": _label(sample.info.get("room", environment.path.name)),
        "microphones": str(len(np.unique(environment.rig.pairs[:, 1]))),
        "sir": _band(facts["sir_db"], SIR_EDGES_DB, "dB"),
        "array": _label(sample.info.get("array", UNKNOWN)),
        "joints in view": _in_view(sample, environment.rig.camera),
    }


def _label(value: Any) -> str:
    return printable(str(value))[:40]


def _groups(
    labels: list[dict[str, str]], errors: dict[str, Array], distance_m: Array
) -> dict[str, dict[str, Summary]]:
    out: dict[str, dict[str, Summary]] = {}
    for grouping in labels[0]:
        of = np.array([row[grouping] for row in labels])
        out[grouping] = {
            str(label): summarise(errors, np.equal(of, label))
            for label in sorted(set(of.tolist()), key=_natural)
        }
    edges = np.quantile(distance_m, (1 / 3, 2 / 3))
    third = np.searchsorted(edges, distance_m)
    names = (f"nearest, to {edges[0]:.2f} m", f"middle, to {edges[1]:.2f} m", "farthest")
    out["distance third"] = {name: summarise(errors, third == k) for k, name in enumerate(names)}
    return out


def _spread(environments: list[Environment], limit: int | None) -> int:
    """Keep `limit` samples, evenly spread over all environments; returns their number."""
    all_names = [(e, name) for e in environments for name in e.names]
    if limit is not None and limit < len(all_names):
        kept = [all_names[k] for k in np.linspace(0, len(all_names) - 1, limit).round().astype(int)]
        for e in environments:
            e.names = [name for owner, name in kept if owner is e]
        return limit
    return len(all_names)


def _in_view(sample: Sample, camera: Camera) -> str:
    """Whether all or some of the first 15 joints lie within the image."""
    joints = sample.joints[:N_JOINTS]
    known = joints[np.isfinite(joints).all(axis=1)]
    before = known[known[:, 2] > NEAREST_M]
    pixels = camera.project(before)
    inside = ((pixels >= 0.0) & (pixels < (camera.width, camera.height))).all(axis=1)
    return "all" if inside.sum() == len(known) else "some"


def _band(value: float, edges: tuple[float, ...], unit: str) -> str:
    if not math.isfinite(value):
        return UNKNOWN
    k = int(np.searchsorted(edges, value, side="right"))
    if k == 0:
        return f"below {edges[0]:g} {unit}"
    return (
        f"{edges[k - 1]:g} to {edges[k]:g} {unit}"
        if k < len(edges)
        else f"{edges[-1]:g} {unit} and more"
    )


def _natural(label: str) -> tuple[int, float, str]:
    """Order: "below ..." first, then by the first number, then words; unknown last."""
    number = re.search(r"-?\d+(\.\d+)?", label)
    rank = 3 if label == UNKNOWN else 0 if label.startswith("below") else 1 if number else 2
    return rank, float(number.group()) if number else 0.0, label


def _counts(values: npt.NDArray[np.str_]) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.int64]]:
    names, counts = np.unique(values, return_counts=True)
    return names, counts


def _plain(summary: Summary) -> dict[str, dict[str, float | int | None]]:
    return {name: {k: _number(v) for k, v in asdict(i).items()} for name, i in summary.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
