"""A tiny Artillery as npm packages on disk, with the lock file that pins them: an installation without a network."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from loadctl.engines.artillery.locate import LIBRARIES

VERSION = "2.0.34"
RUN = "#!/usr/bin/env node\nimport says from 'helper'\nconsole.log(says)\n"


def local_source(folder: Path, *, run: str = RUN) -> Path:
    """A folder with package.json and package-lock.json; one of the packages has a script that must not run."""
    folder.mkdir(parents=True)
    packages = {
        "artillery": _packed(
            folder / "artillery.tgz",
            {"name": "artillery", "version": VERSION, "type": "module", "dependencies": {"helper": "*"}},
            {
                "bin/run": run,
                "index.d.ts": "export {}",
                "index.js.map": "{}",
                "README.md": "# It",
                "a.js": "",
            },
        ),
        "helper": _packed(
            folder / "helper.tgz",
            {"name": "helper", "version": "1.0.0", "scripts": {"postinstall": "touch ../../script-has-run"}},
            {"index.js": f"module.exports = 'version {VERSION}'\n", "LICENSE.md": "MIT"},
        ),
        **{
            name: _packed(folder / f"{name}.tgz", {"name": name, "version": version}, {"index.js": ""})
            for name, version in LIBRARIES.items()
        },
    }
    root = {"name": "tiny", "dependencies": {name: entry["resolved"] for name, entry in packages.items()}}
    locked = {"": root, **{f"node_modules/{name}": entry for name, entry in packages.items()}}
    _write(folder, root, locked)
    return folder


def registry_source(folder: Path) -> Path:
    """As the shipped one: no addresses, so that npm asks the registry that its user has set."""
    folder.mkdir(parents=True)
    root = {"name": "tiny", "dependencies": {"artillery": VERSION}}
    _write(folder, root, {"": root, "node_modules/artillery": {"version": VERSION}})
    return folder


def _write(folder: Path, root: Mapping[str, object], locked: Mapping[str, object]) -> None:
    lock = {"name": "tiny", "lockfileVersion": 3, "requires": True, "packages": locked}
    (folder / "package.json").write_text(json.dumps(root))
    (folder / "package-lock.json").write_text(json.dumps(lock))


def _packed(path: Path, manifest: Mapping[str, object], files: Mapping[str, str]) -> Mapping[str, object]:
    with tarfile.open(path, "w:gz") as archive:
        for name, text in {"package.json": json.dumps(manifest), **files}.items():
            entry = tarfile.TarInfo(f"package/{name}")
            entry.size = len(text.encode())
            entry.mode = 0o755 if name.startswith("bin/") else 0o644
            archive.addfile(entry, io.BytesIO(text.encode()))
    digest = base64.b64encode(hashlib.sha512(path.read_bytes()).digest()).decode()
    return {
        "version": manifest["version"],
        "resolved": path.as_uri().replace("file://", "file:"),
        "integrity": f"sha512-{digest}",
        "hasInstallScript": "scripts" in manifest,
    }
