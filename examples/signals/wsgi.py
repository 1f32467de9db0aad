# SPDX-License-Identifier: Apache-2.0
"""An app for gunicorn that tells its load with Prometheus' client:

    gunicorn --threads 16 --bind 127.0.0.1:8000 wsgi:app

One worker: each would have a page of its own. `/wait` is answered once `/go` was asked.
"""
import threading

from prometheus_client import Gauge, Histogram, make_wsgi_app

IN_FLIGHT = Gauge("http_requests_in_flight", "Requests in flight.")
DURATION = Histogram("http_request_duration_seconds", "How long requests took.")

metrics = make_wsgi_app()
go = threading.Event()


def app(environ, start_response):
    path = environ["PATH_INFO"]
    # What is read by the autoscaler is no load.
    if path == "/metrics":
        return metrics(environ, start_response)
    if path == "/go":
        go.set()
    else:
        with IN_FLIGHT.track_inprogress(), DURATION.time():
            if path == "/wait":
                go.wait()
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"hello\n"]
