"""The partitions of a source: its sections, as its parser names them.

They are dynamic, because sections come and go with the documentation. One definition is shared by a source's
chunks and embeddings, so that one run covers both.
"""

from dagster import DagsterInstance, DynamicPartitionsDefinition

from bbj_assets.ingest.chunks import current_partitions
from bbj_assets.source import Source
from bbj_assets.store.connection import Connection


def sections(source: Source) -> DynamicPartitionsDefinition:
    """The partitions definition of a source."""
    return DynamicPartitionsDefinition(name=sections_name(source))


def sections_name(source: Source) -> str:
    """The name under which Dagster keeps the sections of a source."""
    return f"{source.group}_sections"


def register_sections(instance: DagsterInstance, conn: Connection, source: Source) -> list[str]:
    """Make Dagster know every section that the source or the store has; gives all keys, in Dagster's order.

    Raises:
        ListingError: the source cannot be listed; nothing was registered.
    """
    listed, stored = current_partitions(conn, source)
    name = sections_name(source)
    known = instance.get_dynamic_partitions(name)
    new = sorted((listed | stored) - set(known))
    if new:
        instance.add_dynamic_partitions(name, new)
    for key in set(known) - listed - stored:
        instance.delete_dynamic_partition(name, key)
    return list(instance.get_dynamic_partitions(name))
