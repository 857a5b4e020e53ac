"""A run's calls carried by the workers of a dask cluster; what is paid is decided at home.

Here the driver of a run sends single attempts to agents, one in each worker. No cell is a task of
the scheduler's, so nothing that the scheduler does can send one again. Claims, limits, retries and
the ledger stay where they are for one machine; the engine itself is known to `engine` alone.
"""
