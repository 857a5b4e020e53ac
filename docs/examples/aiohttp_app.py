"""A fitting room with aiohttp.web: upload a photograph, choose a garment, see the look.

    pip install 'changeclothes-async[cli]'
    changeclothes serve             # and paste the two lines it prints, or export your own key
    GARMENTS=photos/garments python docs/examples/aiohttp_app.py

In a clone it is '.[cli]' instead. GARMENTS is a folder with the folders upper_body, lower_body and
dresses; what is made goes into LOOKS. Pictures are behind names that nobody can guess; a real shop
would also ask who is there.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from changeclothes_async import (
    AsyncChangeClothes,
    Category,
    ChangeClothesError,
    Grid,
    HarmfulContent,
    InvalidInput,
    JobError,
    Lookbook,
    NotAnImage,
    Snapshot,
    TooManyWaiting,
)

LOOKS = Path(os.environ.get("LOOKS", "looks")).absolute()
PICTURES = {".jpeg", ".jpg", ".png", ".webp"}
SHOWN = {*PICTURES, ".html"}  # and not the ledger, which lies beside the pictures
FOLDER = Path(os.environ.get("GARMENTS", "garments"))
GARMENTS = {
    file.stem: file
    for file in sorted(FOLDER.glob("*/*.*"))
    if file.parent.name in set(Category) and file.suffix.lower() in PICTURES
}
if not GARMENTS:
    raise SystemExit(
        f"There are no garments in {FOLDER.absolute()}. Set GARMENTS to a folder that has pictures "
        f"in folders {', '.join(Category)}; `changeclothes demo --pictures photos` draws some."
    )
PAGE = Path(__file__).with_name("page.html")
REFUSALS = {  # what the service says is for the log: visitors know no parameters and no codes
    HarmfulContent: "This picture cannot be used.",
    JobError: "This picture could not be used. Please send a JPEG, PNG or WebP.",
    NotAnImage: "This file is not a picture. A JPEG, PNG or WebP will do.",
}
log = logging.getLogger("fitting-room")

routes = web.RouteTableDef()


@dataclass
class Run:
    """A grid in the background, which is also its own bar: it keeps the last snapshot."""

    snapshot: Snapshot | None = None
    task: asyncio.Task[Lookbook] | None = None

    def update(self, snapshot: Snapshot) -> None:
        """Keep how it is going."""
        self.snapshot = snapshot

    close = update


CLIENT = web.AppKey("CLIENT", AsyncChangeClothes)
RUNS = web.AppKey("RUNS", dict[str, Run])


async def one_client(app: web.Application) -> AsyncIterator[None]:
    """Make one client for the life of the app; what is paid for arrives before it ends."""
    app[RUNS] = {}
    async with AsyncChangeClothes(
        max_concurrency=int(os.environ.get("AT_ONCE", "32")),
        max_waiting=int(os.environ.get("WAITING", "200")),
        ledger=LOOKS / "ledger.db",
    ) as app[CLIENT]:
        yield
        tasks = [run.task for run in app[RUNS].values() if run.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@web.middleware
async def failing(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Say at once that all is full, what is wrong with a picture, and no more than that."""
    try:
        return await handler(request)
    except TooManyWaiting:
        headers = {"Retry-After": "5"}
        return web.json_response({"detail": "All cabins are taken."}, status=503, headers=headers)
    except (InvalidInput, JobError) as error:
        return web.json_response({"detail": refusal(error)}, status=422)
    except ChangeClothesError as error:
        log.error("A call failed: %s", error.message)
        return web.json_response({"detail": "That did not work."}, status=502)
    except web.HTTPClientError as error:  # plain text, which the page does not read
        return web.json_response({"detail": error.text}, status=error.status)


@routes.get("/")
async def page(_: web.Request) -> web.FileResponse:
    """Give the page."""
    return web.FileResponse(PAGE)


@routes.get("/garments")
async def garments(_: web.Request) -> web.Response:
    """Name what there is to put on."""
    return web.json_response(list(GARMENTS))


@routes.get("/garments/{name}")
async def garment_picture(request: web.Request) -> web.FileResponse:
    """Show a garment."""
    return web.FileResponse(chosen(request.match_info["name"]))


