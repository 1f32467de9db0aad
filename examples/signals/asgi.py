# SPDX-License-Identifier: Apache-2.0
"""An app for uvicorn that tells its load with Prometheus' client:

    uvicorn --port 8000 asgi:app

One worker: each would have a page of its own. `/wait` is answered once `/go` was asked.
"""
import asyncio

from prometheus_client import Gauge, Histogram, make_asgi_app

IN_FLIGHT = Gauge("http_requests_in_flight", "Requests in flight.")
DURATION = Histogram("http_request_duration_seconds", "How long requests took.")

metrics = make_asgi_app()
go = asyncio.Event()


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    # What is read by the autoscaler is no load.
    if scope["path"] == "/metrics":
        return await metrics(scope, receive, send)
    if scope["path"] == "/go":
        go.set()
    else:
        with IN_FLIGHT.track_inprogress(), DURATION.time():
            if scope["path"] == "/wait":
                await go.wait()
    headers = [(b"content-type", b"text/plain")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello\n"})
