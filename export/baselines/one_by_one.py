"""Baselines that know of one person only: each of several is lifted as if alone."""

from edge.core.pose import LiftedPose
from edge.sources.session.dataset import Environment, Sample


class OneByOne:
    """A predictor (`export.evaluate.evaluation.Predictor`) that lifts each person by itself."""

    def __call__(self, sample: Sample, environment: Environment) -> list[LiftedPose | None]:
        """See `Predictor`."""
        return [self.one(sample.alone(k), environment) for k in range(len(sample.joints))]

    def one(self, sample: Sample, environment: Environment) -> LiftedPose | None:
        """The pose of a sample's only person; its sound is everybody's. None and errors as in
        `Predictor`.
        """
        raise NotImplementedError
