"""Section [sound]: how much sound the people at home accept."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from edge.core.typed import Strict

SoundMode = Literal["silent", "discreet", "normal", "loud", "continuous"]
LoudnessName = Literal[SoundMode, "custom"]  # custom: numbers in place of a mode's
MAX_BUDGET_DBA = 90.0
_Level = Annotated[float, Meta(ge=0.0, le=MAX_BUDGET_DBA)]

# Energy average over a minute and highest level of a probe, dB(A) at 1 m. 0: no sound at all.
MODES: dict[str, tuple[float, float]] = {
    "silent": (0.0, 0.0),
    "discreet": (35.0, 55.0),
    "normal": (45.0, 65.0),
    "loud": (60.0, 75.0),
}
_PEAK_ABOVE_DB = 20.0


class SoundConfig(Strict, frozen=True):
    """How much the loudspeaker may sound, dB(A) at 1 m; excitation.level_dbfs caps it further.

    mode: a name for both numbers, see `chosen`; "continuous" plays without a pause while somebody
    is in view, at excitation.level_dbfs, and has no budget. budget_dba: energy average over any
    minute, instead of the mode's. peak_dba: of a probe while it sounds, instead of the mode's.
    use_program_sound: also listen to the echo of what other programs play through the same
    loudspeaker.
    """

    mode: SoundMode | UnsetType = UNSET
    budget_dba: _Level | UnsetType = UNSET
    peak_dba: _Level | UnsetType = UNSET
    use_program_sound: bool = True

    @property
    def chosen(self) -> SoundMode:
        """The mode; where none is given, "discreet" for numbers of one's own, else "continuous"."""
        if self.mode is not UNSET:
            return self.mode
        return "discreet" if self.is_custom else "continuous"

    @property
    def limits_dba(self) -> tuple[float, float] | None:
        """(budget_dba, peak_dba), (0, 0) for no sound at all; None: continuous, without a budget.

        Where one number is given alone, the other stays as far from it as in the mode.
        """
        if self.chosen == "continuous":
            return None
        budget, peak = MODES[self.chosen]
        above = peak - budget
        if self.budget_dba is not UNSET:
            budget = self.budget_dba
            peak = budget + above if self.peak_dba is UNSET else self.peak_dba
        elif self.peak_dba is not UNSET:
            budget, peak = max(0.0, self.peak_dba - above), self.peak_dba
        return (budget, peak) if budget > 0.0 else (0.0, 0.0)

    @property
    def is_custom(self) -> bool:
        """Whether numbers stand in place of the mode's."""
        return self.budget_dba is not UNSET or self.peak_dba is not UNSET

    @property
    def name(self) -> LoudnessName:
        """The mode, or that it is custom."""
        return "custom" if self.is_custom else self.chosen

    @property
    def most_dba(self) -> float:
        """The highest budget_dba that may be asked for while it runs."""
        return max(MODES["loud"][0], (self.limits_dba or (0.0, 0.0))[0])

    def limits_of(
        self, name: LoudnessName, budget_dba: float | None = None
    ) -> tuple[float, float] | None:
        """As `limits_dba`, of a mode or of these own numbers; with another budget_dba, at most
        `most_dba`, the peak stays as far above it as in the modes.
        """
        if budget_dba is not None:
            budget = min(budget_dba, self.most_dba)
            highest = max(MODES["loud"][1], (self.limits_dba or (0.0, 0.0))[1])
            return (budget, min(budget + _PEAK_ABOVE_DB, highest)) if budget > 0.0 else (0.0, 0.0)
        return self.limits_dba if name == "custom" else SoundConfig(name).limits_dba
