"""A list of jobs as work for a run: from an iterable, or a file of jobs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from changeclothes_async import errors
from changeclothes_async.bulk import names, placing
from changeclothes_async.bulk.work import job_files, works
from changeclothes_async.protocol import requests


class Batch:
    """Jobs with names, one per row; see `works.Work`."""

    def __init__(self, jobs: Iterable[tuple[str, requests.Job]]) -> None:
        named = list(jobs)
        if not named:
            raise errors.InvalidInput("There are no jobs.", next_step="Give at least one.")
        self._jobs = [job for _, job in named]
        given = names.distinct((name, str(number)) for number, (name, _) in enumerate(named))
        self.rows: Sequence[works.Item] = [
            works.Item(name, job.pictures()[0][1])  # the model's, in every job
            for name, job in zip(given, self._jobs, strict=True)
        ]
        self.columns: Sequence[works.Item] = [works.Item("")]

    def __len__(self) -> int:
        return len(self._jobs)

    def job(self, row: int, column: int) -> requests.Job:
        """Return the job of a row."""
        del column
        return self._jobs[row]

    async def examine(self, examine: works.Examine) -> None:
        """Look at every picture once; raises NotAnImage, which names all rows where one is none."""
        refused: list[errors.NotAnImage] = []
        # A new list, since a lookbook of an earlier run has the old one.
        self._jobs = [
            await _examined(item.name, job, examine, refused)
            for item, job in zip(self.rows, self._jobs, strict=True)
        ]
        works.refuse(refused)


async def _examined(
    name: str, job: requests.Job, examine: works.Examine, refused: list[errors.NotAnImage]
) -> requests.Job:
    pictures = {argument: getattr(job, argument) for argument in job.picture_names}
    try:
        given = {argument: await examine(image) for argument, image in pictures.items()}
    except errors.NotAnImage as error:
        refused.append(errors.NotAnImage(f"{name}: {error.message}", next_step=error.next_step))
        return job
    return job.model_copy(update=given)


def batch(jobs: str | os.PathLike[str] | Iterable[requests.Job]) -> Batch:
    """Make a batch of a .csv or .jsonl file's path, or of jobs. Raises InvalidInput."""
    if isinstance(jobs, str | os.PathLike):
        return Batch(job_files.read(placing.named(jobs)))
    if not isinstance(jobs, Iterable) or isinstance(jobs, bytes | Mapping | requests.Job):
        raise errors.InvalidInput(
            f"{type(jobs).__name__} is not a batch.",
            next_step="Give the path of a .csv or .jsonl file, or jobs; a Grid goes to run_grid.",
        )
    return Batch((f"{number:04}", requests.checked(job)) for number, job in enumerate(jobs, 1))
