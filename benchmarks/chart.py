"""The chart of the README: CPU time that each stack adds to a request."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib.figure import Figure

from .costs import Costs
from .variants import GENERATED, NATIVE, TUNED, USUAL, Variant

_SHOWN: Final = (GENERATED, TUNED, NATIVE, USUAL)
# Grey that can be read on white and on black; the page shows through.
_TEXT: Final = "#808080"
_OWN: Final = ("#2a9d4a", "#86cf9b")
_OTHERS: Final = ("#8a8f98", "#c3c7cd")
_HEIGHT: Final = 0.38


def draw(measurements: Sequence[Costs], path: Path) -> None:
    """Write an SVG with one panel for each way of measuring and one bar for each sampling."""
    places = list(dict.fromkeys(costs.where for costs in measurements))
    with mpl.rc_context({
        "svg.fonttype": "none", "svg.hashsalt": "cost", "font.family": "sans-serif",
        "text.color": _TEXT, "axes.labelcolor": _TEXT, "axes.edgecolor": _TEXT,
        "xtick.color": _TEXT, "ytick.color": _TEXT,
    }):  # fmt: skip
        figure = Figure(figsize=(9, 3.4), layout="constrained")
        figure.suptitle("CPU time added to a request, in µs (less is better)", fontsize=11)
        panels = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
        for panel, where in zip(panels, places, strict=True):
            here = [costs for costs in measurements if costs.where == where]
            longest = max(costs.added(USUAL) for costs in here)
            panel.set_title(where, fontsize=10)
            panel.set_xlim(0, longest * 1.25)
            panel.set_yticks(range(len(_SHOWN)), [variant.name for variant in _SHOWN])
            panel.invert_yaxis()
            panel.spines[["top", "right", "bottom"]].set_visible(False)
            panel.tick_params(length=0)
            panel.set_xticks([])
            for number, costs in enumerate(here):
                place = [row + (number - (len(here) - 1) / 2) * _HEIGHT for row in range(4)]
                bars = panel.barh(
                    place, [costs.added(variant) for variant in _SHOWN], _HEIGHT * 0.9,
                    color=[_colour(variant, number) for variant in _SHOWN],
                )  # fmt: skip
                labels = [f"{costs.added(variant):.0f}  ({costs.sampling})" for variant in _SHOWN]
                panel.bar_label(bars, labels, padding=4, fontsize=8)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def _colour(variant: Variant, number: int) -> str:
    return (_OWN if variant is GENERATED else _OTHERS)[number]
