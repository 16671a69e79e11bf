"""Every finding that loadctl can report: what it means and what to do about it, whatever the run.

A finding's message says what happened in this run; these texts explain it to a reader who meets its id for the first
time, on the screen (`loadctl explain ID`), in the HTML report and in the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

KnownFinding: TypeAlias = Literal[
    "generator-saturated",
    "generator-lag",
    "generator-faults",
    "generator-same-host",
    "script_fault",
    "script_verdict",
    "script-unfinished",
    "load-not-reached",
    "stopped-early",
    "users-ended",
    "data-incomplete",
    "recorder-note",
    "clock-step",
    "monitor-lost",
    "service-restarted",
    "service-crashed",
    "service-unreachable",
    "worker-restarted",
    "worker-lost",
    "no-errors",
    "errors-over-critical",
    "errors-over-target",
    "all-requests-failed",
    "slow-responses",
    "log-errors",
    "rate-limit-working",
    "rate-limit-not-working",
    "rate-limit-strict",
    "rate-limit-unknown",
    "rate-limit-headers",
    "rate-limit-slows",
    "cpu-high",
    "cpu-throttled",
    "memory-high",
    "resources-within-limits",
    "profile-top",
    "profile-missing",
    "memory-grew",
    "open-files-grew",
    "threads-grew",
    "memory-growing",
    "memory-stable",
    "memory-undecided",
    "descriptors-growing",
    "threads-growing",
    "nagle-delay",
    "breaking-point",
    "throughput-saturated",
    "latency-stable",
    "latency-grows-linearly",
    "latency-knee",
    "latency-drift",
    "throughput-drift",
    "errors-growing",
    "spike-recovered",
    "spike-not-recovered",
    "system-stalls",
    "closed-model-stall",
    "warmup-too-short",
    "undecided",
    "likely-limit",
    "limit-elsewhere",
    "file-unwatched",
    "file-rounded",
    "file-whole-run",
    "file-repeats",
    "file-silent-end",
    "file-first-byte",
    "file-complaints",
]
if TYPE_CHECKING:
    FindingId: TypeAlias = KnownFinding
    """Of a finding that this version reports, so that an id without an explanation is a type error."""
else:
    FindingId = str  # result.json of another version may hold others


@dataclass(frozen=True, slots=True)
class Explanation:
    """`advice` is None where there is nothing to do."""

    title: str
    text: str
    advice: str | None = None


FINDINGS: Mapping[KnownFinding, Explanation] = {
    # -- the load generator and the recording ------------------------------------------------------------------
    "generator-saturated": Explanation(
        "the load generator could not keep up",
        "The engine processes had too little CPU, ran out of file descriptors or ports, or stood still. A "
        "busy generator measures its own delay, so latencies look longer than they are. As `invalid` it voids "
        "every PASS and WARN, and every FAIL of a latency or throughput. As `warning` its timers were late, "
        "which can only make latencies look longer: a PASS stays, a WARN or FAIL of a latency or throughput "
        "is void.",
        "Use more engine processes (`--workers auto`), less load, or another machine than the system's. Where "
        "descriptors ran out, run `ulimit -n 65536` first.",
    ),
    "generator-lag": Explanation(
        "the load generator was a little late",
        "Timers in the engine processes fired late by more than 2 ms and 5 % of the latency, so latencies may "
        "be too high by as much. A PASS stays. A WARN or FAIL stays too, unless the limit is missed by no "
        "more than the lag: such a score does not count.",
        "If a limit is that close, use `--workers auto`, less load, or another machine than the system's.",
    ),
    "generator-faults": Explanation(
        "turns were ended by the load generator or the script",
        "Some turns were ended by a fault of the load generator or by an exception in your script, not by the "
        "system. They are not in the error rate. Above 1 % of the turns the finding is `invalid` and voids "
        "every PASS and WARN, and every FAIL of a latency or throughput.",
        "Send every request once with `loadctl try`, and read the engine's output in `engine/` in the run "
        "directory.",
    ),
    "generator-same-host": Explanation(
        "the load generator and the system share a machine",
        "Both ran on this machine and shared its CPU cores. As `warning` these cores were at least 90 % busy, "
        "so latencies include the competition for them. The verdict does not change.",
        "Before you rely on small latencies, run loadctl on another machine or with less load.",
    ),
    "script_fault": Explanation(
        "the script raised an exception outside its tasks",
        "An event listener, a hook or a greenlet of your script raised an exception. What it left undone is "
        "not known, so the run fails.",
        "Read the traceback in `engine/` in the run directory and correct the script.",
    ),
    "script_verdict": Explanation(
        "the script failed the run",
        "Your script set an exit code other than 0: Locust's `process_exit_code`, or Artillery's `ensure`, "
        "`expect` or a plugin. A script can fail a run; it cannot make one pass.",
        "Read its reason in the message, or in `engine/` in the run directory.",
    ),
    "script-unfinished": Explanation(
        "the script had to be ended",
        "Your script was still running long after the load, and loadctl ended it. Its last hook might have "
        "failed the run, so every PASS and WARN is void.",
        "See what its last hooks (`test_stop`, `quitting`, `after`) wait for.",
    ),
    "load-not-reached": Explanation(
        "the planned load was not made",
        "Users or arrivals were missing, the load generator stood still, or the load ended early. The system "
        "was tested with less than the scenario says. As `invalid` it voids every PASS and WARN; a FAIL "
        "stays. As `warning` 1 to 5 % of the arrivals were missing, and nothing is void.",
        "Use more engine processes (`--workers auto`) or another machine. Where arrivals were dropped because "
        "too many requests were in flight, the system held them up: make it faster, or raise `max_in_flight`.",
    ),
    "stopped-early": Explanation(
        "a stop rule ended the load",
        "A rule of `stop_when` was met, so the load ended before its plan. Without rules of your own, more "
        "than 90 % errors for 30 s end it. The run fails.",
        "Read the errors on the screen. `stop_when: never` carries out the whole plan.",
    ),
    "users-ended": Explanation(
        "users ended by themselves",
        "Users of your script left, for example by `StopUser`. They are not counted as missing, because the "
        "script decided so. Throughput and levels that they left count as not exercised. They come back at "
        "the next level of the plan.",
        "If that is not what you want, let the script's users continue.",
    ),
    "data-incomplete": Explanation(
        "part of the recording is missing",
        "An engine process did not finish, its totals differ from what it recorded, or seconds are missing. "
        "What is missing may be the bad part, so every PASS and WARN is void; a FAIL stays. As `warning` the "
        "difference is at most 0.1 %, and nothing is void.",
        "Read the last output of the engine in `engine/` in the run directory. Often memory or open files ran "
        "out.",
    ),
    "recorder-note": Explanation(
        "the recorder had to simplify",
        "There were more than 500 endpoint names or 100 error classes, or names were very long. What is "
        "beyond is counted together, as `(other)` or `other`.",
        "Give requests with ids in their path a `name:`, such as `GET /items/{id}`.",
    ),
    "clock-step": Explanation(
        "the machine's clock was set during the run",
        "Durations are measured with a clock that nobody can set, so no figure and no verdict is affected. "
        "Times of day may differ from those in the system's log.",
        "Allow for the difference when you compare with logs.",
    ),
    "monitor-lost": Explanation(
        "a monitor could not read for a while",
        "A process, container, metrics page, Prometheus server or log could not be read. Where too many "
        "readings are missing, nothing shows that a limit was met: its target is then `no data`. What was "
        "read can still fail it.",
        "The message has the reason: missing rights, a container that restarted, a page that was too slow "
        "under load.",
    ),
    # -- the system: available, errors, logs -------------------------------------------------------------------
    "service-restarted": Explanation(
        "the system restarted",
        "A monitor saw the system's process, container or pod start again during the run. The run fails, "
        "whatever its targets say.",
        "Read the system's log at that time: memory that ran out, a failed health check, a deployment.",
    ),
    "service-crashed": Explanation(
        "the system crashed",
        "A monitor saw the system's process, container or pod end during the run. The run fails, whatever its "
        "targets say.",
        "Read the system's log and the exit code, and look for an out-of-memory kill.",
    ),
    "service-unreachable": Explanation(
        "the system could not be reached",
        "For two seconds or more connections failed and nothing succeeded, or no request was ever answered. "
        "Without a monitor that saw it, this is not called a crash. The run fails.",
        "Check the address and that the system is up, and read its log at that time. `--container` or `--pid` "
        "would show whether it restarted.",
    ),
    "worker-restarted": Explanation(
        "a worker process was replaced",
        "A worker of the system ended and another one took its place. Servers do so on purpose (gunicorn's "
        "`max_requests`). It is critical only where requests failed at that moment.",
        "If requests failed, read the system's log, and let workers finish their requests before they end.",
    ),
    "worker-lost": Explanation(
        "a worker process ended",
        "A worker of the system ended and was not replaced. Pools shrink on purpose. It is critical only "
        "where requests failed at that moment.",
        "If requests failed, read the system's log at that time.",
    ),
    "no-errors": Explanation(
        "no request failed",
        "Every request of the scored part succeeded.",
    ),
    "errors-over-critical": Explanation(
        "too many requests failed",
        "The error rate is above its critical limit (1 % where no target limits it). It is critical where the "
        "scenario judges `error_rate`, and a warning elsewhere.",
        "Begin with the most frequent class under ERRORS on the screen. `loadctl try` shows each request "
        "once, with its answer.",
    ),
    "errors-over-target": Explanation(
        "more requests failed than wanted",
        "The error rate is above its target (0.1 % where no target limits it), but not above its critical "
        "limit.",
        "Begin with the most frequent class under ERRORS on the screen. `loadctl try` shows each request "
        "once, with its answer.",
    ),
    "all-requests-failed": Explanation(
        "every request failed",
        "No request succeeded. Where all were answered alike (401, 404, a failed check), the scenario is "
        "wrong, not the system. The run fails.",
        "`loadctl try` shows what is sent and what comes back.",
    ),
    "slow-responses": Explanation(
        "responses are slow",
        "A latency is above its critical limit; without any limit, p95 is above 500 ms.",
        "Look first at the endpoint that the advice names. Set limits of your own, such as `--target "
        "latency_p95=200ms`.",
    ),
    "log-errors": Explanation(
        "the system logged errors",
        "The logs that are followed have error lines from the scored part. This is a warning; a target "
        "`log_errors` makes the run depend on it.",
        "Read the log at the time that the message names.",
    ),
    # -- the system: rate limits -------------------------------------------------------------------------------
    "rate-limit-working": Explanation(
        "the rate limit holds",
        "The system accepted about as much as `rate_limit` declares and answered the rest with 429.",
    ),
    "rate-limit-not-working": Explanation(
        "the rate limit does not work as declared",
        "The system accepted more than `rate_limit` declares, refused requests below it, accepted far too "
        "little, or answered with 5xx instead of 429. The run fails.",
        "Compare the limiter's setting with the declared limit: per key, user, address or for all, and "
        "counted over which time. Limiters in several processes often count each for itself.",
    ),
    "rate-limit-strict": Explanation(
        "the rate limit is stricter than declared",
        "Under more load than the limit, the system accepted less than nine tenths of it.",
        "A limiter without a burst refuses requests that come close together (nginx: `limit_req` without "
        "`burst`).",
    ),
    "rate-limit-unknown": Explanation(
        "the rate limit was not judged",
        "The load did not reach the declared limit, or it is not known how many keys are counted apart, or "
        "429s came although no limit is declared.",
        "To test the limit, offer more than it. Where the number of keys is not known, declare `by: all`, or "
        "write one key into the scenario. Where 429s are intended, declare the limit: `rate_limit: {limit: "
        "100/s, by: key}`.",
    ),
    "rate-limit-headers": Explanation(
        "headers of 429 responses are missing or wrong",
        "Well-behaved clients read `Retry-After` and `X-RateLimit-Limit`. As `info`, they are missing; as "
        "`warning`, what they say is not true.",
        "Send `Retry-After` with every 429, with the time after which a request is accepted again.",
    ),
    "rate-limit-slows": Explanation(
        "refusing requests makes others slower",
        "While requests were refused, the p95 of the accepted ones was more than 1.5 times as high as while "
        "none was refused.",
        "Refuse before requests queue and cost work, for example in the proxy.",
    ),
    # -- the system: resources ---------------------------------------------------------------------------------
    "cpu-high": Explanation(
        "the system's CPU is at its limit",
        "For a long part of the run the system used more of its cores than the target of `cpu` (without one, "
        "80 %), or one process or thread filled one core. A single busy thread cannot use other cores, so the "
        "share of all cores may look harmless.",
        "Find the code that costs most (`--profile` for Python), use more worker processes, or give it more "
        "cores. Then run again.",
    ),
    "cpu-throttled": Explanation(
        "the container was throttled",
        "The container used up its CPU quota and stood still for the rest of many periods. That raises "
        "latency before the CPU looks full.",
        "Raise its CPU limit and run again.",
    ),
    "memory-high": Explanation(
        "memory is close to its limit",
        "The system's memory was above its target, or above 90 % of the limit at which the kernel ends the "
        "process.",
        "Find out what it keeps in memory, or raise the limit.",
    ),
    "resources-within-limits": Explanation(
        "CPU and memory stayed within their targets",
        "Both were judged, and both met their targets.",
    ),
    "profile-top": Explanation(
        "where the CPU time went",
        "The function in which the profiler saw the most CPU time. Time spent waiting is not in it.",
        "Open the flame graph that the advice names: the boxes above the function are its callers.",
    ),
    "profile-missing": Explanation(
        "there is no usable profile",
        "The profile that you asked for could not be made, is only partly there, or has too few samples to "
        "name a function.",
        "See the reason in the message. py-spy needs the right to look at the process: the same user, or "
        "root.",
    ),
    "memory-grew": Explanation(
        "memory grew in a short run",
        "At constant load memory was higher at the end than at the start. The run is too short to say whether "
        "that goes on: a cache that fills looks the same. The verdict does not change.",
        "Run for as long as the message says.",
    ),
    "open-files-grew": Explanation(
        "open files grew in a short run",
        "At constant load the system had more open files and sockets at the end than at the start. The run is "
        "too short to say whether that goes on. The verdict does not change.",
        "Run for as long as the message says.",
    ),
    "threads-grew": Explanation(
        "threads grew in a short run",
        "At constant load the system had more threads at the end than at the start. The run is too short to "
        "say whether that goes on. The verdict does not change.",
        "Run for as long as the message says.",
    ),
    "memory-growing": Explanation(
        "memory grows steadily",
        "At constant load memory kept growing without slowing down, as it does with a leak. The message says "
        "how fast and, where a limit is known, when it is reached.",
        "Compare heap snapshots from the start and the end, and run longer to see whether it stops.",
    ),
    "memory-stable": Explanation(
        "memory does not keep growing",
        "At constant load memory stayed about the same, or grew and then levelled off.",
    ),
    "memory-undecided": Explanation(
        "it is not clear whether memory grows",
        "Memory rises and falls so slowly that this run does not show where it goes.",
        "Run for ten of its rises and falls.",
    ),
    "descriptors-growing": Explanation(
        "open files grow steadily",
        "At constant load the number of open files and sockets kept growing. Sooner or later it ends with "
        '"too many open files".',
        "Look for files, sockets and connections that are never closed.",
    ),
    "threads-growing": Explanation(
        "threads grow steadily",
        "At constant load the number of threads kept growing without slowing down.",
        "Look for threads that are started for a request and never end.",
    ),
    "nagle-delay": Explanation(
        "every answer waits about 40 ms",
        "No answer of this endpoint comes in less than 40 to 44 ms, and many take just that. This is typical "
        "of Nagle's algorithm with delayed acknowledgements, not of real work.",
        "Set `TCP_NODELAY` on the server's sockets, or write head and body in one piece.",
    ),
    # -- behaviour under load ----------------------------------------------------------------------------------
    "breaking-point": Explanation(
        "the level at which the system breaks",
        "In a load that rises in steps, this is the highest level that kept its limits, and the first that "
        "did not, with the limits that were crossed there.",
        "Compare it with the load that you expect. Other findings name what ran short.",
    ),
    "throughput-saturated": Explanation(
        "throughput stopped growing",
        "From some level on more load brought no more successes per second. Requests only wait longer.",
        "Find what is full there: see `likely-limit` and `cpu-high`. More load shows nothing new.",
    ),
    "latency-stable": Explanation(
        "latency does not grow with load",
        "p95 stayed about the same at all levels of the load.",
    ),
    "latency-grows-linearly": Explanation(
        "latency grows with load",
        "p95 rises roughly in proportion to the load: requests wait in a queue, or each costs more under "
        "load.",
        "Look for what requests share: a lock, a pool of connections, one worker.",
    ),
    "latency-knee": Explanation(
        "latency rises steeply from some level on",
        "p95 is flat up to a level and steep beyond it. Beyond that level something is full, and requests "
        "queue.",
        "Keep the real load below that level, or find what is full there: see `likely-limit` and `cpu-high`.",
    ),
    "latency-drift": Explanation(
        "latency rises over time",
        "p95 rose although the load stayed the same, or it stayed high when the load fell again. It depends "
        "on time, not on load.",
        "Look for what else grew: memory, open files, tables, caches, log files.",
    ),
    "throughput-drift": Explanation(
        "throughput falls over time",
        "At constant load there were fewer and fewer successes per second. Users that wait longer send less.",
        "Look for what made latency or errors rise at the same time.",
    ),
    "errors-growing": Explanation(
        "errors become more frequent over time",
        "At constant load a larger share of requests failed in the last third of the run than in the first.",
        "Look for what runs out: memory, open files, connection pools, sessions that expire.",
    ),
    "spike-recovered": Explanation(
        "the system recovered from the spike",
        "After the load fell, latency and errors came back to what they were before. `recovery_time` says how "
        "long it took.",
    ),
    "spike-not-recovered": Explanation(
        "the system did not recover from the spike",
        "After the load fell, latency or errors stayed above what they were before, for as long as the run "
        "lasted.",
        "Bound the queues, or refuse early under overload. Look for connections and workers that are never "
        "released.",
    ),
    "system-stalls": Explanation(
        "the system stopped answering for moments",
        "For a while no request was answered, while several were waiting. The message says how often, how "
        "long and whether it happens at regular times. In the closed model waiting users send nothing, so the "
        "figures are optimistic.",
        "Look for what runs at these times: garbage collection, a checkpoint, a scheduled job, a lock. An "
        "open load (`rate:`) shows the full effect.",
    ),
    "closed-model-stall": Explanation(
        "waiting users hid part of the latency",
        "In the closed model a user that waits sends nothing, so slow moments are counted too rarely. The "
        "corrected latency adds the requests that users with a `pace` would have sent meanwhile.",
        "Use an open load (`rate:`) to measure it directly.",
    ),
    "warmup-too-short": Explanation(
        "the scored part begins with a warm-up",
        "The first part of what is scored was slower (or faster) than the rest. It is scored all the same.",
        "Mark the first stage `warmup: true`, or make it longer.",
    ),
    "undecided": Explanation(
        "the run is too small for some questions",
        "A load of this kind can show how latency scales, how the system recovers or whether memory grows, "
        "but this run has too little data. The message says what would be enough.",
        "Run longer or with more levels, if you want to know.",
    ),
    "likely-limit": Explanation(
        "what is probably the bottleneck",
        "This resource was at its limit while requests were slow, and not while they were fast. It is a "
        "suspect, not a proof: what nobody watches cannot be named.",
        "Change only this and run again.",
    ),
    "limit-elsewhere": Explanation(
        "no watched resource explains the slow requests",
        "While requests were slow, CPU, memory and open files had room. They wait for something that is not "
        "watched: a database, another service, a lock, a pool.",
        "Watch those too (`watch: container`, `metrics`, `prometheus`), or time the calls in the system's "
        "log.",
    ),
    # -- an engine's own report, judged by `loadctl score FILE` ------------------------------------------------
    "file-unwatched": Explanation(
        "the file does not say how the run went",
        "A report that an engine wrote by itself does not hold whether the load generator kept up, or what "
        "the system used.",
        "For a full verdict, run the script with `loadctl run`.",
    ),
    "file-rounded": Explanation(
        "the file has rounded figures",
        "The engine rounds latencies, so a limit within that margin cannot be judged.",
        "For exact figures, run the script with `loadctl run`.",
    ),
    "file-whole-run": Explanation(
        "the file covers the whole run",
        "Its figures include the warm-up or ramp-up, and lack requests that were in flight at the end.",
        "To score the steady part only, run the script with `loadctl run`.",
    ),
    "file-repeats": Explanation(
        "the file may hide failures",
        "Locust's FastHttpUser sends a GET again that got no answer, and does not count the first failure.",
        "`loadctl run` counts each of them.",
    ),
    "file-silent-end": Explanation(
        "the file ends in silence",
        "No request ended in the last part of the run, although users were active. The requests that they "
        "waited for are not in the file, so every PASS and WARN is void.",
        "Check whether the system hung. `loadctl run` counts unfinished requests as failed.",
    ),
    "file-first-byte": Explanation(
        "the file has times to the first byte",
        "Artillery's response time ends with the first byte of the answer. It can show that a latency limit "
        "is exceeded, never that it is met.",
        "Set `http: {extendedMetrics: true}` in the script's config, or run it with `loadctl run`.",
    ),
    "file-complaints": Explanation(
        "the file does not say which requests failed",
        "Captures, checks or hooks failed, and Artillery does not say for which requests. The number of "
        "failed requests is only known within bounds.",
        "`loadctl run` counts them request by request.",
    ),
}
