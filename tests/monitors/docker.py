"""A real Docker Engine of the tests' own, one for all workers, with nothing in it but what is on this machine.

There is no registry to pull from: the image is busybox, and Python comes into a container as read-only folders of the
machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from loadctl.monitors.containers.engine import DockerEngine

IMAGE = "loadctl-busybox"
_APPLETS = ("sh", "sleep", "cat", "echo", "yes", "tail", "true", "nc", "seq", "kill")
_ROOT = Path(__file__).parents[2]
_STARTED: list[subprocess.Popen[bytes]] = []


@dataclass
class Docker:
    """The engine, and what a test does with it; `run` gives a container that is removed at the test's end."""

    folder: Path
    engine: DockerEngine
    named: list[str] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    @property
    def variables(self) -> Mapping[str, str]:
        return {
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "DOCKER_CONFIG": str(self.folder / "config"),
        }

    def __call__(self, *args: str, timeout_s: float = 60) -> str:
        """`docker ARGS`; its standard output."""
        ended = subprocess.run(
            ["docker", *args],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        assert ended.returncode == 0, f"docker {' '.join(args)}: {ended.stderr}"
        return ended.stdout.strip()

    def run(self, *command: str, options: tuple[str, ...] = (), name: str | None = None) -> str:
        """A new container, by its name."""
        chosen = name or f"test-{uuid.uuid4().hex[:8]}"
        if chosen not in self.named:
            self.named.append(chosen)
        self("run", "--detach", "--name", chosen, *options, IMAGE, *command)
        return chosen

    def pid(self, name: str) -> int:
        return int(self("inspect", "--format", "{{.State.Pid}}", name))

    def kill_main(self, name: str) -> None:
        """As a crash: not through the engine, which would take it for a wish."""
        os.kill(self.pid(name), signal.SIGKILL)

    def remove(self) -> None:
        if self.named:
            subprocess.run(
                ["docker", "rm", "--force", *self.named],
                env=self.environment,
                capture_output=True,
                check=False,
            )


@pytest.fixture(scope="session")
def dockerd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an engine that runs, one for all workers."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    with shared_daemon(base / "dockerd") as folder:
        yield folder


@pytest.fixture
def docker(dockerd: Path) -> Iterator[Docker]:
    """The engine; the containers of a test are removed at its end."""
    environment = {"DOCKER_HOST": f"unix://{dockerd}/docker.sock"}
    docker = Docker(dockerd, DockerEngine.find(environment))
    yield docker
    docker.remove()
    docker.engine.close()


def python_mounts() -> tuple[str, ...]:
    """Options that bring this Python, its packages and loadctl into a container."""
    wanted = {Path("/usr"), Path("/lib"), Path("/lib64"), Path(sys.prefix), Path(sys.base_prefix), _ROOT}
    folders = sorted(path for path in wanted if path.is_dir() and not wanted & set(path.parents))
    return tuple(f"--volume={path}:{path}:ro" for path in folders)


def demo_command(port: int, *options: str, first: str = "") -> tuple[str, ...]:
    """The demo system inside a container that has `python_mounts`, after the statements `first`."""
    code = f"import sys; sys.path.insert(0, {str(_ROOT)!r})\n{first}\nfrom loadctl.demo.__main__ import main"
    return (sys.executable, "-c", f"{code}\nsys.exit(main(sys.argv[1:]))", "--port", str(port), *options)


def short(folder: Path) -> Path:
    """A folder that stands for another: a socket's path has at most 108 characters, and an engine's are long."""
    return Path("/tmp") / f"loadctl-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"


@contextlib.contextmanager
def own_daemon(
    folder: Path, *options: str, storage: str | None = "vfs"
) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """An engine of one test's own: where it lives, and its process."""
    base = short(folder)
    base.mkdir()
    try:
        yield base, start_daemon(base, *options, storage=storage)
    finally:
        stop_daemon(base)
        shutil.rmtree(base, ignore_errors=True)


def skip_without_docker() -> None:
    for program in ("dockerd", "docker", "busybox", "ip"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed (apt: docker.io, busybox-static, iproute2)")
    if os.geteuid() != 0:
        pytest.skip("only root can start a container engine")


@contextlib.contextmanager
def shared_daemon(known: Path) -> Iterator[Path]:
    """A folder with a docker.sock that answers, shared by all processes that name the same folder `known`.

    The first that needs it starts it, the last that leaves ends it. Skips the test where there is no dockerd.
    """
    skip_without_docker()
    base, users = short(known), known / "users"
    users.mkdir(parents=True, exist_ok=True)
    mine = users / f"{os.getpid()}"
    with _locked(known):
        base.mkdir(exist_ok=True)
        if not _alive(base):
            _start(base)
        mine.touch()
    try:
        yield base
    finally:
        with _locked(known):
            mine.unlink(missing_ok=True)
            if not any(_lives(int(user.name)) for user in users.iterdir()):
                stop_daemon(base)
                shutil.rmtree(base, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _alive(base: Path) -> bool:
    try:
        pid = int((base / "docker.pid").read_text())
    except (OSError, ValueError):
        return False
    return _lives(pid) and (base / "docker.sock").exists()


def _lives(pid: int) -> bool:
    """One that another worker has started stays a zombie until that worker ends."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def _start(base: Path) -> None:
    bridge = _bridge()
    (base / "bridge").write_text(bridge)
    start_daemon(base, "--bridge", bridge)
    engine = DockerEngine.find({"DOCKER_HOST": f"unix://{base}/docker.sock"})
    engine.close()
    subprocess.run(
        ["docker", "import", "-", IMAGE],
        input=_rootfs(),
        env={**os.environ, "DOCKER_HOST": f"unix://{base}/docker.sock"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=60,
    )


def start_daemon(base: Path, *options: str, storage: str | None = "vfs") -> subprocess.Popen[bytes]:
    """dockerd in `base`; returns when it answers. `storage`: a driver; None leaves the choice to it."""
    command = ["dockerd", "--data-root", str(base / "data"), "--exec-root", str(base / "exec")]
    command += ["--pidfile", str(base / "docker.pid"), "--host", f"unix://{base}/docker.sock"]
    command += [
        "--iptables=false",
        "--ip6tables=false",
        "--exec-opt",
        "native.cgroupdriver=cgroupfs",
        *options,
    ]
    if storage is not None:
        command += ["--storage-driver", storage]
    with (base / "log").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _STARTED.append(process)
    deadline = time.monotonic() + 60
    while True:
        answer = subprocess.run(
            ["docker", "--host", f"unix://{base}/docker.sock", "version"], capture_output=True, check=False
        )
        if answer.returncode == 0:
            return process
        if process.poll() is not None or time.monotonic() > deadline:
            last = (base / "log").read_text(errors="replace").splitlines()[-3:]
            pytest.fail("dockerd did not start: " + " | ".join(last))
        time.sleep(0.1)


def stop_daemon(base: Path) -> None:
    """End the engine and what it leaves on the machine: containers, mounts, its bridge."""
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        pid = int((base / "docker.pid").read_text())
        host = ["docker", "--host", f"unix://{base}/docker.sock"]
        left = subprocess.run(
            [*host, "ps", "--all", "--quiet"], capture_output=True, text=True, timeout=20, check=False
        ).stdout.split()
        if left:
            subprocess.run([*host, "rm", "--force", *left], capture_output=True, timeout=60, check=False)
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + 20
        while _lives(pid) and time.monotonic() < deadline:
            for process in _STARTED:
                process.poll()
            time.sleep(0.05)
    _clean_up_after(base)
    with contextlib.suppress(OSError):
        subprocess.run(
            ["ip", "link", "delete", (base / "bridge").read_text()], capture_output=True, check=False
        )
    for name in ("data", "exec", "docker.pid", "docker.sock"):
        path = base / name
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _clean_up_after(base: Path) -> None:
    """An engine that was killed leaves its containers, their keepers and its mounts."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "containerd-shim" in process.name() and any(str(base) in word for word in process.cmdline()):
                for one in [*process.children(recursive=True), process]:
                    one.kill()
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mounted in sorted((path for path in mounts if path.startswith(f"{base}/")), reverse=True):
        subprocess.run(["umount", "--lazy", mounted], capture_output=True, check=False)


def _bridge() -> str:
    """A bridge of its own: another engine on this machine keeps its docker0, and its addresses."""
    for number in range(16, 250):
        name, net = f"loadctl{number}", f"10.213.{number}.1/24"
        made = subprocess.run(["ip", "link", "add", name, "type", "bridge"], capture_output=True, check=False)
        if made.returncode == 0:
            subprocess.run(["ip", "address", "add", net, "dev", name], check=True)
            subprocess.run(["ip", "link", "set", name, "up"], check=True)
            return name
    pytest.skip("no network bridge can be made here")


def _rootfs() -> bytes:
    """busybox under the names of its applets, and the folders that others are mounted at."""
    busybox = Path(shutil.which("busybox") or "")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(busybox, "bin/busybox")
        for name in _APPLETS:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for folder in ("proc", "sys", "dev", "tmp", "etc", "usr", "lib", "lib64"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return packed.getvalue()
