"""A fitting room with FastAPI: upload a photograph, choose a garment, see the look.

    pip install 'changeclothes-async[cli]' fastapi python-multipart uvicorn
    changeclothes serve             # and paste the two lines it prints, or export your own key
    GARMENTS=photos/garments uvicorn --app-dir docs/examples fastapi_app:app

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
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse

from changeclothes_async import (
    AsyncChangeClothes,
    Category,
    ChangeClothesError,
    Grid,
    HarmfulContent,
    InvalidInput,
    JobError,
    Look,
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


@dataclass
class Run:
    """A grid in the background, which is also its own bar: it keeps the last snapshot."""

    snapshot: Snapshot | None = None
    task: asyncio.Task[Lookbook] | None = None

    def update(self, snapshot: Snapshot) -> None:
        """Keep how it is going."""
        self.snapshot = snapshot

    close = update


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Make one client for the life of the app; what is paid for arrives before it ends."""
    runs: dict[str, Run] = {}
    app.state.runs = runs
    async with AsyncChangeClothes(
        max_concurrency=int(os.environ.get("AT_ONCE", "32")),
        max_waiting=int(os.environ.get("WAITING", "200")),
        ledger=LOOKS / "ledger.db",
    ) as app.state.client:
        yield
        tasks = [run.task for run in runs.values() if run.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


app = FastAPI(lifespan=lifespan)


@app.exception_handler(ChangeClothesError)
async def failed(_: Request, error: ChangeClothesError) -> JSONResponse:
    """Say at once that all is full, what is wrong with a picture, and no more than that."""
    if isinstance(error, TooManyWaiting):
        return JSONResponse({"detail": "All cabins are taken."}, 503, {"Retry-After": "5"})
    if isinstance(error, InvalidInput | JobError):
        return JSONResponse({"detail": refusal(error)}, 422)
    log.error("A call failed: %s", error.message)
    return JSONResponse({"detail": "That did not work."}, 502)


@app.exception_handler(RequestValidationError)
async def incomplete(_: Request, __: RequestValidationError) -> JSONResponse:
    """Say in a sentence what FastAPI says in a list."""
    return JSONResponse({"detail": "A photograph and a garment are needed."}, 422)


@app.get("/")
async def page() -> FileResponse:
    """Give the page."""
    return FileResponse(PAGE)


@app.get("/garments")
async def garments() -> list[str]:
    """Name what there is to put on."""
    return list(GARMENTS)


@app.get("/garments/{name}")
async def garment_picture(name: str) -> FileResponse:
    """Show a garment."""
    return FileResponse(chosen(name))


@app.post("/looks")
async def looks(
    request: Request, photograph: UploadFile, garment: Annotated[str, Form()]
) -> dict[str, str]:
    """Dress someone, and tell where the picture is."""
    file = chosen(garment)
    client: AsyncChangeClothes = request.app.state.client
    call = client.try_on(model=photograph.file, garment=file, category=Category(file.parent.name))
    look = await unless_gone(request, call)
    path = await look.save(LOOKS / "single" / secrets.token_urlsafe())
    return {"picture": f"pictures/single/{path.name}"}


async def unless_gone(request: Request, call: Awaitable[Look]) -> Look:
    """Wait for a call, but no longer than the browser does.

    Whoever leaves also leaves the queue. A call on the wire arrives all the same, and the ledger
    keeps its result for the next one who asks.
    """
    making = asyncio.ensure_future(call)
    leaving = asyncio.ensure_future(gone(request))
    try:
        await asyncio.wait({making, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if making.done():
            return making.result()
        raise HTTPException(499)
    finally:
        making.cancel()
        leaving.cancel()


async def gone(request: Request) -> None:
    """Wait until the browser has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


@app.post("/grids", status_code=202)
async def grids(request: Request, photograph: UploadFile) -> dict[str, str]:
    """Begin to dress someone in everything there is."""
    name = secrets.token_urlsafe()
    grid = Grid(models={"you": await photograph.read()}, garments=list(GARMENTS.values()))
    client: AsyncChangeClothes = request.app.state.client
    await client.plan_grid(grid, out=LOOKS / name)  # raises for what is no picture; sends nothing
    run = request.app.state.runs[name] = Run()
    run.task = asyncio.create_task(client.run_grid(grid, out=LOOKS / name, progress=run))
    run.task.add_done_callback(report)
    return {"id": name}


@app.get("/grids/{name}/events")
async def events(request: Request, name: str) -> StreamingResponse:
    """Tell how a grid is going, as server-sent events."""
    run = request.app.state.runs.get(name)
    if run is None:
        raise HTTPException(404)
    return StreamingResponse(told(name, run), media_type="text/event-stream")


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


@app.get("/pictures/{path:path}")
async def pictures(path: str) -> FileResponse:
    """Show what was made."""
    file = (LOOKS / path).resolve()
    if file.is_relative_to(LOOKS) and file.suffix in SHOWN and file.is_file():
        return FileResponse(file)
    raise HTTPException(404)


def chosen(name: str) -> Path:
    """Give a garment's file."""
    if name not in GARMENTS:
        raise HTTPException(404, "There is no such garment.")
    return GARMENTS[name]


def refusal(error: InvalidInput | JobError) -> str:
    """Say in a visitor's words what is wrong with a picture; the log has the service's own."""
    log.warning("A picture was refused: %s", error.message)
    return next((said for kind, said in REFUSALS.items() if isinstance(error, kind)), error.message)
