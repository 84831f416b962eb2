"""Pages into files: whole or not at all."""

from __future__ import annotations

import contextlib
import os
import pathlib
import secrets

from ..._errors import KernelcError


def write_page(path: str | os.PathLike[str], text: str) -> None:
    """Write a UTF-8 file in one step: whoever reads it finds the old page or the new one.

    Arguments:
        path: where to; its folder must exist.
        text: the page.

    Raises:
        KernelcError: the file cannot be written.
    """
    try:
        # What a link points at is replaced, not the link.
        target = pathlib.Path(os.path.realpath(path))
        if target.exists() and not target.is_file():
            # A device or pipe is written to; a folder refuses.
            target.write_text(text, encoding="utf-8")
            return
        beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
        try:
            with beside.open("x", encoding="utf-8") as file:
                file.write(text)
            beside.replace(target)
        finally:
            with contextlib.suppress(OSError):
                beside.unlink()
    except (OSError, TypeError, ValueError) as error:
        raise KernelcError(
            where=str(path),
            found=f"a page that cannot be written ({error})",
            law="pages are written into a folder that exists and can be written to",
            remedy="choose another path, such as 'report.html'",
        ) from error
