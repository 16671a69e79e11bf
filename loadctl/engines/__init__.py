"""How load is made: foreign engines behind one seam (base.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadctl.engines.locust.engine import LocustEngine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from loadctl.engines.base import Engine

ENGINES: Mapping[str, Engine] = {"locust": LocustEngine()}
"""By the name a scenario gives. Making one costs nothing: the engines themselves are only imported by their processes."""
