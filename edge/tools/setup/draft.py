"""The configuration as it grows during the setup; nothing is written before `write`."""

import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from edge.core.calibration_file import Calibration, load_calibration, write_calibration
from edge.core.config import Config, check_config, load_config
from edge.core.errors import ConfigError, PosekernelError
from edge.core.files import read_file, write_whole
from edge.core.typed import as_toml, convert, parse_toml
from edge.sensor.plan import make_plan, prepare
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
    this setup. password: for the broker; None: as it was. page_password: likewise for the page, as
    the line of its file.
    """

    path: Path
    table: dict[str, Any] = field(default_factory=dict)
    before: bytes | None = None
    board: str = ""
    calibration: Calibration | None = None
    password: str | None = None
    page_password: str | None = None

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
        return self._named("mqtt.password_file", "mqtt-password")

    @property
    def page_password_path(self) -> Path:
        """Where the page's password goes."""
        return self._named("web.password_file", "page-password")

    @property
    def known_calibration(self) -> Calibration | None:
        """Measured in this setup, else the configured one; None where there is none to be read."""
        named = self.get("calibration.file")
        if self.calibration is not None or not named:
            return self.calibration
        try:
            return load_calibration(Path(str(named)))
        except ConfigError:
            return None

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

    def forget_calibrated(self, *parts: str) -> bool:
        """Leave parts out of the calibration, which do not hold any more: fields of it, whose steps
        have their names. Whether one was there.
        """
        known = self.known_calibration
        if known is None or not any(getattr(known, part) for part in parts):
            return False
        steps = tuple(step for step in known.steps if step.name not in parts)
        self.calibration = structs.replace(known, steps=steps, **dict.fromkeys(parts))
        return True

    def misfit(self) -> str:
        """Why the calibration must not be used with this configuration; "" where it may, and where
        there is none.
        """
        if self.calibration is None and not self.get("calibration.file"):
            return ""
        try:
            with self.staged() as config:
                make_plan(config)
        except PosekernelError as e:
            # The remedy there is for who has no setup.
            return str(e).removeprefix(f"{self.calibration_path}: ").partition("; calibrate")[0]
        return ""

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
            beside = {name: folder / name for name in ("calibration", "password", "page_password")}
            self._write_new(beside, owned=False)
            draft = folder / "config.toml"
            write_whole(draft, as_toml(self._table(beside), []).encode(), 0o600)
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
            for path in (self.path, *self._beside.values()):
                if path.is_symlink():
                    raise ConfigError(f"{path}: a link, which root does not follow; remove it")
        try:
            _make_folder(self.path.absolute().parent)
            written = self._write_new(self._beside, owned=True)
            table = self._table(self._beside)
            if self.is_service and not self.get("runtime.state_dir"):
                # Else only the unit would know it: doctor and forget are run by hand.
                table = _merged(table, {"runtime": {"state_dir": str(SYSTEM_STATE)}})
            content = as_toml(table, self._heading()).encode()
            if self.before is not None and self.before != content:
                written.append(_keep(self.path))
            write_whole(self.path, content, 0o640)
            if self.before is None:
                self._give(self.path, 0o640)  # the page writes zones into it
            self.before = content
        except OSError as e:
            raise ConfigError(
                f"{e.filename or self.path}: cannot be written ({e.strerror}); run setup with "
                "sudo, or name another place with --config"
            ) from e
        return [self.path, *written]

    def _named(self, key: str, usual: str) -> Path:
        named = self.get(key)
        return Path(str(named)) if named else self.path.absolute().parent / usual

    @property
    def _beside(self) -> dict[str, Path]:
        """Where what is new beside the configuration goes, by its field."""
        return {
            "calibration": self.calibration_path,
            "password": self.password_path,
            "page_password": self.page_password_path,
        }

    def _table(self, beside: Mapping[str, Path]) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if self.calibration is not None:
            changes["calibration"] = {"file": str(beside["calibration"])}
        if self.password:
            changes["mqtt"] = {"password_file": str(beside["password"])}
        if self.page_password:
            changes["web"] = {"password_file": str(beside["page_password"])}
        return _merged(self.table, changes)

    def _write_new(self, beside: Mapping[str, Path], *, owned: bool) -> list[Path]:
        written = []
        for name, secret in (("password", self.password), ("page_password", self.page_password)):
            if secret:
                # What is not there yet must never be readable by others, not even for a moment.
                write_whole(beside[name], f"{secret}\n".encode(), 0o600)
                written.append(beside[name])
        if self.calibration is not None:
            path = beside["calibration"]
            if owned and self.is_service:
                _make_folder(path.parent, SERVICE_USER)
            if path.exists():
                written.append(_keep(path))
            write_calibration(path, self.calibration)
            written.append(path)
        for path in written if owned else ():
            self._give(path, 0o600)
        return written

    def _give(self, path: Path, mode: int) -> None:
        """To the service, where it is the service's."""
        if self.is_service and os.geteuid() == 0:
            with suppress(KeyError):  # no such user: the service is not installed yet
                service = pwd.getpwnam(SERVICE_USER)
                _own(path, service.pw_uid, service.pw_gid, mode)

    def _heading(self) -> list[str]:
        return [
            f"Made by `posekernel setup`, {datetime.now(UTC):%Y-%m-%d}. All keys: "
            "firmware_config/README.md.",
            "Microphone positions and lens are from publications until they are calibrated.",
        ]


def _keep(path: Path) -> Path:
    backup = path.with_name(f"{path.name}.{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.bak")
    there = path.stat()
    mode = stat.S_IMODE(there.st_mode)
    write_whole(backup, read_file(path), mode)
    with suppress(PermissionError):
        _own(backup, there.st_uid, there.st_gid, mode)
    return backup


def _own(path: Path, user: int, group: int, mode: int) -> None:
    """Through an open file: whoever may write in the folder could put a link there meanwhile."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        os.fchown(handle, user, group)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)


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
