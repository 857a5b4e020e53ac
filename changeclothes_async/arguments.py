"""Checks the types of arguments, and refuses them in words that do not repeat them.

Rules of this file:

* A wrong argument may be the key in the wrong place: errors name its type, never its value.
* Other libraries' objects are known by their attributes, so that nothing is imported to check them.
"""

from __future__ import annotations

import functools
import os
import re
import traceback
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Final, Literal, ParamSpec, TypeVar

from changeclothes_async import errors

P = ParamSpec("P")
T = TypeVar("T")

_ADDRESS = re.compile(r"\w[\w+.:-]+:[/\\]")  # one may lead to another; a drive has one letter


class Unchanged(Enum):
    """The type of `UNCHANGED`."""

    UNCHANGED = "unchanged"

    def __repr__(self) -> str:
        return "unchanged"


UNCHANGED: Final[Literal[Unchanged.UNCHANGED]] = Unchanged.UNCHANGED
"""Stands for an argument that was not given, where None has a meaning of its own."""


def expect(
    name: str, value: object, give: str, *kinds: type, has: tuple[str, ...] | None = None
) -> None:
    """Raise InvalidInput, which says what to `give`, for a value of another kind.

    A value passes that is of one of the `kinds`, or that has all of the attributes in `has`.
    """
    if isinstance(value, kinds) or (has and all(hasattr(value, each) for each in has)):
        return
    raise errors.InvalidInput(
        f"{name} is of type {type(value).__name__}, which is not accepted.",
        next_step=f"Give {give}.",
    )


def local(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that is written on this machine; raises InvalidInput for others.

    An address, or a `~`, would become a folder of that name without a word.
    """
    expect("path", path, "a path", str, os.PathLike)
    if is_address(path):
        raise errors.InvalidInput(
            f"{path} is an address, not a path.",
            next_step="Give a local path, and copy the file afterwards.",
        )
    return Path(_at_home(path))


def _at_home(path: str | os.PathLike[str]) -> str:
    try:
        return os.path.expanduser(os.fspath(path))  # noqa: PTH111 - Path fails for unknown homes
    except ValueError:  # no system knows a home of that name; whoever uses it says so
        return os.fspath(path)


def is_address(path: object) -> bool:
    """Tell an address from a path, also where a `Path` has made one slash of its two."""
    return bool(_ADDRESS.match(str(path)))


def absolute(path: str | os.PathLike[str]) -> str:
    """Return the path that is meant by one as users write it; `~name` stays where there is none.

    Raises InvalidInput for a relative one where the working directory was removed.
    """
    try:
        return os.path.abspath(_at_home(path))  # noqa: PTH100 - text by now
    except FileNotFoundError:
        failure = errors.InvalidInput(
            "A relative path leads nowhere: the working directory was removed.",
            next_step="Give an absolute path, or start the program in a folder that stays.",
        )
    raise failure


def shown(value: object) -> str:
    """Return a number, or the beginning of a string, in quotes."""
    try:
        return f"{value!r:.80}"
    except ValueError:  # Python spells no number of thousands of digits
        return "a number of thousands of digits"


def discreet(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function forget its arguments when it raises.

    Error reports show the local variables of every frame, and a constructor's are the key and the
    proxy's password: a refusal comes without its frames, all else with empty ones, and this one
    drops its arguments.
    """

    @functools.wraps(function)
    def forgetful(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except errors.ChangeClothesError as error:
            refusal: Exception = error.with_traceback(None)
        except Exception as error:  # such as the TypeError of an option that is misspelt
            traceback.clear_frames(error.__traceback__)
            refusal = error
        del args, kwargs
        # Raised outside the except block: no `__context__` leads back to the frames.
        raise refusal

    return forgetful
