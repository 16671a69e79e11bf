"""A target as a picture: what was measured on a bar, with its limits on it."""

from __future__ import annotations

from markupsafe import Markup

from loadctl.reports.scores import is_judged, measured
from loadctl.results.score import Score

_WIDTH, _HEIGHT = 180, 22
_PAD = 2


def bullet(score: Score) -> Markup:
    """Empty where nothing was measured. The axis reaches a little beyond the furthest of value and limits."""
    if score.value is None or score.value < 0:
        return Markup("")
    limits = [score.target.critical, *([] if score.target.target is None else [score.target.target])]
    top = max(*limits, min(score.value, 3 * max(limits)) if max(limits) > 0 else score.value) * 1.12
    if top <= 0:
        return Markup("")

    def x(value: float) -> float:
        return round(_PAD + min(1.0, value / top) * (_WIDTH - 2 * _PAD), 1)

    parts = [
        Markup('<rect class="trough" fill="#8882" x="{}" y="7" width="{}" height="8" rx="4"/>').format(
            _PAD, _WIDTH - 2 * _PAD
        ),
        Markup('<rect class="value {}" fill="#57a" x="{}" y="7" width="{}" height="8" rx="4"/>').format(
            tone(score), _PAD, max(2.0, round(x(score.value) - _PAD, 1))
        ),
    ]
    for value, kind in zip(limits, ("critical", "target"), strict=False):
        parts.append(
            Markup('<path class="limit {}" stroke="#333" stroke-width="2" d="M{} 2V20"/>').format(
                kind, x(value)
            )
        )
    return Markup(
        '<svg class="bullet" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(
        _WIDTH,
        _HEIGHT,
        _WIDTH,
        _HEIGHT,
        f"{measured(score)} on a bar with its limits",
        Markup("").join(parts),
    )


def tone(score: Score) -> str:
    """Colour only where the status counts."""
    return score.status.value.lower() if is_judged(score) else "idle"
