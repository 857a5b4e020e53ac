"""Reads a file of jobs, CSV or JSONL.

Its columns are the jobs' arguments (`model`, `garment`, `category`, … or `model`, `prompt`, …) and,
if wished, `name`; relative paths are relative to the file. A CSV's separator is the one that its
header is written with. A bad header is named once, and every bad row with its line number, before
anything is sent.
"""

from __future__ import annotations

import csv
import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from changeclothes_async import errors
from changeclothes_async.bulk import names
from changeclothes_async.bulk.work import works
from changeclothes_async.protocol import images, requests, texts

_SHOWN = 10
_RENAME = "Name it .csv if it is a table: commas, semicolons and tabs are all read."
_SPREADSHEET = "Save the table from the spreadsheet as a .csv; in Excel: Save as 'CSV UTF-8'."
_SAVE_AS = {
    ".txt": _RENAME,
    ".tsv": _RENAME,
    ".json": "Write a .jsonl file, with the JSON object of one job on each line.",
    **dict.fromkeys((".xls", ".xlsx", ".ods", ".numbers"), _SPREADSHEET),
}
_NEEDED = ("model", "garment", "category", "prompt")
_COLUMNS = [
    name
    for name in ("name", *requests.TryOn.model_fields | requests.ChangeByPrompt.model_fields)
    if name != "extra_fields"  # no text in a cell is a mapping
]


def read(path: Path) -> list[tuple[str, requests.Job]]:
    """Return the jobs of a file with their names. Raises InvalidInput."""
    readers = {".csv": _csv_rows, ".jsonl": _json_rows, ".ndjson": _json_rows}
    rows_of = readers.get(path.suffix.lower())
    if rows_of is None:
        raise errors.InvalidInput(
            f"{texts.path(str(path))} is neither .csv nor .jsonl.",
            next_step=_SAVE_AS.get(path.suffix.lower(), "Give a file of one of these."),
        )
    jobs, bad = [], []
    for line, row in _rows(path, rows_of):
        try:
            jobs.append(_job(row, line, path.parent))
        except errors.InvalidInput as error:
            bad.append(f"line {line}: {error.message}{_accepted(error)}")
    if not jobs and not bad:
        raise errors.InvalidInput(f"{path} holds no jobs.", next_step="Write a job on each line.")
    if bad:
        more = f"\n… and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        raise errors.InvalidInput(
            f"{path} has {names.counted(len(bad), 'bad row')}:\n"
            + "\n".join(bad[:_SHOWN])
            + more
            + "\n",
            next_step=f"Fix {'it' if len(bad) == 1 else 'them'} and run it again; "
            "nothing was sent.",
        )
    return jobs


def _accepted(error: errors.InvalidInput) -> str:
    """Say what would be accepted, where it was said for this one and not in Python's terms."""
    step = str(vars(error).get("next_step", ""))
    return "" if not step or "=…" in step else f" {step.replace('; nothing was sent', '')}"


