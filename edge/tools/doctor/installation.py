"""Checks of what ships: models, the compiler's cache, the poses."""

from functools import partial
from pathlib import Path

from edge.core.config import KeypointsConfig, LifterConfig
from edge.core.inference.tflite import Model
from edge.core.jit import REMEDY, cache_folder, compiling
from edge.lifting.lifter import MODELS
from edge.tools.doctor.finding import Finding, Scope, attempt
from edge.tools.self_test import self_test


def models(_: Scope) -> list[Finding]:
    """Whether every network can be loaded."""
    findings = [
        attempt(f"model {path.name}", partial(_load, path))
        for path in sorted(MODELS.glob("*.tflite"))
    ]
    return findings or [Finding("models", "error", f"none in {MODELS}", "reinstall posekernel")]


def _load(path: Path) -> str:
    return f"loads with {Model(path, 1).runtime}"


def compiler_cache(_: Scope) -> list[Finding]:
    """Whether compiled kernels are kept."""
    if where := cache_folder():
        return [Finding("compiler cache", "ok", str(where))]
    if not compiling():
        remedy = "unset NUMBA_DISABLE_JIT: without the compiler nothing is fast enough to be live"
        return [Finding("compiler cache", "warning", "the compiler is switched off", remedy)]
    return [Finding("compiler cache", "warning", "no folder for it can be written", REMEDY)]


def poses(scope: Scope) -> list[Finding]:
    """Whether the shipped session still gives good poses, where that was asked for."""
    if not scope.self_test or (scope.config is None and scope.path is not None):
        return []
    keypoints, lifter = KeypointsConfig(), LifterConfig()
    if scope.config is not None:
        keypoints, lifter = scope.config.keypoints, scope.config.lifter
    return [attempt("poses", lambda: self_test(keypoints, lifter))]
