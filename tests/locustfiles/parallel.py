"""Requests side by side: in greenlets, in threads, in blocks within blocks."""

from concurrent.futures import ThreadPoolExecutor

import gevent
from gevent.pool import Pool
from locust import FastHttpUser, HttpUser, events
from notes import note_events
from steps import Steps

note_events(events)


def greenlets(user):
    pool = Pool()
    for number in range(3):
        pool.spawn(user.client.get, f"/greenlet/{number}")
    pool.join()


def judged(user):
    def one(number):
        with user.client.get(f"/status/500/{number}", catch_response=True) as response:
            gevent.sleep(0.01 * number)
            if number:
                response.success()

    gevent.joinall([gevent.spawn(one, number) for number in range(3)])


def threads(user):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(user.client.get, ["/thread/1", "/thread/2"]))


def left_behind(user):
    gevent.spawn(user.client.get, "/left-behind")


def blocks(user):
    with user.client.get("/outer", catch_response=True) as outer:
        user.client.get("/between")
        with user.client.get("/inner", catch_response=True) as inner:
            inner.failure("inner is wrong")
        outer.success()


def entered_later(user):
    response = user.client.get("/status/500/later", catch_response=True)
    user.client.get("/meanwhile")
    with response as judged_later:
        judged_later.success()


class Parallel(Steps):
    steps = (greenlets, judged, threads, left_behind, blocks, entered_later)


class Plain(Parallel, HttpUser):
    pass


class Fast(Parallel, FastHttpUser):
    pass
