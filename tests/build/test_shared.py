"""A store that machines share: against a real S3 server, that is killed, slow, full, or answers wrongly."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from optkit import Store, StoreError
from optkit.build import claims, shared
from optkit.build.claims import Watched, claim, held
from optkit.build.cleaning import damages, remove
from optkit.build.cleaning import held as entries_of
from optkit.build.remote import Bucket, Unreachable
from optkit.build.shared import READ_ONLY, SharedStore, SharedStoreWarning, open_store

moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'optkit[dev]'")
pytest.importorskip("obstore", reason="obstore is not installed: pip install 'optkit[shared]'")

KEY, OTHER = "a" * 64, "b" * 64
URL = "s3://bucket/optkit"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    import boto3

    running = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    address = f"http://127.0.0.1:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=address, region_name="us-east-1")
    client.create_bucket(Bucket="bucket")
    for one in client.list_objects_v2(Bucket="bucket").get("Contents", []):  # of the test before
        client.delete_object(Bucket="bucket", Key=one["Key"])
    running.client = client
    yield running
    running.stop()


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], SharedStore]:
    """Return what opens the shared store on a machine of that name, with a cache of its own."""

    def opened(name: str) -> SharedStore:
        monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(tmp_path / name))
        found = open_store(URL)
        assert isinstance(found, SharedStore)
        return found

    return opened


class Maker:
    """Makes an entry, and counts how often."""

    def __init__(self, content: bytes = b"model", seconds: float = 0.0) -> None:
        self.content, self.seconds, self.times = content, seconds, 0

    def __call__(self, path: Path) -> Mapping[str, Any]:
        self.times += 1
        time.sleep(self.seconds)
        path.write_bytes(self.content)
        return {"label": "train"}


def test_what_one_machine_made_another_one_gets(server: Any, machine: Callable[[str], SharedStore]) -> None:
    make = Maker(b"\n\0model\n" * 1000)
    first, second = machine("one"), machine("two")
    made = first.get(KEY, make, "model.h5")
    got = second.get(KEY, make, "model.h5")
    assert (make.times, got) == (1, made)
    assert second.path(got).read_bytes() == make.content
    assert second.root != first.root
    assert machine("three").find(OTHER) is None


def test_two_machines_at_a_time_make_an_entry_once(
    server: Any, machine: Callable[[str], SharedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "_POLL_SECONDS", 0.05)
    make = Maker(seconds=0.5)
    stores = [machine(name) for name in ("one", "two", "three")]
    threads = [threading.Thread(target=store.get, args=(KEY, make, "model.h5")) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert make.times == 1
    assert all(Store(store.root).find(KEY) for store in stores)
    assert not list(stores[0].bucket.listed("claims"))  # given back


def test_a_claim_is_taken_over_only_when_it_no_longer_changes(server: Any) -> None:
    bucket = Bucket(URL)
    version = claim(bucket, "claims/x", None)
    assert isinstance(version, str)
    with held(bucket, "claims/x", version, lease=0.4):
        watched = claim(bucket, "claims/x", None)
        until = time.monotonic() + 1.2
        while time.monotonic() < until:  # the holder lives: three leases long nobody gets it
            assert isinstance(watched, Watched)
            watched = claim(bucket, "claims/x", watched, lease=0.4)
            time.sleep(0.02)
    mine = claim(bucket, "claims/x", None)
    assert isinstance(mine, str)
    # its holder has died
    watched = claim(bucket, "claims/x", None)
    assert isinstance(watched, Watched)
    assert claim(bucket, "claims/x", watched, lease=60) == watched
    assert isinstance(claim(bucket, "claims/x", watched, lease=0.0), str)
    assert isinstance(claim(bucket, "claims/x", watched, lease=0.0), Watched)  # another one was quicker


def test_a_server_that_is_killed_ends_nothing(server: Any, machine: Callable[[str], SharedStore]) -> None:
    store = machine("one")
    server.stop()
    make = Maker()
    with pytest.warns(SharedStoreWarning, match="going on with .* alone"):
        made = store.get(KEY, make, "model.h5")
    assert (make.times, store.path(made).read_bytes()) == (1, b"model")
    assert store.get(KEY, make, "model.h5") == made


def test_a_server_that_dies_while_something_is_made_loses_nothing(
    server: Any, machine: Callable[[str], SharedStore]
) -> None:
    store = machine("one")

    def make(path: Path) -> Mapping[str, Any]:
        server.stop()
        path.write_bytes(b"model")
        return {}

    with pytest.warns(SharedStoreWarning, match="what is made now is not shared"):
        made = store.get(KEY, make, "model.h5")
    assert Store(store.root).find(KEY) == made


@pytest.mark.parametrize(
    "content", [b"", b"{}\n", b"not json", b"[1]\nx", b'{"schema": 2, "key": "../x", "file": "../../y"}\nx']
)
def test_what_the_server_answers_wrongly_is_made_again_and_mended(
    content: bytes, server: Any, machine: Callable[[str], SharedStore]
) -> None:
    name = f"optkit/entries/aa/{KEY}"
    server.client.put_object(Bucket="bucket", Key=name, Body=content)
    with pytest.warns(SharedStoreWarning, match="is damaged"):
        machine("one").get(KEY, Maker(), "model.h5")
    again = machine("two")
    make = Maker()
    assert again.path(again.get(KEY, make, "model.h5")).read_bytes() == b"model"
    assert make.times == 0


def test_one_flipped_bit_is_never_served(server: Any, machine: Callable[[str], SharedStore]) -> None:
    machine("one").get(KEY, Maker(b"model" * 100), "model.h5")
    name = f"optkit/entries/aa/{KEY}"
    whole = bytearray(server.client.get_object(Bucket="bucket", Key=name)["Body"].read())
    for place in range(0, len(whole), 37):
        flipped = bytearray(whole)
        flipped[place] ^= 1
        server.client.put_object(Bucket="bucket", Key=name, Body=bytes(flipped))
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            store = machine(f"m{place}")
            assert store.find(KEY) is None, place
        assert not list((store.root / "entries").rglob("model.h5")), place  # nor does it come here
    with pytest.warns(SharedStoreWarning, match="is damaged"):
        machine("last").get(KEY, Maker(b"model" * 100), "model.h5")
    assert machine("other").find(KEY)  # the bucket has it whole again


def test_read_only_writes_nothing(
    server: Any, machine: Callable[[str], SharedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine("one").get(KEY, Maker(), "model.h5")
    monkeypatch.setenv(READ_ONLY, "1")
    store = machine("two")
    make = Maker()
    store.get(KEY, make, "model.h5")
    store.get(OTHER, make, "model.h5")
    assert make.times == 1
    names = [one["Key"] for one in server.client.list_objects_v2(Bucket="bucket")["Contents"]]
    assert names == [f"optkit/entries/aa/{KEY}"]


def test_a_bucket_that_is_not_there_is_said_before_anything_is_made(
    server: Any, machine: Callable[[str], SharedStore]
) -> None:
    store = open_store("s3://another-bucket/optkit")
    make = Maker()
    with pytest.raises(StoreError, match=r"cannot write to the shared store s3://another-bucket/optkit: .*credentials"):
        store.get(KEY, make, "model.h5")
    assert make.times == 0
    with pytest.raises(StoreError, match="cannot be a shared store"):
        open_store("nothing://x")


def test_a_full_server_ends_nothing(
    server: Any, machine: Callable[[str], SharedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = machine("one")

    def full(name: str, content: Any) -> None:
        raise Unreachable("cannot write to the shared store: 507 Insufficient Storage")

    version = claims.claim(store.bucket, "claims/other", None)
    assert version
    create = store.bucket.create
    monkeypatch.setattr(store.bucket, "create", lambda n, c: full(n, c) if isinstance(c, Path) else create(n, c))
    with pytest.warns(SharedStoreWarning, match="507"):
        made = store.get(KEY, Maker(), "model.h5")
    assert store.path(made).read_bytes() == b"model"


def test_what_is_in_a_bucket_is_listed_checked_and_removed(server: Any, machine: Callable[[str], SharedStore]) -> None:
    store = machine("one")
    for key in (KEY, OTHER):
        store.get(key, Maker(), "model.h5")
    other = machine("two")
    assert [one.key for one in entries_of(other)] == [KEY, OTHER]
    assert list(damages(other)) == []
    server.client.put_object(Bucket="bucket", Key=f"optkit/entries/bb/{OTHER}", Body=b"{}\n")
    assert [key for key, _ in damages(machine("three"))] == [OTHER]
    assert remove(other, [OTHER]) == 1
    assert [one.key for one in entries_of(other)] == [KEY]


def test_what_is_only_looked_at_for_damage_is_not_downloaded(
    server: Any, machine: Callable[[str], SharedStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build asks so of every stage above what it has: a model each, and each time."""
    machine("one").get(KEY, Maker(), "model.h5")
    other = machine("two")
    monkeypatch.setattr(other.bucket, "download", lambda *_: pytest.fail("downloaded"))
    assert other.damage(KEY) is None
