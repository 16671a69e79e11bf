"""Logs as servers and languages write them: one error each, its stack trace included, and what only looks like one."""

from __future__ import annotations

import pytest

from loadctl.monitors.logs.line import Entries, LogReader

ERRORS = {
    # -- Go
    "Go, panic": """\
panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.handleError(0xc000012345, 0x5)
	/app/main.go:8 +0x1d
main.main()
	/app/main.go:14 +0x25
exit status 2""",
    "Go, panic with its cause": """\
panic: no db [recovered]
	panic: no db
[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x45e1f3]

goroutine 34 [running]:
testing.tRunner.func1.2({0x5, 0x6})
	/usr/local/go/src/testing/testing.go:1526 +0x24e""",
    "Go, fatal": "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()",
    "Go, net/http": """\
2026/11/24 12:00:00 http: panic serving 127.0.0.1:54321: no such model
goroutine 7 [running]:
net/http.(*conn).serve.func1()
	/usr/local/go/src/net/http/server.go:1868 +0xb9
panic({0x6a2c40, 0x7a1b20})
	/usr/local/go/src/runtime/panic.go:914 +0x21f""",
    "Go, Gin": """\
2026/11/24 12:00:00 [Recovery] 2026/11/24 - 12:00:00 panic recovered:
GET /models HTTP/1.1
Host: 127.0.0.1:8080

runtime error: invalid memory address or nil pointer dereference
/usr/local/go/src/runtime/panic.go:260 (0x44f8d5)""",
    "Go, zerolog": '12:00PM ERR query failed error="no db" id=7',
    "Go, zerolog with its time": "2026-11-24T12:00:00Z ERR query.go:12 > query failed error=refused",
    "Go, zerolog, fatal": "12:00PM FTL cannot listen",
    "Go, zerolog in colours": "\x1b[90m12:00PM\x1b[0m \x1b[31mERR\x1b[0m query failed \x1b[36merror=\x1b[0mrefused",
    "Go, zerolog as JSON": '{"level":"error","error":"no db","time":"2026-11-24T12:00:00Z","message":"query failed"}',
    "Go, logrus": 'time="2026-11-24T12:00:00Z" level=error msg="query failed" id=7',
    "Go, logrus, a time with a space": 'time="2026-11-24 12:00:00" level=fatal msg="cannot listen"',
    "Go, logrus on a console": "ERRO[0001] query failed                    id=7",
    "Go, slog": "time=2026-11-24T12:00:00.000Z level=ERROR msg=failed err=refused",
    "Go, slog's default": "2026/11/24 12:00:00 ERROR failed err=refused",
    "Go, zap": """\
2026-11-24T12:00:00.000Z\tERROR\tapp/main.go:12\tquery failed\t{"id": 7}
main.query
	/app/main.go:12
main.main
	/app/main.go:7""",
    "Go, zap as JSON": '{"level":"dpanic","ts":1764000000.1,"caller":"app/main.go:12","msg":"failed"}',
    "Go, klog": "E1124 12:00:00.123456       7 proxy.go:12] refused",
    "Go, hclog": "2026-11-24T12:00:00.123Z [ERROR] agent: failed to sync: error=refused",
    "Go, go-kit": 'ts=2026-11-24T12:00:00.123Z caller=main.go:12 level=error msg="query failed" err=refused',
    "Go, CoreDNS": "[ERROR] plugin/errors: 2 example.org. A: read udp: i/o timeout",
    # -- JavaScript
    "Node, uncaught": """\
/app/server.js:12
    throw new Error("no model");
    ^

Error: no model
    at predict (/app/server.js:12:11)
    at Layer.handle [as handle_request] (/app/node_modules/express/lib/router/layer.js:95:5)

Node.js v20.11.0""",
    "Node, console.error of an error": """\
TypeError: Cannot read properties of undefined (reading 'id')
    at /app/server.js:12:20
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)""",
    "Node, its own words before the error": """\
Could not predict: ReferenceError: model is not defined
    at predict (/app/server.js:12:11)
    at next (/app/node_modules/express/lib/router/route.js:144:13)""",
    "Node, rejection": "(node:12) UnhandledPromiseRejectionWarning: Error: no db\n    at query (/app/db.js:3:9)",
    "Node, cause": """\
Error: query failed
    at query (/app/db.js:3:9) {
  [cause]: Error: connect ECONNREFUSED 127.0.0.1:5432
      at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)
}""",
    "Node, pino": '{"level":50,"time":1764000000000,"pid":7,"msg":"query failed","err":{"type":"Error"}}',
    "Node, pino-pretty": '[12:00:00.123] ERROR (7): query failed\n    err: {\n      "type": "Error"\n    }',
    "Node, bunyan": '{"name":"app","hostname":"a","pid":7,"level":60,"msg":"no db","v":0}',
    "Node, winston": 'error: query failed {"id":7}',
    "Node, winston with its time": "2026-11-24T12:00:00.123Z [error]: query failed",
    "Node, Nest": """\
[Nest] 12  - 11/24/2026, 12:00:00 PM   ERROR [ExceptionsHandler] no model
Error: no model
    at AppService.predict (/app/dist/app.service.js:12:15)""",
    "Deno": "error: Uncaught (in promise) Error: no model\n    at predict (file:///app/server.ts:3:9)",
    # -- Python
    "Python, logging": "ERROR:app.db:query failed",
    "Python, logging.exception": """\
2026-11-24 12:00:00,123 ERROR app.db: query failed
Traceback (most recent call last):
  File "/app/db.py", line 3, in query
    connect()
ConnectionRefusedError: [Errno 111] Connection refused""",
    "Python, uncaught": """\
Traceback (most recent call last):
  File "/app/main.py", line 3, in <module>
    main()
ValueError: no model 'churn'""",
    "Python, uncaught with its cause": """\
Traceback (most recent call last):
  File "/app/main.py", line 3, in main
KeyError: 'churn'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/main.py", line 7, in <module>
RuntimeError: no model""",
    "Python, thread": """\
Exception in thread Thread-1 (work):
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1038, in _bootstrap_inner
    self.run()
KeyError: 'churn'""",
    "Uvicorn": """\
ERROR:    Exception in ASGI application
Traceback (most recent call last):
  File "/app/main.py", line 3, in predict
  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 4
ValueError: no model""",
    "Gunicorn": "[2026-11-24 12:00:00 +0000] [12] [CRITICAL] WORKER TIMEOUT (pid:14)",
    "Flask": """\
[2026-11-24 12:00:00,123] ERROR in app: Exception on /predict [POST]
Traceback (most recent call last):
  File "/app/app.py", line 3, in predict
ZeroDivisionError: division by zero""",
    "Django": """\
Internal Server Error: /predict
Traceback (most recent call last):
  File "/app/views.py", line 3, in predict
django.db.utils.OperationalError: no such table""",
    "Celery": "[2026-11-24 12:00:00,123: ERROR/ForkPoolWorker-1] Task app.work[3f25] raised unexpected: KeyError()",
    "loguru": "2026-11-24 12:00:00.123 | ERROR    | app.main:predict:7 - no model",
    "structlog": "2026-11-24 12:00:00 [error    ] query failed                   id=7",
    # -- Java, Kotlin, Scala
    "Java, Logback": """\
12:00:00.123 [http-nio-8080-exec-1] ERROR c.e.api.Controller - query failed
java.sql.SQLException: Connection is not available
	at com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:696)
Caused by: java.net.ConnectException: Connection refused
	... 12 more""",
    "Java, Spring Boot": """\
2026-11-24 12:00:00.123 ERROR 1 --- [nio-8080-exec-1] o.a.c.c.C.[.[.[/].[dispatcherServlet] : Servlet.service() threw
java.lang.NullPointerException: Cannot invoke "String.length()"
	at com.example.Api.predict(Api.java:12)""",
    "Java, Spring Boot 3": "2026-11-24T12:00:00.123Z ERROR 1 --- [api] [nio-8080-exec-1] c.e.api.Controller : no model",
    "Java, Log4j": "2026-11-24 12:00:00,123 FATAL [main] com.example.App - cannot start",
    "Java, uncaught": """\
Exception in thread "main" java.lang.IllegalStateException: no model
	at com.example.App.main(App.java:7)
Caused by: java.lang.NullPointerException
	... 1 more""",
    "Java, printStackTrace": "java.lang.IllegalStateException: no model\n\tat com.example.App.main(App.java:7)",
    "Java, java.util.logging": """\
Nov 24, 2026 12:00:00 PM org.apache.catalina.core.StandardWrapperValve invoke
SEVERE: Servlet.service() for servlet [api] threw exception
java.lang.NullPointerException
	at com.example.Api.doGet(Api.java:12)""",
    "Tomcat": """\
24-Nov-2026 12:00:00.123 SEVERE [http-nio-8080-exec-1] org.apache.catalina.core.StandardWrapperValve.invoke threw
	java.lang.NullPointerException
		at com.example.Api.doGet(Api.java:12)""",
    "Jetty": "2026-11-24 12:00:00.123:WARN:oejs.HttpChannel:qtp1: /\n2026-11-24 12:00:00.124:FATAL:app:main: no db",
    "WildFly": "12:00:00,123 ERROR [org.jboss.as.ejb3] (default task-1) WFLYEJB0034: EJB Invocation failed",
    "Akka": "[ERROR] [11/24/2026 12:00:00.123] [api-akka.actor.default-dispatcher-5] [akka://api/user/db] no db",
    "Kafka": "[2026-11-24 12:00:00,123] ERROR [Broker id=1] Failed to handle fetch (kafka.server.KafkaApis)",
    "Elasticsearch": "[2026-11-24T12:00:00,123][ERROR][o.e.b.Bootstrap          ] [node-1] node validation exception",
    # -- .NET
    ".NET, console": """\
fail: Microsoft.AspNetCore.Server.Kestrel[13]
      Connection id "0H", Request id "0H:1": An unhandled exception was thrown by the application.
      System.InvalidOperationException: no model
         at Program.<>c.<Main>b__0() in /app/Program.cs:line 7""",
    ".NET, critical": "crit: App.Startup[0]\n      cannot start",
    ".NET, uncaught": """\
Unhandled exception. System.InvalidOperationException: no model
   at Program.Main(String[] args) in /app/Program.cs:line 7""",
    "Serilog": "[12:00:00 ERR] failed\nSystem.TimeoutException: no answer\n   at App.Db.Query() in /app/Db.cs:line 7",
    "NLog": "2026-11-24 12:00:00.1234|ERROR|App.Db|query failed",
    # -- Ruby, PHP, Elixir, Perl
    "Ruby, Logger": "E, [2026-11-24T12:00:00.123456 #12] ERROR -- : query failed",
    "Rails": "F, [2026-11-24T12:00:00.123456 #12] FATAL -- : [3f25] ActionController::RoutingError (No route matches)",
    "Rails, no prefix": """\
ActionView::Template::Error (undefined method `name' for nil:NilClass):
    1: <%= model.name %>
  app/views/models/show.html.erb:1""",
    "Ruby, uncaught": "app.rb:3:in `predict': no model (RuntimeError)\n\tfrom app.rb:7:in `<main>'",
    "PHP-FPM": """\
[24-Nov-2026 12:00:00 UTC] PHP Fatal error:  Uncaught RuntimeException: no model in /app/index.php:3
Stack trace:
#0 /app/index.php(7): predict('churn')
#1 {main}
  thrown in /app/index.php on line 3""",
    "PHP, on its own": "PHP Parse error:  syntax error, unexpected '}' in /app/index.php on line 3",
    "PHP, CLI": "Fatal error: Uncaught TypeError: predict(): Argument #1 must be int in /app/index.php:3",
    "Monolog": '[2026-11-24T12:00:00.123456+00:00] app.CRITICAL: no model {"id":7} []',
    "Laravel": """\
[2026-11-24 12:00:00] production.ERROR: no model {"exception":"[object] (RuntimeException(code: 0): no model)
[stacktrace]
#0 /app/routes/web.php(7): predict()
#1 {main}
"}""",
    "Elixir": """\
12:00:00.123 [error] GenServer #PID<0.123.0> terminating
** (RuntimeError) no model
    (api 0.1.0) lib/api.ex:7: Api.predict/1""",
    "Erlang": "=ERROR REPORT==== 24-Nov-2026::12:00:00.123456 ===\n** Generic server db terminating",
    "Mojolicious": "[2026-11-24 12:00:00.12345] [12] [error] no model at app.pl line 7.",
    # -- Rust, C++, Swift
    "Rust, panic": """\
thread 'main' panicked at src/main.rs:3:5:
index out of bounds: the len is 3 but the index is 5
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace""",
    "Rust, env_logger": "[2026-11-24T12:00:00Z ERROR app::db] query failed",
    "Rust, tracing": "2026-11-24T12:00:00.123456Z ERROR request{id=7}: app::db: query failed",
    "spdlog": "[2026-11-24 12:00:00.123] [api] [error] query failed",
    "C++, uncaught": "terminate called after throwing an instance of 'std::runtime_error'\n  what():  no model",
    "Vapor": "[ ERROR ] no model [request-id: 3f2504e0]",
    # -- servers
    "nginx": '2026/11/24 12:00:00 [error] 31#31: *7 connect() failed (111: Connection refused), upstream: "http://a"',
    "nginx, critical": '2026/11/24 12:00:00 [crit] 31#31: *7 open() "/var/cache" failed (13: Permission denied)',
    "Apache": "[Tue Nov 24 12:00:00.123456 2026] [proxy:error] [pid 12:tid 14] (111)Connection refused: AH00957: HTTP",
    "Apache 2.2": "[Tue Nov 24 12:00:00 2026] [error] [client 127.0.0.1] File does not exist: /var/www/x",
    "HAProxy": "[ALERT]    (1) : backend 'api' has no server available!",
    "Envoy": "[2026-11-24 12:00:00.123][12][error][config] [source/server/x.cc:12] rejected",
    "Traefik": '2026-11-24T12:00:00Z ERR Unable to obtain certificate error="no answer" providerName=acme',
    "Caddy": '{"level":"error","ts":1764000000.1,"logger":"http.log.error","msg":"dial tcp: refused","status":502}',
    "PostgreSQL": """\
2026-11-24 12:00:00.123 UTC [12] ERROR:  duplicate key value violates unique constraint "models_pkey"
2026-11-24 12:00:00.123 UTC [12] DETAIL:  Key (id)=(7) already exists.
2026-11-24 12:00:00.123 UTC [12] STATEMENT:  INSERT INTO log VALUES ('ERROR', 7)""",
    "PostgreSQL with who": "2026-11-24 12:00:00.123 UTC [12] app@models FATAL:  sorry, too many clients already",
    "MySQL": "2026-11-24T12:00:00.123456Z 0 [ERROR] [MY-010119] [Server] Aborting",
    "MariaDB": "2026-11-24 12:00:00 0 [ERROR] InnoDB: Unable to lock ./ibdata1 error: 11",
    "MongoDB": '{"t":{"$date":"2026-11-24T12:00:00.123+00:00"},"s":"E","c":"NETWORK","id":1,"ctx":"conn","msg":"no"}',
    "RabbitMQ": "2026-11-24 12:00:00.123456+00:00 [error] <0.123.0> closing AMQP connection",
    # -- what carries lines
    "systemd": "Nov 24 12:00:00 host api[12]: ERROR: no model",
    "syslog, RFC 5424": "<11>1 2026-11-24T12:00:00Z host api 12 - - no model",
    "containerd": "2026-11-24T12:00:00.123456789Z stderr F panic: no model",
    "containerd, a trace": """\
2026-11-24T12:00:00.123456789Z stderr F 2026-11-24 12:00:00 ERROR app: failed
2026-11-24T12:00:00.123456790Z stderr F java.lang.IllegalStateException: no model
2026-11-24T12:00:00.123456791Z stderr F \tat com.example.App.main(App.java:7)""",
    "docker compose": "api-1  | 2026-11-24 12:00:00,123 ERROR app: no model",
    "Docker's json-file": '{"log":"2026-11-24 12:00:00 ERROR no model\\n","stream":"stderr","time":"2026-11-24"}',
    "Docker's json-file, a trace": """\
{"log":"Traceback (most recent call last):\\n","stream":"stderr","time":"2026-11-24T12:00:00Z"}
{"log":"  File \\"main.py\\", line 3\\n","stream":"stderr","time":"2026-11-24T12:00:00Z"}
{"log":"ValueError: no model\\n","stream":"stderr","time":"2026-11-24T12:00:00Z"}""",
    "Google Cloud": '{"severity":"ERROR","message":"no model","timestamp":"2026-11-24T12:00:00Z"}',
    "ECS": '{"@timestamp":"2026-11-24T12:00:00Z","log.level":"error","message":"no model"}',
}
QUIET = {
    "access log": '127.0.0.1 - - [24/Nov/2026:12:00:00 +0000] "GET /models?level=error HTTP/1.1" 200 12 "-" "curl/8"',
    "access log, in capitals": '10.0.0.1 - - [24/Nov/2026:12:00:00 +0000] "GET /?q=ERROR&severity=FATAL HTTP/1.1" 200',
    "access log, a path": '10.0.0.1 - - [24/Nov/2026:12:00:00 +0000] "GET /ERROR/panic: HTTP/1.1" 200 7 "http://a/[error]"',
    "access log, 500": '10.0.0.1 - - [24/Nov/2026:12:00:00 +0000] "GET /models HTTP/1.1" 500 7',
    "access log as JSON": '{"time":"2026-11-24","request":"GET /?level=error HTTP/1.1","status":200,"agent":"[error]"}',
    "access log, Uvicorn": 'INFO:     127.0.0.1:4711 - "GET /models?level=ERROR HTTP/1.1" 200 OK',
    "access log, morgan": "GET /models?level=error 200 3.123 ms - 12",
    "access log, Gin": '[GIN] 2026/11/24 - 12:00:00 | 200 |     1.2ms |  127.0.0.1 | GET      "/models?level=error"',
    "access log, logfmt": 'time=2026-11-24T12:00:00Z level=info msg="GET /?level=error" status=200',
    "access log, Envoy": '[2026-11-24T12:00:00.123Z] "GET /?level=error HTTP/1.1" 200 - 0 12 3 2 "-" "curl" "error"',
    "a message": "2026-11-24 12:00:00,123 INFO app: retried after ERROR from db, level=error",
    "a message without a level": "2026-11-24 12:00:00 finished with ERROR count 0",
    "a sentence": "could not find any ERROR in the file",
    "a word": "Error handling is enabled",
    "zerolog, info": '12:00PM INF got ERR from upstream error="ERROR"',
    "logrus, warn": 'time="2026-11-24T12:00:00Z" level=warning msg="level=error panic: x"',
    "a warning with a stack trace, Java": """\
2026-11-24 12:00:00.123  WARN 1 --- [nio-8080-exec-1] c.e.api.Controller : refused
java.lang.IllegalArgumentException: no such model
	at com.example.Api.predict(Api.java:12)
Caused by: java.lang.NullPointerException
	... 1 more""",
    "a warning with a stack trace, Python": """\
2026-11-24 12:00:00,123 WARNING app: refused
Traceback (most recent call last):
  File "/app/main.py", line 3, in predict
ValueError: no model""",
    "info with a stack trace, Node": "[12:00:00.123] INFO (7): tried again\n    at predict (/app/server.js:12:11)",
    "klog, info": "I1124 12:00:00.123456       7 proxy.go:12] ERROR was cleared",
    "syslog, notice": "<13>1 2026-11-24T12:00:00Z host api 12 - - ERROR cleared",
    "PostgreSQL, log": "2026-11-24 12:00:00.123 UTC [12] LOG:  statement: SELECT * FROM log WHERE level = 'ERROR'",
    "MySQL, note": "2026-11-24T12:00:00.123456Z 0 [Note] [MY-010051] [Server] Event Scheduler: error count 0",
    "PHP, warning": "[24-Nov-2026 12:00:00 UTC] PHP Warning:  Undefined variable $error in /app/index.php on line 3",
    "Spring Boot, info": "2026-11-24 12:00:00.123  INFO 1 --- [main] c.e.ErrorController : mapped to ERROR page",
    "a list of names": "alert-manager, error-pages and critical-css are loaded",
    "a number that is no level": '{"msg":"no errors","s":120}',
    "a warning with a stack trace, Docker": """\
{"log":"2026-11-24 12:00:00 WARN app: refused\\n","stream":"stderr"}
{"log":"java.lang.IllegalArgumentException: no model\\n","stream":"stderr"}
{"log":"\\tat com.example.App.main(App.java:7)\\n","stream":"stderr"}""",
    "MongoDB, info": '{"t":{"$date":"2026-11-24T12:00:00.123+00:00"},"s":"I","c":"NETWORK","msg":"error E"}',
}


def count(text: str) -> int:
    entries = Entries(LogReader())
    return sum(entries.error(line) is not None for line in text.split("\n"))


@pytest.mark.parametrize("name", ERRORS)
def test_each_format_is_one_error(name: str) -> None:
    assert count(ERRORS[name]) == 1
    assert count("\n\n".join([ERRORS[name]] * 3)) == 3


@pytest.mark.parametrize("name", QUIET)
def test_what_only_looks_like_one_is_none(name: str) -> None:
    assert count("\n".join([QUIET[name]] * 3)) == 0


def test_errors_that_follow_each_other_without_a_blank_line_are_told_apart() -> None:
    """As a process writes them that goes on."""
    alone = [name for name, text in ERRORS.items() if "\n\n" not in text]
    wrong = {name: seen for name in alone if (seen := count("\n".join([ERRORS[name]] * 3))) != 3}
    assert wrong == {}


def test_quiet_lines_between_hide_none() -> None:
    """An exception right after a warning is the warning's own."""
    between = [text for name, text in QUIET.items() if "warn" not in name]
    for name, text in ERRORS.items():
        assert count("\n".join(f"{quiet}\n{text}" for quiet in between)) == len(between), name
