"""Images, drawn anew: what is stored is the pixels that Pillow decoded, and nothing else of the uploaded file."""

from __future__ import annotations

import io
import warnings
from typing import Any, Final

from PIL import Image, ImageOps

from services.errors import InvalidInput

MAX_PIXELS: Final = 40_000_000  # of all frames together; decoded, they are held in memory
FORMATS: Final = {
    "PNG": ("image/png", ".png"),
    "JPEG": ("image/jpeg", ".jpg"),
    "WEBP": ("image/webp", ".webp"),
    "GIF": ("image/gif", ".gif"),
}

# What a format can hold without a conversion; the first mode is what others become.
_MODES: Final = {
    "PNG": ("RGBA", "RGB", "L", "LA", "P", "1", "I;16"),
    "JPEG": ("RGB", "L"),
    "WEBP": ("RGBA", "RGB"),
    "GIF": ("RGBA", "RGB", "P", "L", "1"),
}
# How a frame is shown; everything else that a file says of itself (place, camera, comments, profiles) is left out.
_KEPT_FACTS: Final = ("transparency", "duration", "loop", "disposal")


def redraw(data: bytes) -> tuple[bytes, str]:
    """The same picture encoded anew, and its format (a key of FORMATS).

    A page, an archive or a script appended to or hidden in the file is gone afterwards, and so are its metadata; the
    turn that a camera noted is applied first. Raises InvalidInput for what is damaged, too large or no such image.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            _verify(data)
            with Image.open(io.BytesIO(data), formats=list(FORMATS)) as image:
                _refuse_large(image)
                return _encoded(image), str(image.format)
    except InvalidInput:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_large() from error
    except Exception as error:  # decoders raise whatever a broken file leads them to
        raise InvalidInput("This image is damaged and cannot be read.") from error


def _verify(data: bytes) -> None:
    with Image.open(io.BytesIO(data), formats=list(FORMATS)) as image:
        _refuse_large(image)
        image.verify()


def _refuse_large(image: Image.Image) -> None:
    """By what the header says, before anything is decoded."""
    if image.width * image.height * getattr(image, "n_frames", 1) > MAX_PIXELS:
        raise _too_large()


def _too_large() -> InvalidInput:
    limit = MAX_PIXELS // 1_000_000
    return InvalidInput(f"An image holds up to {limit} megapixels in all its frames; this one has more.")


def _encoded(image: Image.Image) -> bytes:
    form = str(image.format)
    sink = io.BytesIO()
    frames = [_clean(image, form, index) for index in range(getattr(image, "n_frames", 1))]
    options: dict[str, Any] = {"quality": 92} if form in ("JPEG", "WEBP") else {}
    if len(frames) > 1 and form != "JPEG":
        options |= {"save_all": True, "append_images": frames[1:], "loop": image.info.get("loop", 0)}
        options |= {"duration": [int(f.info.get("duration", 100)) for f in frames]}
    frames[0].save(sink, form, **options)
    return sink.getvalue()


def _clean(image: Image.Image, form: str, index: int) -> Image.Image:
    if index:
        image.seek(index)
    image.load()
    drawn = ImageOps.exif_transpose(image)
    if drawn.mode not in _MODES[form]:
        drawn = drawn.convert(_MODES[form][0])
    clean = drawn.copy()
    clean.info = {k: drawn.info[k] for k in _KEPT_FACTS if k in drawn.info}
    return clean
