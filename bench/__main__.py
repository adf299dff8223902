"""Run every measurement against a whole installation of its own and print the table."""

import os
import resource
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.parts import EXCHANGE  # starts the parts, and sets ENTREPOT_STATE

os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.settings.main"
import django

django.setup()

from django.utils import timezone  # noqa: E402

from jobs.operations import exports, lifecycle  # noqa: E402
from marketplace.core import storage  # noqa: E402
from marketplace.core.actors import Actor  # noqa: E402
from marketplace.core.models import Membership, User  # noqa: E402
from marketplace.core.operations.organizations import create_organization  # noqa: E402
from marketplace.core.operations.storage import create_storage_connection  # noqa: E402
from publishers.operations import data_sets, revisions  # noqa: E402

OBJECTS, OBJECT_BYTES, LARGE_BYTES, ROUNDS = 300, 100_000, 256 * 1024 * 1024, 3


def best(action: Callable[[], None], rounds: int = ROUNDS) -> float:
    """Return the shortest wall time of some rounds, seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return min(times)


def report(name: str, ours: float, peer: float, unit: str) -> None:
    """Print one line: how many times the peer's time we need; below 1 is better than the peer."""
    print(f"{name:<62} ours {ours:8.3f} {unit}   peer {peer:8.3f} {unit}   ratio {ours / peer:5.2f}", flush=True)


def member() -> tuple[Membership, Actor]:
    """Return the owner of a fresh organization."""
    user = User.objects.create_user(f"bench{time.time_ns()}@example.org", "a password for a bench")
    made = create_organization(name="Bench", owner=user, actor=Actor(kind="system"), at=timezone.now())
    return made, Actor(kind="user", user_id=user.pk, organization_id=made.organization_id)


def exporting_many_small_objects() -> None:
    """Our export with ledger and verification, against bare boto3 copy_object in 8 threads."""
    owner, actor = member()
    at = timezone.now()
    data_set = data_sets.create_data_set(owner=owner.organization, name="Bench", description="x", actor=actor, at=at)
    revision = revisions.create_revision(data_set=data_set, comment="", actor=actor, at=at)
    vault, keys = storage.vault(), []
    for number in range(OBJECTS):
        key = f"assets/bench-{revision.pk}-{number}"
        etag, digests = vault.write(key, iter([os.urandom(OBJECT_BYTES)]), content_type="text/csv")
        revisions.add_asset(
            revision=revision,
            asset_id=f"{revision.pk[:26]}{number:06d}",
            name=f"{number}.csv",
            digests=digests,
            etag=etag,
            vault_key=key,
            content_type="text/csv",
            actor=actor,
            at=at,
        )
        keys.append(key)
    revision = revisions.finalize_revision(revision=revision, actor=actor, at=at)
    bucket = f"bench-{time.time_ns()}"
    vault.make_sibling(bucket)
    store = EXCHANGE.endpoints["s3"]
    connection = create_storage_connection(
        organization=owner.organization,
        name="b",
        endpoint_url=store["endpoint_url"],
        region="us-east-1",
        bucket=bucket,
        access_key_id=store["access_key_id"],
        secret_access_key=store["secret_access_key"],
        actor=actor,
        at=at,
    )

    def ours() -> None:
        job = exports.create_export(
            organization=owner.organization,
            published_data_set=None,
            revision=revision,
            connection=connection,
            key_pattern=f"{time.time_ns()}/${{Asset.Name}}",
            actor=actor,
            at=timezone.now(),
        )
        job = lifecycle.start_job(job=job, actor=actor, at=timezone.now())
        exports.run_export(job=job)
        job.refresh_from_db()
        # the installation's own worker may have been faster to claim it: wait for the end either way
        while not job.is_final:
            time.sleep(0.01)
            job.refresh_from_db()

    def peer() -> None:
        target = f"peer-{time.time_ns()}"
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda key: vault.client.copy_object(
                        Bucket=bucket, Key=f"{target}/{key}", CopySource={"Bucket": vault.name, "Key": key}
                    ),
                    keys,
                )
            )

    report(f"export {OBJECTS} x 100 kB, same store, receipts incl. vs boto3 x8", best(ours), best(peer), "s")


def streaming_a_large_object() -> None:
    """Our checked stream, against boto3's get_object into upload_fileobj."""
    vault = storage.vault()
    block = os.urandom(storage.MIB)
    vault.write(
        "bench/large", (block for _ in range(LARGE_BYTES // len(block))), content_type="application/octet-stream"
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def ours() -> None:
        vault.write("bench/ours", vault.read("bench/large"), content_type="application/octet-stream")

    def peer() -> None:
        body = vault.client.get_object(Bucket=vault.name, Key="bench/large")["Body"]
        vault.client.upload_fileobj(body, vault.name, "bench/peer")

    ours_s = best(ours)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    report("stream 256 MiB with SHA-256 per part and whole vs boto3", ours_s, best(peer), "s")
    print(f"{'  memory grown while streaming':<62} {grown:.0f} MB of 300 MB allowed")
    for key in ("bench/large", "bench/ours", "bench/peer"):
        vault.delete(key)


if __name__ == "__main__":
    exporting_many_small_objects()
    streaming_a_large_object()
