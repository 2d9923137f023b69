"""Whether the Raspberry Pi's camera package loads. apt builds its parts for the system's numpy."""

import importlib.util
import re
from collections.abc import Callable

from edge.tools.doctor.finding import Finding, Scope, Severity
from edge.tools.doctor.packages import Loaded, folder_of, load, version_of

NUMPY_OF_OLD = re.compile(
    "dtype size changed|compiled using NumPy 1|_ARRAY_API not found|numpy.core.multiarray failed"
)


def picamera2(
    scope: Scope,
    load: Callable[[list[str]], dict[str, Loaded]] = load,
    find: Callable[[str], object] = importlib.util.find_spec,
) -> list[Finding]:
    """One finding, or none where it is neither there nor asked for."""
    config = scope.config
    asked = config is not None and config.source.kind == "device"
    asked = asked and config is not None and config.camera.backend == "picamera2"
    if find("picamera2") is None:
        if not asked:
            return []
        remedy = (
            "apt install python3-picamera2, and make the environment with the system's python3 and "
            "--system-site-packages"
        )
        return [Finding("picamera2", "error", "this Python finds none", remedy)]
    loaded = load(["numpy", "simplejpeg", "picamera2"])
    jpeg, camera = loaded["simplejpeg"], loaded["picamera2"]
    if not camera.error and not jpeg.error:
        return [Finding("picamera2", "ok", f"{version_of('picamera2')}{folder_of(camera.file)}")]
    outcome: Severity = "error" if asked or config is None else "warning"
    if NUMPY_OF_OLD.search(jpeg.error + camera.error):
        jpeg_at = folder_of(getattr(find("simplejpeg"), "origin", None))
        numpy = version_of("numpy") + folder_of(loaded["numpy"].file)
        found = (
            f"its simplejpeg{jpeg_at} was built for another numpy than the one here ({numpy}): "
            f"{jpeg.error or camera.error}"
        )
        remedy = "in this environment: pip install --force-reinstall --no-deps simplejpeg"
        return [Finding("picamera2", outcome, found, remedy)]
    remedy = (
        "apt install --reinstall python3-picamera2 python3-libcamera, and make the environment "
        "with the system's python3"
    )
    found = f"does not load: {camera.error or jpeg.error}"
    return [Finding("picamera2", outcome, found, remedy)]