@routes.post("/looks")
async def looks(request: web.Request) -> web.Response:
    """Dress someone, and tell where the picture is.

    A browser that goes away cancels this, and so leaves the queue. A call on the wire arrives all
    the same, and the ledger keeps its result for the next one who asks.
    """
    form = await request.post()
    garment = chosen(form.get("garment"))
    look = await request.app[CLIENT].try_on(
        model=photograph(form).file, garment=garment, category=Category(garment.parent.name)
    )
    path = await look.save(LOOKS / "single" / secrets.token_urlsafe())
    return web.json_response({"picture": f"pictures/single/{path.name}"})


@routes.post("/grids")
async def grids(request: web.Request) -> web.Response:
    """Begin to dress someone in everything there is."""
    name = secrets.token_urlsafe()
    you = photograph(await request.post()).file.read()
    grid = Grid(models={"you": you}, garments=list(GARMENTS.values()))
    client = request.app[CLIENT]
    await client.plan_grid(grid, out=LOOKS / name)  # raises for what is no picture; sends nothing
    run = request.app[RUNS][name] = Run()
    run.task = asyncio.create_task(client.run_grid(grid, out=LOOKS / name, progress=run))
    run.task.add_done_callback(report)
    return web.json_response({"id": name}, status=202)


@routes.get("/grids/{name}/events")
async def events(request: web.Request) -> web.StreamResponse:
    """Tell how a grid is going, as server-sent events."""
    name = request.match_info["name"]
    run = request.app[RUNS].get(name)
    if run is None:
        raise web.HTTPNotFound
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    async for event in told(name, run):
        await response.write(event.encode())
    return response


async def told(name: str, run: Run) -> AsyncIterator[str]:
    """Give an event a few times a second, and at the end the gallery or what went wrong."""
    while True:
        end = ending(name, run)
        if run.snapshot or end:
            counts = (
                {"saved": run.snapshot.saved, "total": run.snapshot.total} if run.snapshot else {}
            )
            yield f"data: {json.dumps(counts | end)}\n\n"
        if end:
            return
        await asyncio.sleep(0.2)


def report(task: asyncio.Task[Lookbook]) -> None:
    """Log what went wrong, since nobody awaits a task in the background."""
    if task.cancelled():
        return
    if error := task.exception():
        log.error("A grid failed.", exc_info=error)
    elif task.result().stopped:
        log.error("A grid stopped early: %s", task.result().stopped)


def ending(name: str, run: Run) -> dict[str, str]:
    """Tell where the gallery is once it is there; nothing before."""
    if not run.task or not run.task.done():
        return {}
    if run.task.cancelled() or run.task.exception() or not run.task.result().saved:
        return {"error": "That did not work."}
    return {"gallery": f"pictures/{name}/index.html"}


@routes.get("/pictures/{path:.+}")
async def pictures(request: web.Request) -> web.FileResponse:
    """Show what was made."""
    file = (LOOKS / request.match_info["path"]).resolve()
    if file.is_relative_to(LOOKS) and file.suffix in SHOWN and file.is_file():
        return web.FileResponse(file)
    raise web.HTTPNotFound


def chosen(name: object) -> Path:
    """Give a garment's file."""
    if name not in GARMENTS:
        raise web.HTTPNotFound(text="There is no such garment.")
    return GARMENTS[str(name)]


def refusal(error: InvalidInput | JobError) -> str:
    """Say in a visitor's words what is wrong with a picture; the log has the service's own."""
    log.warning("A picture was refused: %s", error.message)
    return next((said for kind, said in REFUSALS.items() if isinstance(error, kind)), error.message)


def photograph(form: Any) -> web.FileField:
    """Give the uploaded file."""
    field = form.get("photograph")
    if not isinstance(field, web.FileField):
        raise web.HTTPUnprocessableEntity(text="A photograph is needed.")
    return field


app = web.Application(middlewares=[failing], client_max_size=64 * 2**20)
app.add_routes(routes)
app.cleanup_ctx.append(one_client)

if __name__ == "__main__":
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(os.environ.get("PORT", "8000")),
        handler_cancellation=True,  # a browser that goes away cancels its request
    )