def _rows(path: Path, rows_of: Any) -> Iterator[tuple[int, Any]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from rows_of(file)
        return
    except FileNotFoundError:
        failure = errors.InvalidInput(
            f"{path.absolute()} does not exist.", next_step="Give a .csv or .jsonl file's path."
        )
    except UnicodeDecodeError:
        failure = errors.InvalidInput(
            f"{path.absolute()} cannot be read (it is not UTF-8).",
            next_step="Save it as UTF-8. In Excel: Save as 'CSV UTF-8'.",
        )
    except csv.Error as error:
        failure = errors.InvalidInput(
            f"{path.absolute()} cannot be read ({error}).",
            next_step="Give pictures by path or URL. Data URIs go into a .jsonl file.",
        )
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        failure = errors.InvalidInput(
            f"{path.absolute()} cannot be read ({why}).", next_step="Give a readable UTF-8 file."
        )
    raise failure


def _csv_rows(file: TextIO) -> Iterator[tuple[int, Any]]:
    head = file.readline()
    if not head:
        return
    # Looked at rather than sniffed: texts and paths may hold any separator, the header holds one.
    separator = max(",;\t", key=head.count)
    reader = csv.DictReader(chain([head], file), delimiter=separator, skipinitialspace=True)
    reader.fieldnames = [name.strip().lower() for name in reader.fieldnames or ()]
    _check_header(file.name, reader.fieldnames)
    for row in reader:
        # A spreadsheet writes separators for what is empty, whole rows and further columns too.
        if given := {key: value for key, value in row.items() if any(value or ())}:
            yield reader.line_num, given


def _check_header(path: str, found: Sequence[str]) -> None:
    unknown = [name for name in found if name and name not in _COLUMNS]
    twice = [name for name in _COLUMNS if found.count(name) > 1]
    is_whole = "model" in found and ({"garment", "category"} <= {*found} or "prompt" in found)
    if is_whole and not unknown and not twice:
        return
    near = {name: difflib.get_close_matches(name, _COLUMNS, 1, 0.7) for name in unknown[:_SHOWN]}
    strange = [name for name in unknown if not near.get(name)]
    raise errors.InvalidInput(
        f"{path} has a header that cannot be used.\n"
        f"found: {_listed(found)}\n"
        "needed: model, garment, category; or model, prompt\n"
        f"also known: {', '.join(name for name in _COLUMNS if name not in _NEEDED)}\n"
        + "".join(f"{name!r}: did you mean {one[0]!r}?\n" for name, one in near.items() if one)
        + (f"not known: {_listed(strange)}\n" if strange else "")
        + (f"more than once: {_listed(twice)}\n" if twice else ""),
        next_step="Let the first line name the columns; nothing was sent.",
    )


def _listed(found: Sequence[str]) -> str:
    return works.listed([repr(name[:40]) for name in found], _SHOWN)


def _json_rows(file: Iterable[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, error


def _job(row: Any, line: int, folder: Path) -> tuple[str, requests.Job]:
    if not isinstance(row, dict):
        raise errors.InvalidInput(f"it is not a JSON object ({str(row)[:80]})")
    if None in row:
        raise errors.InvalidInput("it has more values than the header has columns")
    fields = {str(key).strip(): value for key, value in row.items() if value is not None}
    name = str(fields.pop("name", "")) or f"line-{line:04}"
    kind = _kind(fields)
    for picture in ("model", "garment"):
        if isinstance(fields.get(picture), str):
            fields[picture] = _beside(images.of(fields[picture].strip()), fields[picture], folder)
    return name, kind(**fields)


def _kind(fields: Mapping[str, Any]) -> type[requests.TryOn | requests.ChangeByPrompt]:
    """Tell which job a row is; refuse in a table's words what is missing, unknown or too much."""
    for key in fields:
        if not key:
            raise errors.InvalidInput(
                "it has a value in a column without a name.", next_step="Name it, or leave it out."
            )
        if key not in _COLUMNS and key != "extra_fields":
            near = difflib.get_close_matches(key.lower(), _COLUMNS, 1, 0.7)
            raise errors.InvalidInput(
                f"{key[:40]!r} is not known" + (f"; did you mean {near[0]!r}?" if near else "."),
                next_step="" if near else f"Use {', '.join(_COLUMNS)}.",
            )
    if ("prompt" in fields) == ("garment" in fields):
        has = "both a garment and a prompt" if "prompt" in fields else "no garment and no prompt"
        raise errors.InvalidInput(f"it has {has}.", next_step="A job is made of one of the two.")
    kind, given, other = (
        (requests.ChangeByPrompt, "prompt", "garment")
        if "prompt" in fields
        else (requests.TryOn, "garment", "prompt")
    )
    for key in fields:
        if key not in kind.model_fields:
            raise errors.InvalidInput(f"{key} goes with a {other}, and this row has a {given}.")
    for key, field in kind.model_fields.items():
        if field.is_required() and key not in fields:
            raise errors.InvalidInput(f"it has no {key}.")
    return kind


def _beside(image: images.Image, text: str, folder: Path) -> images.Image:
    """Read a relative path against the file's folder; and find out now whether it is there."""
    if not isinstance(image, images.File):
        return image
    path = os.path.expanduser(text.strip())  # noqa: PTH111 - Path fails for unknown homes
    found = folder / path
    if not os.path.isfile(found):  # noqa: PTH113 - Path fails for a name too long to be one
        hint = "" if found == Path(path) else " (relative paths are relative to this file)"
        raise errors.NotAnImage(f"{texts.path(str(found))} is not a file{hint}.")
    return images.File(os.path.normpath(found))
