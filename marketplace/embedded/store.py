"""The object store from the wheel: SeaweedFS with its S3 gateway, on loopback only, and the buckets in it."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from marketplace.embedded.part import Part, StartFailed
from marketplace.embedded.ports import GRPC_OFFSET, HOST, STORE_PORTS
from marketplace.embedded.state import MEDIA_BUCKET, REGION, VAULT_BUCKET, StateDirectory

#: The store makes as many volumes as the disk could hold, and no more: small ones, two instead of seven for each new bucket.
#: With 73 GB free, seven ended at 80 buckets; writes are as fast with two.
VOLUME_SIZE_LIMIT_MB = 128
VOLUMES_AT_ONCE = 2
PROBE_KEY = ".probe"


def weed() -> str:
    """Return the path of the SeaweedFS program, which the wheel puts beside the interpreter."""
    return str(Path(sys.executable).with_name("weed"))


def part(state: StateDirectory, origins: list[str]) -> Part:
    """Return the store with master, volume server, filer and S3 gateway in one process."""
    directory = state.path / "store"
    directory.mkdir(exist_ok=True, mode=0o700)
    credentials = {
        "accessKey": state.passwords["s3_access_key_id"],
        "secretKey": state.passwords["s3_secret_access_key"],
    }
    identity = {
        "name": "entrepot",
        "credentials": [credentials],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    state.write_text("store/identities.json", json.dumps({"identities": [identity]}))
    options = [
        *["-dir=.", f"-ip={HOST}", f"-ip.bind={HOST}"],
        *[f"-master.port={state.ports['store_master']}", f"-volume.port={state.ports['store_volume']}"],
        *["-filer", f"-filer.port={state.ports['store_filer']}", "-s3", f"-s3.port={state.ports['store_s3']}"],
        *["-s3.config=identities.json", "-s3.iam=false", f"-s3.allowedOrigins={','.join(origins)}"],
        # Relative to the working directory, as the path of a socket may not exceed 107 bytes.
        *["-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock"],
        # It reports to its maker and opens two more listeners unless told not to.
        *["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"],
        # Master and filer serve everybody on this machine without credentials over HTTP; gRPC is all we use of them.
        *["-disableHttp", "-filer.disableHttp"],
        # A lone master need not wait for others; with the default of 10 s every second start took 15 s longer.
        "-master.electionTimeout=1s",
        *["-volume.max=0", f"-master.volumeSizeLimitMB={VOLUME_SIZE_LIMIT_MB}", "-volume.preStopSeconds=0"],
    ]
    return Part(
        name="store",
        command=[weed(), "-logtostderr=true", "server", *options],
        directory=directory,
        # Its configuration files would otherwise be looked for in the home directory of whoever starts us.
        # Objects that are asked to be encrypted at rest (SSE-S3) are, under this key.
        environment=state.environment(
            "store",
            HOME=str(directory),
            WEED_S3_SSE_KEY=state.passwords["s3_encryption"],
            WEED_MASTER_VOLUME_GROWTH_COPY_1=str(VOLUMES_AT_ONCE),
        ),
        stop_timeout_s=17,  # it takes 15 s
    )


def forget_sockets(state: StateDirectory) -> None:
    """Remove the sockets that SeaweedFS opens at fixed places and leaves behind."""
    for name in STORE_PORTS:
        # The program has this directory built in.
        socket = f"/tmp/seaweedfs-{name.removeprefix('store_')}-grpc-{state.ports[name] + GRPC_OFFSET}.sock"  # noqa: S108
        Path(socket).unlink(missing_ok=True)


async def wait_until_ready(state: StateDirectory, timeout_s: float = 90) -> None:
    """Return when objects can be written; raise StartFailed when they cannot within timeout_s.

    Creates the buckets: a store that cannot yet place an object answers everything else. After a kill it needs 24 s.
    """
    deadline = asyncio.get_running_loop().time() + timeout_s
    client = _client(state)
    while True:
        try:
            await asyncio.to_thread(_write_probe, client)
        except (BotoCoreError, ClientError) as error:
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(
                    f"The object store does not answer; see {state.logs / 'store.log'}. {error}"
                ) from None
            await asyncio.sleep(0.3)
        else:
            return


async def configure(state: StateDirectory, origins: list[str]) -> None:
    """Let the pages' origins use presigned URLs of the vault, and have every write to our buckets reach the disk."""
    rule = {
        "AllowedOrigins": origins,
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 600,
    }
    client = _client(state)
    await asyncio.to_thread(client.put_bucket_cors, Bucket=VAULT_BUCKET, CORSConfiguration={"CORSRules": [rule]})
    lines = [f"fs.configure -locationPrefix=/buckets/{name}/ -fsync -apply\n" for name in (VAULT_BUCKET, MEDIA_BUCKET)]
    shell = await asyncio.create_subprocess_exec(
        *[
            weed(),
            "shell",
            f"-master={HOST}:{state.ports['store_master']}",
            f"-filer={HOST}:{state.ports['store_filer']}",
        ],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=state.path / "store",
        env=state.environment("store-shell", HOME=str(state.path / "store")),
    )
    try:
        output, _ = await asyncio.wait_for(shell.communicate("".join(lines).encode()), timeout=30)
    except BaseException as error:
        shell.kill()
        await shell.wait()
        if isinstance(error, TimeoutError):
            raise StartFailed("The object store's shell did not answer within 30 s.") from None
        raise
    applied = output.decode(errors="replace")
    if shell.returncode != 0 or not all(f"/buckets/{name}/" in applied for name in (VAULT_BUCKET, MEDIA_BUCKET)):
        raise StartFailed(f"The object store refused its configuration: {applied.strip()}")


def _write_probe(client: Any) -> None:
    for bucket in (VAULT_BUCKET, MEDIA_BUCKET):
        with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=bucket)
        client.put_object(Bucket=bucket, Key=PROBE_KEY, Body=b"ready")
        client.delete_object(Bucket=bucket, Key=PROBE_KEY)


def _client(state: StateDirectory) -> Any:
    session = botocore.session.Session()
    session.set_credentials(state.passwords["s3_access_key_id"], state.passwords["s3_secret_access_key"])
    settings = Config(
        s3={"addressing_style": "path"},
        proxies={},
        retries={"mode": "standard", "total_max_attempts": 1},
        connect_timeout=2,
        read_timeout=10,
    )
    endpoint = f"http://{HOST}:{state.ports['store_s3']}"
    return session.create_client("s3", region_name=REGION, endpoint_url=endpoint, config=settings)
