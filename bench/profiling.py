"""Profile a 1 GB CSV and a Parquet file of 10 M rows in the jail, against DuckDB's bare SUMMARIZE of the same file.

Both have two threads and the same memory, and each is a process of its own. SUMMARIZE estimates distinct values and quantiles
and keeps nothing; the profile types the file over all rows, writes it as Parquet, and is exact. The last lines profile files
from 10 MB to 2 GB: the time of a megabyte stays the same.

BENCH_SIZE_MB sets another size than 1 GB, in megabytes; the other sizes follow.
"""

import json
import multiprocessing
import os
import tempfile
import time
from pathlib import Path

import duckdb

from marketplace.core import jail

SIZE_MB = int(os.environ.get("BENCH_SIZE_MB", "1000"))
MB = 1_000_000
ROWS_PER_MB = 14_000
THREADS, MEMORY = 2, "640MB"
LEAST_CSV, LEAST_PARQUET, MOST_RSS_MB, MOST_GROWTH = 0.5, 0.7, 1000, 1.5
_RUN = (
    "from jailed.profiling import main; import resource; main(data, out, requests());"
    "answer(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss).encode())"
)


def generate(path: Path, rows: int) -> None:
    """Write rows of a sale each: a number, a country, a customer, a price, a quantity, a day and an instant."""
    options = "HEADER" if path.suffix == ".csv" else "FORMAT parquet, COMPRESSION zstd"
    connect().execute(
        f"""
        COPY (
            SELECT i AS id, ['GB', 'DE', 'FR', 'US', 'ES'][1 + i % 5] AS country,
                'customer ' || (hash(i) % 1000000) AS name, round((hash(i * 7) % 100000000) / 1000.0, 3) AS price,
                (hash(i * 3) % 1000)::INTEGER AS quantity, DATE '2020-01-01' + (i % 1500)::INTEGER AS day,
                TIMESTAMP '2020-01-01' + to_seconds((i * 37) % 100000000) AS moment
            FROM range({rows}) r(i)
        ) TO '{path}' ({options})
        """
    )


def connect() -> duckdb.DuckDBPyConnection:
    """Return DuckDB with the threads and the memory that the jail has."""
    connection = duckdb.connect(config={"threads": THREADS, "memory_limit": MEMORY})
    connection.execute("SET enable_progress_bar = false")
    return connection


def _summarize(path: str) -> None:
    connect().execute(f"SUMMARIZE FROM '{path}'").fetchall()


def summarize(path: Path) -> float:
    """Return the seconds that a process takes which does nothing but SUMMARIZE."""
    process = multiprocessing.get_context("spawn").Process(target=_summarize, args=(str(path),))
    started = time.perf_counter()
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"SUMMARIZE of {path.name} failed")
    return time.perf_counter() - started


def profile(path: Path) -> tuple[float, int, int]:
    """Return the seconds from starting the jail to its answer, the rows, and the memory at its highest, MB."""
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        data, out = Path(place) / "data", Path(place) / "out"
        data.mkdir()
        os.link(path, data / "000000")
        for name in ("staged", "tables", "spill"):
            (out / name).mkdir(parents=True)
        files = [{"path": "000000", "name": path.name}]
        request = {"files": files, "declared": {}, "sorted_by": {}, "free_bytes": 10**11, "left_out": {}}
        limits = jail.Limits(cpu_s=3600, file_bytes=10**11, processes=16, open_files=1024)
        started = time.perf_counter()
        process = jail.start(run=_RUN, limits=limits, data=data, out=out)
        try:
            process.send(request)
            while "result" not in (answer := json.loads(process.receive(within_s=1800, most_bytes=jail.MIB))):
                pass
            taken = time.perf_counter() - started
            peak = int(process.receive(within_s=60, most_bytes=100)) // 1000
        finally:
            process.kill()
        (table,) = answer["result"]["tables"]
        return taken, table["row_count"], peak


def against(name: str, path: Path, rows: int, least: float) -> None:
    """Print one file's figures: the speed as a share of SUMMARIZE's, the better of two rounds each."""
    bare = min(summarize(path) for _ in range(2))
    runs = [profile(path) for _ in range(2)]
    ours, counted, _ = min(runs)
    peak = max(run[2] for run in runs)
    assert counted == rows, (counted, rows)
    print(
        f"profile of {name:<28} {ours:7.2f} s   SUMMARIZE {bare:7.2f} s   speed {bare / ours:5.2f} (at least {least})"
        f"   {rows / ours / 1e6:5.2f} M rows/s   {peak} MB (at most {MOST_RSS_MB})",
        flush=True,
    )


def growing(folder: Path) -> None:
    """Print the time of a megabyte for files of growing size."""
    times = []
    for size_mb in (SIZE_MB // 100, SIZE_MB // 10, SIZE_MB, 2 * SIZE_MB):
        path = folder / f"grow-{size_mb}.csv"
        generate(path, size_mb * ROWS_PER_MB)
        seconds, _, peak = profile(path)
        size = path.stat().st_size / MB
        path.unlink()
        times.append(seconds / size)
        print(f"growth: {size:7.0f} MB in {seconds:7.2f} s, {1000 * seconds / size:6.2f} ms/MB, {peak} MB", flush=True)
    print(f"growth from the second size to the last: {times[-1] / times[1]:.2f} (at most {MOST_GROWTH})", flush=True)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIRECTORY")) as place:
        folder = Path(place)
        rows = SIZE_MB * ROWS_PER_MB
        generate(folder / "sales.csv", rows)
        against(f"{(folder / 'sales.csv').stat().st_size / MB:,.0f} MB of CSV", folder / "sales.csv", rows, LEAST_CSV)
        (folder / "sales.csv").unlink()
        rows = SIZE_MB * 10_000
        generate(folder / "sales.parquet", rows)
        against(f"{rows / 1e6:,.0f} M rows of Parquet", folder / "sales.parquet", rows, LEAST_PARQUET)
        (folder / "sales.parquet").unlink()
        growing(folder)


if __name__ == "__main__":
    main()
