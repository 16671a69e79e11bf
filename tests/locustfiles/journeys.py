"""Nested sets, sequences, interrupts, scheduled tasks and a Markov chain: each user's way is fixed."""

from locust import HttpUser, MarkovTaskSet, SequentialTaskSet, TaskSet, constant, events, task, transition
from notes import note, note_events

note_events(events)


class Rest(TaskSet):
    """Where a user stays at the end of its way."""

    @task
    def idle(self):
        pass


class Buying(SequentialTaskSet):
    def on_start(self):
        self.client.get("/buying/start")

    @task
    def search(self):
        self.client.get("/buying/search")

    @task
    class Cart(SequentialTaskSet):
        @task
        def add(self):
            self.client.post("/buying/cart")

        @task
        def back(self):
            self.interrupt()

    @task
    def pay(self):
        self.client.post("/buying/pay")
        self.interrupt(reschedule=False)

    def on_stop(self):
        self.client.get("/buying/stop")


class Sequence(HttpUser):
    wait_time = constant(0.05)
    bought = False

    @task
    def choose(self):
        tasks = self._taskset_instance
        tasks.schedule_task(Rest if self.bought else Buying)
        self.bought = True


class Chain(MarkovTaskSet):
    @transition("second")
    def first(self):
        self.client.get("/chain/first")

    @transition("third")
    def second(self):
        self.client.get("/chain/second")

    @transition("third")
    def third(self):
        if not self.user.arrived:
            self.user.arrived = True
            self.client.get("/chain/third")


class Markov(HttpUser):
    wait_time = constant(0.05)
    arrived = False
    tasks = [Chain]


class Inline(HttpUser):
    wait_time = constant(0.05)
    times = 0

    @task
    class Top(TaskSet):
        wait_time = constant(0.02)

        @task
        class Index(TaskSet):
            def on_start(self):
                self.user.times += 1
                if self.user.times > 2:
                    self.user.times = 2
                    self.interrupt(reschedule=False)
                self.client.get("/inline/start")

            @task
            def index(self):
                self.client.get("/inline/index", name="/inline")
                self.interrupt()

            def on_stop(self):
                note("left", parent=type(self.parent).__name__)
