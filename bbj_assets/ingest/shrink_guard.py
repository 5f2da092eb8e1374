"""The shrink guard: a source that would lose most of its documents keeps them until a person allows the loss.

An unmounted folder or a wrong path may be listed without an error, and have hardly any files. So a complete listing is
no proof that the documents were removed on purpose.
"""

from collections.abc import Collection

from bbj_assets.errors import ShrinkError
from bbj_assets.store.connection import Connection
from bbj_assets.store.documents import documents_of_items

_ALWAYS_ALLOWED = 20
"""The number of documents that may be lost from a source of any size."""


def lost_too_much(*, lost: int, before: int) -> bool:
    """Return whether a source that had `before` documents has lost more than half of them, and more than 20."""
    return lost > _ALWAYS_ALLOWED and lost * 2 > before


def refuse_great_loss(conn: Connection, source: str, listed: Collection[str]) -> None:
    """Refuse to delete the documents of a source that are no longer listed, if they are too many (`lost_too_much`).

    The whole source is compared, not the partitions of one run: a loss that is spread over several runs would look
    small to each of them.

    Args:
        listed: the keys of all items that the source has now.

    Raises:
        ShrinkError: the source would lose too many documents.
    """
    stored = documents_of_items(conn, source)
    before = sum(stored.values())
    lost = sum(documents for key, documents in stored.items() if key not in listed)
    if lost_too_much(lost=lost, before=before):
        raise ShrinkError(
            f"Source {source!r}: {lost} of its {before} documents are no longer there, which looks like a "
            "fault. Nothing was deleted. Check its paths; if the documents were removed on purpose, run "
            "bbj-ingest-all with --allow-shrink."
        )
