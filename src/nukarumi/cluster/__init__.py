"""Past one machine, on Ray: tables that are sharded over actors."""

from nukarumi.cluster.table import ShardedTable, TableError

__all__ = ["ShardedTable", "TableError"]
