"""Makes photographs fit to be sent: upright, and no edge over a limit; in worker threads.

Rules of this file:

* A JPEG, PNG or WebP that is upright and small enough is sent byte for byte as it was.
* So is what has several frames or a grey of sixteen bits, and what Pillow cannot read.
* All else becomes a JPEG; a PNG where it has transparency; a WebP stays one.
"""

from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec
from typing import Any

from changeclothes_async import arguments, errors
from changeclothes_async.protocol import formats, images, multipart
from changeclothes_async.transport import files

EDGE = 2048
"""The longest edge, in pixels, that `prepare=True` stands for."""

_ORIENTATION = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_STAYS = {"JPEG", "MPO", "PNG", "WEBP"}  # a telephone's JPEG with a second picture is an MPO
_KEEPS_PROFILE = {"L", "P", "RGB", "RGBA"}
_QUALITY = 90
_MOST = 250_000_000
"""The most pixels of a JPEG, which is decoded small; of others Pillow's own limit holds."""


def edge(prepare: bool | int) -> int | None:
    """Return the longest edge that is asked for, None for none.

    Raises InvalidInput for what is no edge, and MissingExtra where there is no Pillow.
    """
    if prepare is False:
        return None
    longest = EDGE if prepare is True else prepare
    give = "True, or the longest edge in pixels from 64 to 65535"
    arguments.expect("prepare", longest, give, int)
    if not 64 <= longest <= 65_535:
        raise errors.InvalidInput(
            f"prepare={arguments.shown(longest)} is not accepted.", next_step=f"Give {give}."
        )
    if not find_spec("PIL"):
        raise errors.missing_extra("Preparing photographs needs Pillow", "pictures")
    return longest


def prepared(picture: multipart.Part, longest: int, what: str) -> multipart.Part:
    """Return a picture upright and with no edge over `longest`; itself where it is so already.

    `what` it is is said in errors: NotAnImage for a broken or huge one, MissingExtra for HEIC
    without its reader.
    """
    from PIL import Image, UnidentifiedImageError

    if picture.format.mime == "image/heic":
        _read_heic(what)
    content = picture.content
    source = io.BytesIO(content.data) if isinstance(content, images.Bytes) else content.path
    try:
        with _opened(source, picture.format) as image:
            data = _encoded(image, longest)
    except UnidentifiedImageError:
        return picture
    except Image.DecompressionBombError:
        failure = errors.NotAnImage(
            f"{what} has too many pixels to be prepared.",
            next_step="Scale it down, or leave out prepare=….",
        )
    except Exception as error:  # Pillow's codecs raise whatever they like
        failure = errors.NotAnImage(
            f"{what} cannot be prepared ({error}).",
            next_step="Give a whole one, or leave out prepare=….",
        )
    else:
        if data is None:
            return picture
        made_of = hashlib.sha256(f"edge {longest} ".encode() + _digest(picture)).digest()
        return multipart.Part(images.Bytes(data, made_of), formats.checked(data, what))
    raise failure


def _digest(picture: multipart.Part) -> bytes:
    content = picture.content
    if isinstance(content, images.Bytes):
        return content.digest
    return files.digested(content.path, content.stamp)


def _opened(source: Any, kind: formats.Format) -> Any:
    """Open a picture; a telephone's JPEG may have more pixels than Pillow's limit for all."""
    from PIL import Image, JpegImagePlugin, UnidentifiedImageError

    if kind.mime != "image/jpeg":
        return Image.open(source)
    try:
        image = JpegImagePlugin.JpegImageFile(source)
    except SyntaxError:  # Pillow's own word for it
        raise UnidentifiedImageError from None
    if image.width * image.height > _MOST:
        raise Image.DecompressionBombError
    return image


def _encoded(image: Any, longest: int) -> bytes | None:
    """Encode it anew, without its metadata; None where it can stay as it is."""
    several = getattr(image, "n_frames", 1) > 1 and image.format != "MPO"
    if several or image.mode.startswith(("I", "F")):  # sixteen bits would be cut to eight
        return None
    if not _turn(image) and max(image.size) <= longest and image.format in _STAYS:
        return None
    profile = image.info.get("icc_profile") if image.mode in _KEEPS_PROFILE else None
    clear = image.has_transparency_data
    form = "WEBP" if image.format == "WEBP" else "PNG" if clear else "JPEG"
    mode = "RGBA" if clear else "L" if image.mode == "L" else "RGB"
    image = image if image.mode == mode else image.convert(mode)
    image.thumbnail((longest, longest))  # before it is turned: a JPEG is then decoded small
    file = io.BytesIO()
    terms = {} if form == "PNG" else {"quality": _QUALITY}
    upright(image).save(file, form, icc_profile=profile, **terms)
    return file.getvalue()


def upright(image: Any) -> Any:
    """Return a PIL image turned as its metadata wants it; itself where nothing is to be turned."""
    from PIL import Image

    image.load()  # which turns a TIFF already
    turn = _turn(image)
    return image.transpose(Image.Transpose[turn]) if turn else image


def _turn(image: Any) -> str | None:
    """Name what turns it upright. Not by Pillow's ImageOps, which broken metadata make fail."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION))
    except Exception:  # Pillow's reader of metadata raises whatever it likes
        return None


def _read_heic(what: str) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        raise errors.missing_extra(f"{what} is HEIC, and preparing it needs", "heic") from None
    register_heif_opener()
