"""The engine processes of a run: started together, watched, and in the end all gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from loadctl.engines.base import Command, Engine
from loadctl.errors import LoadctlError, RunError, UsageError
from loadctl.results.recording import Event
from loadctl.run.directory import RunDirectory
from loadctl.run.merge import Merger
from loadctl.run.process import Child, Early, Ladder, OrphanGuard, end_of, killed_by, last_lines

_ENDING = 4
"""After its bye a shard may be silent this many times longer: its script cleans up."""


@dataclass(slots=True)
class _Shard:
    index: int
    child: Child
    ended: bool = False


class Shards:
    """All shards of a run. `poll` is called often; times are seconds of one monotonic clock."""

    def __init__(
        self,
        engine: Engine,
        run: RunDirectory,
        merger: Merger,
        hung_s: float,
        early: Early | None = None,
        secrets: Iterable[str] = (),
    ) -> None:
        self._engine = engine
        self._run = run
        self._merger = merger
        self._hung_s = hung_s
        self._early = early
        self._secrets = list(secrets)
        self._shards: list[_Shard] = []
        self._guard: OrphanGuard | None = None
        self.reasons: list[str] = []
        """Why shards ended that should not have, in the engine's own words where it had any."""
        self.beyond: str | None = None
        """Why all shards are stopped: a script addressed a host that is not allowed."""

    def start(self, commands: Sequence[Command]) -> None:
        """Raises: RunError where one cannot be started; `kill` then ends the others."""
        for index, command in enumerate(commands):
            stdout, stderr = (self._run.engine / f"{index}.{name}" for name in ("stdout", "stderr"))
            child = Child(
                command,
                out=self._run.path,
                stdout=stdout,
                stderr=stderr,
                early=self._early,
                secrets=self._secrets,
            )
            self._shards.append(_Shard(index, child))
        self._guard = OrphanGuard(self.pids.values())

    @property
    def pids(self) -> Mapping[int, int]:
        """Process ids by shard."""
        return {shard.index: shard.child.pid for shard in self._shards}

    @property
    def gone(self) -> bool:
        return all(shard.ended for shard in self._shards)

    @property
    def failure(self) -> str | None:
        """Why the run as a whole failed: no shard came to its end. None while one did."""
        if self.beyond is not None:
            return self.beyond
        if any(log.bye for log in self._merger.logs):
            return None
        reasons = "; ".join(dict.fromkeys(self.reasons)) or "no shard said how it ended"
        return f"all engine processes are dead or hung: {reasons}"

    def ready(self) -> bool:
        """Whether all have said hello. Raises: RunError when one has ended instead, UsageError when it refused."""
        for shard in self._shards:
            returncode = shard.child.poll()
            if returncode is not None:
                raise self._no_start(shard, returncode)
        return all(log.hello for log in self._merger.logs)

    def late(self, deadline_s: float, script: str | None = None) -> RunError:
        """The error when `deadline_s` seconds were not enough for all to say hello; `script`: the file they load."""
        mute = [shard for shard in self._shards if not self._merger.logs[shard.index].hello]
        words = next(
            (words for shard in mute if (words := last_lines(shard.child.last_words()))), "it printed nothing"
        )
        return RunError(
            f"{self._engine.name} was not ready within {deadline_s:.0f} s (nothing was sent): {words}",
            hint=f"its output is in {self._run.engine}"
            + (f"; code that runs while {script} is loaded must finish within that time" if script else ""),
        )

    def send(self, line: str) -> None:
        """A line on the standard input of each."""
        for shard in self._shards:
            shard.child.send(line)

    def poll(self, now: float, t: float) -> list[Event]:
        """What happened to shards since the last call; `t` is now in seconds since the start of the load.

        Raises: UsageError when one refused, before it had sent anything.
        """
        events = []
        for shard in self._shards:
            if shard.ended:
                continue
            returncode = shard.child.poll()
            longest_s = self._hung_s * (_ENDING if self._merger.logs[shard.index].bye else 1)
            if returncode is None and self._merger.silence_s(shard.index, now) > longest_s:
                events.append(self._kill_hung(shard, t, longest_s))
                returncode = shard.child.returncode
            elif returncode is not None:
                events += self._left(shard, returncode, t)
            if returncode is not None:
                shard.ended = True
                self._merger.gone(shard.index)
        if self.gone:
            self._release()
        return events

    def stop(self, ladder: Ladder) -> None:
        """Ask all to leave, ever less politely."""
        for shard in self._shards:
            if not shard.ended:
                shard.child.stop(ladder)

    def kill(self) -> None:
        """End all at once; nothing of their process groups survives."""
        for shard in self._shards:
            if not shard.ended:
                shard.child.kill()
                shard.ended = True
                self._merger.gone(shard.index)
        self._release()

    def _release(self) -> None:
        guard, self._guard = self._guard, None
        if guard is not None:
            guard.release()

    def _kill_hung(self, shard: _Shard, t: float, longest_s: float) -> Event:
        returncode = shard.child.kill()
        reason = f"shard {shard.index} wrote nothing for {longest_s:.0f} s and was killed"
        self.reasons.append(reason)
        return Event(t, "shard_killed", reason, {"shard": shard.index, "returncode": returncode})

    def _left(self, shard: _Shard, returncode: int, t: float) -> list[Event]:
        """An end is worth an event when the shard did not say bye, or calls itself failed."""
        self._merger.gone(shard.index)
        outcome = self._engine.outcome(returncode, shard.child.last_words())
        bye = self._merger.logs[shard.index].bye
        if outcome.kind == "refused" and not bye:
            raise self._no_start(shard, returncode)
        if outcome.kind == "beyond":
            self.beyond = f"the script was stopped: {outcome.reason}"
            return [Event(t, "shard_exit", self.beyond, {"shard": shard.index, "returncode": returncode})]
        if bye and outcome.kind in {"finished", "stopped"}:
            return []
        reason = f"shard {shard.index} ended early: {self._why(shard, returncode)}"
        self.reasons.append(reason)
        detail = {"shard": shard.index, "returncode": returncode}
        return [Event(t, "shard_killed" if returncode < 0 else "shard_exit", reason, detail)]

    def _no_start(self, shard: _Shard, returncode: int) -> LoadctlError:
        """In its own words; a script that ends the process may have said why on stdout."""
        printed = last_lines(end_of(shard.child.stdout))
        hint = f"it printed: {printed}" if printed else None
        outcome = self._engine.outcome(returncode, shard.child.last_words())
        if outcome.kind == "refused":
            return UsageError(outcome.reason or "the script cannot be run as it was asked for", hint=hint)
        why = self._why(shard, returncode)
        return RunError(f"{self._engine.name} could not start: {why}", hint=hint)

    def _why(self, shard: _Shard, returncode: int) -> str:
        words = shard.child.last_words()
        outcome = self._engine.outcome(returncode, words)
        if outcome.kind == "failed" and outcome.reason:
            return outcome.reason
        ended = killed_by(returncode) if returncode < 0 else f"exit code {returncode}"
        return ": ".join(filter(None, [ended, last_lines(words)]))
