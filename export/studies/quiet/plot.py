"""The picture: error against loudness."""

from collections.abc import Mapping
from pathlib import Path

from export.extras import optional
from export.studies.quiet.report import HEIGHTS, Key, Measured

SILENCE_DBA = 20.0  # where what makes no sound is drawn
COLOURS = {"still": "#2b6cb0", "walking": "#d9480f"}
LABELLED = ("discreet", "normal", "loud", "continuous", "sparse")


def draw(measured: Mapping[Key, Measured], path: Path) -> None:
    """Median error of the mid-hip's distance against the average dB(A) at 1 m while somebody is in
    view, with intervals over evenings. path: .svg or .png. Raises ConfigError without matplotlib.
    """
    figure_module = optional("matplotlib.figure", "the plot of error against loudness")
    figure = figure_module.Figure(figsize=(9.0, 3.6), layout="constrained")
    panels = figure.subplots(1, 2, sharey=False)
    for axes, known in zip(panels, HEIGHTS, strict=True):
        for group, colour in COLOURS.items():
            rows = [
                m for k, m in measured.items() if k[1] == known and m.groups[group].median.samples
            ]
            ladder = [m for m in rows if m.policy.name in ("silent", *LABELLED)]
            ladder.sort(key=_level)
            x = [_level(m) for m in ladder]
            y = [100 * m.groups[group].median.value for m in ladder]
            low = [y_ - 100 * m.groups[group].median.low for y_, m in zip(y, ladder, strict=True)]
            high = [100 * m.groups[group].median.high - y_ for y_, m in zip(y, ladder, strict=True)]
            axes.errorbar(
                x,
                y,
                yerr=[[max(v, 0.0) for v in low], [max(v, 0.0) for v in high]],
                fmt="o-",
                ms=4,
                lw=1,
                capsize=2,
                color=colour,
                label=group,
            )
            music = [m for m in rows if m.policy.music_dba is not None]
            axes.plot(
                [m.policy.music_dba for m in music],
                [100 * m.groups[group].median.value for m in music],
                "s",
                ms=5,
                mfc="none",
                color=colour,
                label=f"{group}: music instead",
            )
        axes.set(
            title=f"camera's height {'known' if known else 'unknown'}",
            xlabel="average at 1 m while somebody is in view, dB(A)",
            ylabel="mid-hip distance error, median, cm",
        )
        axes.set_ylim(bottom=0.0)
        ticks = [SILENCE_DBA, 30, 40, 50, 60, 70]
        axes.set_xticks(ticks, ["silent", *(str(t) for t in ticks[1:])])
        axes.grid(alpha=0.3)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _level(measured: Measured) -> float:
    return max(measured.sounded.average_dba, SILENCE_DBA)
