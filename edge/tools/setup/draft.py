"""The configuration as it grows during the setup; nothing is written before `write`."""

import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.core.calibration_file import Calibration, write_calibration
from edge.core.config import Config, check_config, load_config
from edge.core.errors import ConfigError
from edge.core.files import read_file, write_whole
from edge.core.typed import as_toml, convert, parse_toml
from edge.sensor.plan import prepare
from edge.sensor.process.lifetime import temporary_folder

SYSTEM_CONFIG = Path("/etc/posekernel/config.toml")
SYSTEM_STATE = Path("/var/lib/posekernel")
SERVICE_USER = "posekernel"


def default_config() -> Path:
    """The service's configuration for root, else one in this folder."""
    return SYSTEM_CONFIG if os.geteuid() == 0 else Path("config.toml")


@dataclass(slots=True)
class Draft:
    """What will be written. path: of the configuration. table: it, as TOML has it.

    board: the computer's name in firmware_config/boards, "" until known. calibration: measured in
    this setup. password: for the broker; None: as it was.
    """

    path: Path
    table: dict[str, Any] = field(default_factory=dict)
    before: bytes | None = None
    board: str = ""
    calibration: Calibration | None = None
    password: str | None = None

    @classmethod
    def open(cls, path: Path) -> "Draft":
        """Beginning with the configuration that is there. Raises ConfigError."""
        try:
            before = read_file(path)
        except FileNotFoundError:
            return cls(path)
        except OSError as e:
            raise ConfigError(f"{path}: cannot be read ({e.strerror}); run setup with sudo") from e
        try:
            return cls(path, parse_toml(before.decode()), before)
        except (ConfigError, UnicodeDecodeError) as e:
            raise ConfigError(f"{path}: {e}; mend it, or move it away to begin anew") from e

    @property
    def is_service(self) -> bool:
        """It is the configuration of the installed service."""
        return self.path.absolute().parent == SYSTEM_CONFIG.parent

    @property
    def calibration_path(self) -> Path:
        """Where a calibration goes."""
        if named := self.get("calibration.file"):
            return Path(str(named))
        folder = SYSTEM_STATE if self.is_service else self.path.absolute().parent
        return folder / "calibration.toml"

    @property
    def password_path(self) -> Path:
        """Where the broker's password goes."""
        if named := self.get("mqtt.password_file"):
            return Path(str(named))
        return self.path.absolute().parent / "mqtt-password"

    def get(self, key: str, default: Any = None) -> Any:
        """A value by its dotted name."""
        at: Any = self.table
        for part in key.split("."):
            if not isinstance(at, dict) or part not in at:
                return default
            at = at[part]
        return at

    def change(self, changes: Mapping[str, Any]) -> None:
        """Set keys, given as nested tables; None removes one."""
        self.table = _merged(self.table, changes)

    def config(self) -> Config:
        """The configuration so far. Raises ConfigError that names what is wrong or missing."""
        config = convert(self.table, Config)
        check_config(config)
        return config

    @contextmanager
    def staged(self) -> Iterator[Config]:
        """The configuration as `run` would read it; what is new beside it lies in a folder that
        lasts as long. Raises ConfigError.
        """
        with temporary_folder("posekernel-setup-") as folder:
            self._write_new(folder / "calibration.toml", folder / "mqtt-password", owned=False)
            draft = folder / "config.toml"
            write_whole(draft, as_toml(self._table(folder), []).encode(), 0o600)
            try:
                yield load_config(draft)
            except ConfigError as e:
                raise ConfigError(str(e).replace(f"{draft}: ", "").replace(f"{folder}/", "")) from e

    def check(self) -> None:
        """Whether `posekernel run` would start with it: the same check. Raises PosekernelError."""
        with self.staged() as config:
            prepare(config)

    def write(self) -> list[Path]:
        """Check and write everything; a configuration that was there is kept beside it. Returns
        what was written. Raises PosekernelError; then the configuration stays as it was.
        """
        self.check()
        if self.is_service and os.geteuid() == 0:
            # The service may write there: its links must not lead root anywhere else.
            for path in (self.path, self.password_path, self.calibration_path):
                if path.is_symlink():
                    raise ConfigError(f"{path}: a link, which root does not follow; remove it")
        try:
            _make_folder(self.path.absolute().parent)
            written = self._write_new(self.calibration_path, self.password_path, owned=True)
            content = as_toml(self._table(None), self._heading()).encode()
            if self.before is not None and self.before != content:
                written.append(_keep(self.path))
            write_whole(self.path, content, 0o640)
            if self.before is None:
                self._give(self.path, 0o640, owner="root")
            self.before = content
        except OSError as e:
            raise ConfigError(
                f"{e.filename or self.path}: cannot be written ({e.strerror}); run setup with "
                "sudo, or name another place with --config"
            ) from e
        return [self.path, *written]

    def _table(self, files: Path | None) -> dict[str, Any]:
        calibration, password = self.calibration_path, self.password_path
        if files is not None:
            calibration, password = files / "calibration.toml", files / "mqtt-password"
        changes: dict[str, Any] = {}
        if self.calibration is not None:
            changes["calibration"] = {"file": str(calibration)}
        if self.password:
            changes["mqtt"] = {"password_file": str(password)}
        return _merged(self.table, changes)

    def _write_new(self, calibration: Path, password: Path, *, owned: bool) -> list[Path]:
        written = []
        if self.password:
            # What is not there yet must never be readable by others, not even for a moment.
            write_whole(password, f"{self.password}\n".encode(), 0o600)
            written.append(password)
        if self.calibration is not None:
            if owned and self.is_service:
                _make_folder(calibration.parent, SERVICE_USER)
            write_calibration(calibration, self.calibration)
            written.append(calibration)
        for path in written if owned else ():
            self._give(path, 0o600, owner=SERVICE_USER)
        return written

    def _give(self, path: Path, mode: int, owner: str) -> None:
        """To the service, where it is the service's."""
        if self.is_service and os.geteuid() == 0:
            with suppress(KeyError):  # no such user: the service is not installed yet
                service = pwd.getpwnam(SERVICE_USER)
                os.chown(path, 0 if owner == "root" else service.pw_uid, service.pw_gid)
                path.chmod(mode)

    def _heading(self) -> list[str]:
        return [
            f"Made by `posekernel setup`, {datetime.now(UTC):%Y-%m-%d}. All keys: "
            "firmware_config/README.md.",
            "Microphone positions and lens are from publications until they are calibrated.",
        ]


def _keep(path: Path) -> Path:
    backup = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.bak")
    shutil.copy2(path, backup)
    with suppress(PermissionError):
        there = path.stat()
        os.chown(backup, there.st_uid, there.st_gid)
    return backup


def _make_folder(folder: Path, owner: str = "") -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, mode=0o700 if owner else 0o755)
    if os.geteuid() == 0 and owner:
        with suppress(KeyError):
            user = pwd.getpwnam(owner)
            os.chown(folder, user.pw_uid, user.pw_gid)


def _merged(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in changes.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            merged[key] = _merged(old if isinstance(old, dict) else {}, value)
        else:
            merged[key] = value
    return merged
