"""Builds and signs a PutRow with the official Python SDK: prints the request's body once, then for each line with a
number does it that often and prints the CPU time of one, in microseconds."""

import sys
import time

import tablestore
from tablestore.credentials import StaticCredentialsProvider
from tablestore.auth import RequestContext

client = tablestore.OTSClient("http://127.0.0.1:1", "bench-id", "bench-secret", "bench")
condition = tablestore.Condition(tablestore.RowExistenceExpectation.IGNORE)


def row():
    key = [("migration_id", "m-0123456789abcdef0123"), ("seq", 42)]
    columns = [
        ("state", "verify"),
        ("instance_id", "i-bp1f2o4ldh8l29zi7a3c"),
        ("version", 3),
        ("lease_holder", "9f0ef1a2-6f5c-4e37-9c1f-1c55b94ab0c7"),
        ("lease_until", 1763990000000),
        ("poke", 0),
        ("done", True),
        ("progress", 0.85),
        ("cause", ""),
        ("record", "x" * 400),
    ]
    return tablestore.Row(key, columns)


def build():
    """Everything that the SDK does before it sends."""
    context = RequestContext(client.credentials_provider.get_credentials())
    return client.protocol.make_request(
        "PutRow", client._signer, context, "migrations", row(), condition, None, None
    )


_, headers, body = build()
assert "x-ots-signature" in headers
print(bytes(body).hex(), flush=True)
for line in sys.stdin:
    count = int(line)
    begin = time.process_time()
    for _ in range(count):
        build()
    print((time.process_time() - begin) / count * 1e6, flush=True)
