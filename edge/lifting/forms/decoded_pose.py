"""Network outputs -> joints [m], their 1-sigma, and how sure it is that sound gives the scale."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.core.arrays import Array
from edge.core.pose import MID_HIP, N_JOINTS
from edge.core.stature import DepthProfile
from edge.lifting.mirror import MIRROR, mirrored
from edge.lifting.person_view import PersonView

# One unit of the network's residuals: log depth, and place in sizes of the person.
DEPTH_STEP = 0.02
PLACE_STEP = 0.05
RESIDUALS = 5 * N_JOINTS + 1
_SIGMA_REACH = 3.0
LEAST_P = 1e-9


@dataclass(frozen=True)
class Decoding:
    """prior_spread: of the vision network's log depth. least_spread: of a joint's, however sharp
    the echo.

    depth_sigma_factor, plane_sigma_factor, joint_sigma_factor: calibration of the 1-sigma, fitted
    after training; times unseen_sigma_factor for joints that the image does not show, and times
    image_sigma_factor where sound does not give the scale.
    """

    prior_spread: float = 0.2
    least_spread: float = 0.01
    depth_sigma_factor: float = 1.0
    plane_sigma_factor: float = 1.0
    joint_sigma_factor: float = 1.0
    unseen_sigma_factor: float = 1.0
    image_sigma_factor: float = 1.0


@dataclass(frozen=True, eq=False)
class DecodedPose:
    """joints: (15, 3) camera frame [m]. depth_sigma, plane_sigma: (15,) 1-sigma along the person's
    depth and across it [m].

    sigma: (15,) 1-sigma of the joints' positions [m]. sound: 0..1, how sure it is that sound set
    the scale. profile: of the mid-hip.
    """

    joints: Array
    depth_sigma: Array
    plane_sigma: Array
    sigma: Array
    sound: float
    profile: DepthProfile

    def with_mirror_image(self, other: "DecodedPose") -> "DecodedPose":
        """The mean of this pose and its mirror image's: a network is not quite symmetric."""
        return DecodedPose(
            joints=0.5 * (self.joints + mirrored(other.joints)),
            depth_sigma=0.5 * (self.depth_sigma + other.depth_sigma[MIRROR]),
            plane_sigma=0.5 * (self.plane_sigma + other.plane_sigma[MIRROR]),
            sigma=0.5 * (self.sigma + other.sigma[MIRROR]),
            sound=0.5 * (self.sound + other.sound),
            profile=DepthProfile(
                0.5 * (self.profile.log_distance + other.profile.log_distance),
                0.5 * (self.profile.log_p + other.profile.log_p),
            ),
        )


def depth_profile(
    p: Array, offsets: Array, log_depth: Array, xy: Array, view: PersonView
) -> DepthProfile:
    """The mid-hip's. p: (bins,) probability of each offset (bins,) from its log depth."""
    hip = view.points(log_depth, xy)[MID_HIP]
    return DepthProfile(np.log(np.linalg.norm(hip)) + offsets, np.log(p + LEAST_P))


def residual_slices() -> dict[str, slice]:
    """Where each part of the residuals (RESIDUALS,) lies."""
    n = N_JOINTS
    return {
        "depth": slice(0, n),
        "place": slice(n, 3 * n),
        "depth_sigma": slice(3 * n, 4 * n),
        "plane_sigma": slice(4 * n, 5 * n),
        "sound": slice(5 * n, 5 * n + 1),
    }


def assemble(
    log_depth: Array,
    xy: Array,
    spread: Array,
    residual: npt.ArrayLike,
    view: PersonView,
    decoding: Decoding,
    profile: DepthProfile,
) -> DecodedPose:
    """Normalised log depth and spread (15,), place (15, 2), residuals (RESIDUALS,) -> metres."""
    r = np.asarray(residual, np.float64)
    part = {name: r[s] for name, s in residual_slices().items()}
    depth = log_depth + DEPTH_STEP * part["depth"]
    joints = view.points(depth, xy + PLACE_STEP * part["place"].reshape(-1, 2))
    depth_factor, plane_factor = (
        np.exp(np.clip(part[name], -_SIGMA_REACH, _SIGMA_REACH))
        for name in ("depth_sigma", "plane_sigma")
    )
    z = np.exp(depth) / view.size * np.where(view.seen, 1.0, decoding.unseen_sigma_factor)
    depth_sigma = z * np.hypot(spread, decoding.least_spread) * depth_factor
    plane_sigma = z * view.size * PLACE_STEP * plane_factor
    return DecodedPose(
        joints=joints,
        depth_sigma=decoding.depth_sigma_factor * depth_sigma,
        plane_sigma=decoding.plane_sigma_factor * plane_sigma,
        sigma=decoding.joint_sigma_factor * np.hypot(depth_sigma, plane_sigma),
        sound=float(1.0 / (1.0 + np.exp(-np.clip(part["sound"][0], -30.0, 30.0)))),
        profile=profile,
    )
