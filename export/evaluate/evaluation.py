"""Runs a lifter over a dataset folder and summarises its errors, person by person: overall and by
number of people and how they stand, distance, pose, room, microphones and interference.
"""

import io
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.errors import PosekernelError, SessionError
from edge.core.files import write_whole
from edge.core.pose import N_JOINTS, LiftedPose
from edge.sources.session.dataset import Environment, Sample, require_environments
from export.evaluate.labels import UNKNOWN, sample_facts, sample_labels
from export.evaluate.metrics import ConfidenceInterval, rank_correlation, sample_errors, summarise

Summary = dict[str, ConfidenceInterval]

TOO_FEW = "too few joints are seen for a pose"


class Predictor(Protocol):
    """One form of lifting, run over samples of the dataset format."""

    def __call__(self, sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        """A pose of each person in the sample's order, None where too few joints are seen.

        Only an oracle may read sample.joints or sample.info. Raises PosekernelError where the
        sample lacks what it needs.
        """


@dataclass(frozen=True, eq=False)
class Predictions:
    """Poses of a lifter, NaN where it gave none; one row for each person of each sample.

    sample: (N,) "environmentN/K". person: (N,) row of the sample's gnd.npy. joints: (N, 15, 3)
    camera frame [m]. sigma: (N, 15) [m]. scale_source: (N,) as of a pose, or none.
    """

    sample: npt.NDArray[np.str_]
    person: npt.NDArray[np.int64]
    joints: Array
    sigma: Array
    scale_source: npt.NDArray[np.str_]

    def save(self, path: Path) -> None:
        """Write the arrays as a .npz. Raises SessionError where that fails."""
        file = io.BytesIO()
        np.savez_compressed(
            file,
            sample=self.sample,
            person=self.person,
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
    """One lifter on one dataset; N people in all its samples.

    truth: (N, 15, 3) [m]. errors: of `sample_errors`, each (N,). facts: distance_m and sir_db (N,),
    NaN where unknown. labels: by grouping, (N,). overall: summary of all people. groups: summaries
    by grouping, then by label. sigma_rank: Spearman's correlation of the mean 1-sigma with the mean
    error. no_pose, skipped: people without a pose and damaged samples, name -> reason.
    """

    lifter: str
    dataset: str
    predictions: Predictions
    truth: Array
    errors: dict[str, Array]
    facts: dict[str, Array]
    labels: dict[str, npt.NDArray[np.str_]]
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
            "samples": len(set(self.predictions.sample.tolist())),
            "people": len(self.truth),
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
    truths, joints, sigmas, sources, names, persons = [], [], [], [], [], []
    labels: list[dict[str, str]] = []
    facts: list[dict[str, float]] = []
    no_pose: dict[str, str] = {}
    for environment, sample in progress(((e, s) for e in environments for s in e), total):
        name, people = f"{environment.path.name}/{sample.name}", len(sample.joints)
        try:
            poses, reason = predictor(sample, environment), TOO_FEW
        except PosekernelError as e:
            poses, reason = [None] * people, str(e)
        for k, (pose, truth) in enumerate(zip(poses, sample.joints[:, :N_JOINTS], strict=True)):
            if pose is None:
                no_pose[name if people == 1 else f"{name}, person {k + 1} of {people}"] = reason
            names.append(name)
            persons.append(k)
            truths.append(truth)
            joints.append(np.full((N_JOINTS, 3), np.nan) if pose is None else pose.joints)
            sigmas.append(np.full(N_JOINTS, np.nan) if pose is None else pose.sigma)
            sources.append("none" if pose is None else pose.scale_source)
            alone = sample.alone(k)
            facts.append(sample_facts(alone))
            labels.append(sample_labels(alone, environment, facts[-1], people))
    skipped = {name: why for e in environments for name, why in e.skipped.items()}
    if not names:
        first = next(iter(skipped.items()), None)
        why = f"{len(skipped)} are damaged, the first: {first[1]}" if first else "there are none"
        raise SessionError(f"{path}: not one usable sample ({why})")
    predictions = Predictions(
        np.array(names), np.array(persons), np.array(joints), np.array(sigmas), np.array(sources)
    )
    truth = np.array(truths)
    errors = sample_errors(predictions.joints, predictions.sigma, truth)
    by_grouping = {g: np.array([row[g] for row in labels]) for g in labels[0]}
    by_grouping["scale from"] = predictions.scale_source
    return Evaluation(
        lifter=lifter,
        dataset=str(path),
        predictions=predictions,
        truth=truth,
        errors=errors,
        facts={key: np.array([f[key] for f in facts]) for key in facts[0]},
        overall=summarise(errors),
        labels=by_grouping,
        groups=_groups(by_grouping, errors, np.array([f["distance_m"] for f in facts])),
        sigma_rank=rank_correlation(predictions.sigma.mean(axis=1), errors["mpjpe"]),
        no_pose=no_pose,
        skipped=skipped,
    )


def _groups(
    labels: dict[str, npt.NDArray[np.str_]], errors: dict[str, Array], distance_m: Array
) -> dict[str, dict[str, Summary]]:
    out: dict[str, dict[str, Summary]] = {}
    for grouping, of in labels.items():
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
