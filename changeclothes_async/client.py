"""AsyncChangeClothes: the API's two calls, many of them, and grids of them, for asyncio."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias, TypedDict, Unpack

from changeclothes_async import arguments, checks, errors, results, settings
from changeclothes_async.bulk.calls import callers, pool, senders
from changeclothes_async.protocol import fields, images, requests
from changeclothes_async.transport import logs, preparing

if TYPE_CHECKING:  # aiohttp loads with the first call, the engines of grids with the first grid
    from ssl import SSLContext

    from aiohttp import ClientSession, Fingerprint, TraceConfig
    from pydantic import SecretStr

    from changeclothes_async.bulk.cluster.engine import Where
    from changeclothes_async.bulk.lookbook.lookbook import Lookbook
    from changeclothes_async.bulk.placing import Out
    from changeclothes_async.bulk.progress.bars import Bar
    from changeclothes_async.bulk.progress.events import OnEvent
    from changeclothes_async.bulk.run.planning import Plan
    from changeclothes_async.bulk.work.works import Work

BatchJobs: TypeAlias = str | os.PathLike[str] | Iterable[requests.Job]


class PlanOptions(TypedDict, total=False):
    """The options of `plan_grid`, which `plan_batch` takes too."""

    retry_failed: bool
    resend_unsure: bool


class RunOptions(PlanOptions, total=False):
    """The options of `run_grid`, which `run_batch` takes too."""

    progress: bool | Bar
    max_calls: int | None
    on_event: OnEvent | None
    masks: bool
    gallery: bool
    cluster: Where | None


class AsyncChangeClothes:
    """A client of the Change Clothes AI API.

    It may be made anywhere, even outside an event loop, and serves any number of callers; close it
    with `async with` or `await client.aclose()`, which waits for the calls on the wire.

    `api_key` and `base_url` default to CHANGECLOTHES_API_KEY and CHANGECLOTHES_BASE_URL.
    At most `max_concurrency` attempts are on the wire at once, `max_per_minute` are started in a
    minute, and `max_waiting` callers wait for a slot (one more raises TooManyWaiting). `timeout`
    limits one attempt, in seconds, without the wait for a slot; `deadline` covers that wait, the
    reading of pictures, all attempts and the pauses between them. `retries` is the number of
    further attempts where one more is safe. With `ledger` (a path) each call is recorded before it
    is sent, and equal calls are paid for once: those in flight in one event loop share one request,
    with the options of whoever asked first, and one that is in flight in another loop raises
    LedgerBusy. Clients of one process share a ledger, and one process at a time has it. (A run's
    ledger is in its `out` and knows only that run's calls.)
    `session` is an `aiohttp.ClientSession` of your own, which carries the calls and must stay open
    as long as the client; results are fetched over connections of the client's own. `proxy`, `ssl`
    (a context) and `trust_env` hold for both, `headers` for the calls. `on_event` is called with
    each `Event`, and must not block; `trace_configs` are aiohttp's, for the calls' own session:
    they see the key and the photographs. CHANGECLOTHES_LOG=info or debug logs to stderr.
    With `prepare=True` pictures are turned upright and scaled down until no edge is longer than
    2048 pixels; a number sets another limit. A picture that needs neither, and any URL, is sent
    as it is.

    Raises MissingKey or InvalidInput, naming the argument, and MissingExtra.
    """

    @arguments.discreet
    def __init__(
        self,
        api_key: str | SecretStr | None = None,
        base_url: str | None = None,
        *,
        max_concurrency: int = 8,
        max_waiting: int | None = None,
        max_per_minute: float | None = None,
        timeout: float = 300.0,
        connect_timeout: float = 20.0,
        deadline: float | None = None,
        retries: int = 2,
        ledger: str | os.PathLike[str] | None = None,
        session: ClientSession | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ssl: SSLContext | Fingerprint | Literal[True] = True,
        trust_env: bool = False,
        max_result_bytes: int = 64 * 2**20,
        on_event: OnEvent | None = None,
        trace_configs: Sequence[TraceConfig] = (),
        prepare: bool | int = False,
    ) -> None:
        logs.follow_environment()
        checks.session(session)
        checks.listener(on_event)
        checks.ledger(ledger)
        checks.switches(trust_env=trust_env)
        options = settings.from_arguments(
            api_key,
            base_url,
            retries,
            max_concurrency=max_concurrency,
            max_waiting=max_waiting,
            max_per_minute=max_per_minute,
            timeout=timeout,
            connect_timeout=connect_timeout,
            deadline=deadline,
            headers=headers,
            proxy=proxy,
            ssl=ssl,
            trust_env=trust_env,
            max_result_bytes=max_result_bytes,
            trace_configs=checks.traced(trace_configs, session),
            edge=preparing.edge(prepare),
        )
        checks.connector(session, options)
        self._caller = callers.Caller(options, session, ledger, on_event)

    def __repr__(self) -> str:
        if "_caller" not in self.__dict__:  # reports of errors show half-built ones too
            return "AsyncChangeClothes()"
        return f"AsyncChangeClothes(base_url={self._caller.options.base_url!r})"

    if not TYPE_CHECKING:  # checkers know better than to allow it

        def __enter__(self):
            raise TypeError("Use `async with AsyncChangeClothes(…)` instead of `with`.")

        def __exit__(self, *error): ...  # looked up first

    async def __aenter__(self) -> Self:
        # What takes long to import is imported now, not in a request.
        await self._caller.senders.here()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Wait for the running loop's calls and downloads, then close the client for all loops.

        It may be called twice. What another loop has on the wire still arrives and is recorded;
        only then does another `aclose()`, or the end of the program, close the ledger.
        """
        await self._caller.close()

    @property
    def stats(self) -> senders.Stats:
        """What is under way and what has ended, at this moment."""
        return self._caller.senders.stats()

    @arguments.discreet
    def with_options(
        self,
        *,
        timeout: float | None = None,
        deadline: float | arguments.Unchanged | None = arguments.UNCHANGED,
        retries: int | None = None,
        prepare: bool | int | None = None,
        resend_unsure: bool | None = None,
    ) -> Self:
        """Return the same client with other options: it shares session, limits and ledger.

        What is not given stays as it is; `deadline=None` removes the deadline, and `prepare=False`
        turns preparing off. With `resend_unsure=True` single calls that the ledger holds as unsure
        or damaged are sent again: they may be paid for twice.
        """
        changes: dict[str, Any] = {} if timeout is None else {"timeout": timeout}
        if deadline is not arguments.UNCHANGED:
            changes["deadline"] = deadline
        if prepare is not None:
            changes["edge"] = preparing.edge(prepare)
        if resend_unsure is not None:
            checks.switches(resend_unsure=resend_unsure)
            changes["resend_unsure"] = resend_unsure
        return self._changed(retries=retries, **changes)

    def _changed(self, **options: Any) -> Self:
        other = object.__new__(type(self))
        other.__dict__ = {**self.__dict__, "_caller": self._caller.changed(**options)}
        return other

    @property
    def _patient(self) -> Self:
        """The same for many calls: they wait for their turn, and none of them is turned away."""
        return self._changed(max_waiting=None)

    async def try_on(
        self,
        model: images.ImageSource,
        garment: images.ImageSource,
        category: fields.Category | fields.CategoryName,
        garment_desc: str | None = None,
        *,
        extra_fields: Mapping[str, str] | None = None,
    ) -> results.Look:
        """Dress a model in a garment (API 1).

        Each picture is a path, URL, data URI, bytes, open binary file or PIL image; `category` is
        upper_body, lower_body or dresses; `garment_desc` is in English. `extra_fields` are form
        fields that are not documented yet. Raises a ChangeClothesError; its `money` says whether
        credits may have been spent.
        """
        __tracebackhide__ = True  # as notebooks and pytest understand it
        return await self.run(
            requests.TryOn(
                model=model,
                garment=garment,
                category=category,
                garment_desc=garment_desc,
                extra_fields={} if extra_fields is None else extra_fields,
            )
        )

    async def change_by_prompt(
        self,
        model: images.ImageSource,
        prompt: str,
        *,
        seed: int | None = None,
        randomize_seed: bool | None = None,
        guidance_scale: float | None = None,
        num_inference_steps: int | None = None,
        extra_fields: Mapping[str, str] | None = None,
    ) -> results.Look:
        """Change a model's clothes by an English prompt (API 2).

        `seed` is 0 to 2147483647, overridden by `randomize_seed=True`; `guidance_scale` 1 to 100
        (larger follows the prompt more closely) and `num_inference_steps` 1 to 50; what is not
        given is left to the service. With a ledger, equal calls are one, `randomize_seed` or not:
        give variations seeds of their own. `extra_fields` and errors as in `try_on`.
        """
        __tracebackhide__ = True  # as notebooks and pytest understand it
        return await self.run(
            requests.ChangeByPrompt(
                model=model,
                prompt=prompt,
                seed=seed,
                randomize_seed=randomize_seed,
                guidance_scale=guidance_scale,
                num_inference_steps=num_inference_steps,
                extra_fields={} if extra_fields is None else extra_fields,
            )
        )

    async def run(self, job: requests.Job) -> results.Look:
        """Make one call for a job, a `TryOn` or a `ChangeByPrompt`; errors as in `try_on`."""
        try:
            made, attempts = await self._caller.make(requests.checked(job))
        except errors.ChangeClothesError as error:
            # The message says it all; our own frames would fill a notebook's page, or a log's.
            raise error.with_traceback(None)  # noqa: B904 - the same error, and its own cause
        return results.Look(made.result_img_url, self._caller.fetcher, made, attempts)

    def picture(self, url: str) -> results.Picture:
        """Return the picture at a result's address, as named by an error, the log or a ledger.

        It is fetched when it is saved or asked for its bytes, as a look's are: over https and from
        public addresses only, else DownloadFailed. No call is made, and nothing is paid.
        """
        arguments.expect("url", url, "a result's address", str)
        return results.Picture(url, self._caller.fetcher)

    def as_completed(self, jobs: pool.Jobs) -> AsyncGenerator[results.Outcome]:
        """Make many calls, at most `max_concurrency` at once; yield outcomes as they come.

        `jobs` is any iterable or async iterable, read lazily: at most `max_concurrency` jobs are
        read whose outcomes were not taken yet. One failure never loses the others; an AccountError
        ends the reading, since no other job can succeed. Leaving early drops what was not sent.
        """
        checks.jobs(jobs)
        return pool.as_completed(self._patient.run, jobs, self._caller.options.max_concurrency)

    async def gather(self, jobs: pool.Jobs) -> list[results.Outcome]:
        """Make many calls and return their outcomes in the order of the jobs, which must end.

        Jobs that were not started because the account was refused end as BatchStopped. What the
        iterable raises is raised here once the calls under way have arrived; what was paid is in
        its notes (`__notes__`) and in the log. With `as_completed` you would have it already.
        """
        checks.jobs(jobs)
        return await pool.gather(self._patient.run, jobs, self._caller.options.max_concurrency)

    async def plan_grid(
        self,
        grid: Work,
        out: Out,
        *,
        retry_failed: bool = False,
        resend_unsure: bool = False,
    ) -> Plan:
        """Tell what `run_grid` would send, fetch and leave alone; nothing is sent or changed."""
        from changeclothes_async.bulk.run import making, planning

        checks.work(grid)
        checks.switches(retry_failed=retry_failed, resend_unsure=resend_unsure)
        wishes = planning.Wishes(retry_failed, resend_unsure)
        return await making.plan(grid, out, self._caller, wishes)

    async def run_grid(
        self,
        grid: Work,
        out: Out,
        *,
        progress: bool | Bar = False,
        max_calls: int | None = None,
        retry_failed: bool = False,
        resend_unsure: bool = False,
        on_event: OnEvent | None = None,
        masks: bool = True,
        gallery: bool = True,
        cluster: Where | None = None,
    ) -> Lookbook:
        """Make every cell of a grid into the folder `out`, each paid at most once.

        `out` gets the pictures, `masks/`, `index.html` (the gallery) and `ledger.db`. Run it again
        to go on: only what is missing is sent. `max_calls` is a budget, counted in claims and
        never exceeded. Failed cells are sent again only with `retry_failed`, unsure ones only with
        `resend_unsure` (they may then be paid twice). The first Ctrl-C or SIGTERM lets what is
        paid for arrive, the second stops at once.

        `out` may also be an address that fsspec knows, such as `s3://bucket/lookbook`; its ledger
        is then in a folder of the working directory, here `s3-bucket-lookbook`, without which
        nothing more is sent to that place.

        With a `cluster` (a dask scheduler's address, a `distributed.Client`, "local" or a number
        of processes) its workers make the calls; ledger, budget and limits stay here and hold for
        all of them.

        Never raises for a cell: see `lookbook.failed`, `lookbook.unsure` and `lookbook.stopped`.
        Raises InvalidInput, NotAnImage, MissingExtra, ClusterFailed, LedgerError, and SaveFailed
        where `out` cannot be used, before anything is sent; later only a LedgerError, if the
        ledger fails, and whatever `on_event` raised, as it is. What is on the wire still arrives.
        """
        from changeclothes_async.bulk.progress import bars
        from changeclothes_async.bulk.run import making, planning, runner

        checks.work(grid)
        checks.listener(on_event)
        checks.switches(
            retry_failed=retry_failed, resend_unsure=resend_unsure, masks=masks, gallery=gallery
        )
        terms = runner.Terms(
            wishes=planning.Wishes(retry_failed, resend_unsure),
            max_calls=checks.budget(max_calls),
            cluster=cluster,
            masks=masks,
            gallery=gallery,
            on_event=self._caller.listener.beside(on_event),
            bar=bars.bar_for(progress),
        )
        return await making.run(grid, out, self._caller, terms)

    async def plan_batch(self, jobs: BatchJobs, out: Out, **wishes: Unpack[PlanOptions]) -> Plan:
        """Tell what `run_batch` would do, as `plan_grid` does for a grid."""
        from changeclothes_async.bulk.work import batches

        return await self.plan_grid(batches.batch(jobs), out, **wishes)

    async def run_batch(self, jobs: BatchJobs, out: Out, **options: Unpack[RunOptions]) -> Lookbook:
        """Make a list of jobs, or those of a .csv or .jsonl file, as `run_grid` makes a grid.

        A file's columns are the jobs' arguments, and `name` to name a cell;
        relative paths are relative to the file. Takes the options of `run_grid`. Raises
        InvalidInput naming every bad row before anything is sent.
        """
        from changeclothes_async.bulk.work import batches

        return await self.run_grid(batches.batch(jobs), out, **options)
