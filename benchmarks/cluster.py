"""What a cell costs on a cluster of two processes, against one process; and from where it pays."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import harness
from benchmarks.harness import Found, Samples
from benchmarks.report import Column, Table

_ONE, _TWO = "one process", "cluster=2"
_SIZES = {"addresses": 0, "two files of 100 kB": 100_000}
_UPLINKS = {"100 Mbit/s": 100e6, "1 Gbit/s": 1e9, "10 Gbit/s": 10e9}
_CALLS = (10, 30, 100)


def ask(rounds: int) -> Iterator[Table]:
    """Measure processor time of driver and workers, and wall time, a cell; then do the sums."""
    with harness.sink() as origin:
        for kind, size in _SIZES.items():

            def measure(where: str, size: int = size) -> Found:
                return harness.run("cluster_worker", origin, size, 2 if where == _TWO else 0)

            samples = harness.in_turn(rounds, [_ONE, _TWO], measure)
            columns = (
                Column("CPU of the driver", samples, "driver", "µs", _ONE),
                Column("CPU of the workers", samples, "workers", "µs"),
                Column("CPU of all", samples, "all", "µs", _ONE),
                Column("wall", samples, "wall", "µs", _ONE),
            )
            rows = {where: where for where in samples}
            yield Table(f"cluster-{size}", f"A cell on a cluster: {kind}", rows, columns)
            yield _sums(kind, size, samples)


def _sums(kind: str, size: int, samples: Samples) -> Table:
    """Say how many calls a second one machine can make, by its processor and by its uplink.

    A cluster pays from where more is wanted than the smaller of the two; what its driver spends on
    a cell is then what ends it. The service must allow as many in flight as rate times call time.
    """
    alone = 1e6 / harness.middle(samples, _ONE, "driver")
    driver = 1e6 / harness.middle(samples, _TWO, "driver")
    found: Samples = {}
    for uplink, bits in _UPLINKS.items():
        by_uplink = bits / 8 / (2 * size + 1_000)
        most = min(alone, by_uplink)
        in_flight = {f"flying{seconds}": most * seconds for seconds in _CALLS}
        found[uplink] = [{"cpu": alone, "uplink": by_uplink, "driver": driver, **in_flight}]
    columns = (
        Column("one process's CPU allows", found, "cpu", "calls/s"),
        Column("its uplink allows", found, "uplink", "calls/s"),
        *(
            Column(f"in flight then, calls of {seconds} s", found, f"flying{seconds}", "calls")
            for seconds in _CALLS
        ),
        Column("a cluster's driver allows", found, "driver", "calls/s"),
    )
    rows = {uplink: uplink for uplink in found}
    return Table(f"cluster-pays-{size}", f"From where a cluster pays: {kind}", rows, columns)
