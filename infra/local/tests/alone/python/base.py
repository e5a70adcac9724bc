"""What every suite here needs: the official Python SDK as a client of the server that the environment names."""

import os
import unittest

from tablestore import (
    CapacityUnit, Condition, INF_MAX, INF_MIN, NoRetryPolicy, OTSClient, OTSServiceError, ReservedThroughput,
    RowExistenceExpectation, TableMeta, TableOptions,
)

IGNORE = RowExistenceExpectation.IGNORE
EXIST = RowExistenceExpectation.EXPECT_EXIST
NOT_EXIST = RowExistenceExpectation.EXPECT_NOT_EXIST


def client(**changes):
    """A client; a refusal comes back at once."""
    arguments = dict(
        end_point=os.environ["OTS_ENDPOINT"],
        access_key_id=os.environ["OTS_ACCESS_KEY_ID"],
        access_key_secret=os.environ["OTS_ACCESS_KEY_SECRET"],
        instance_name=os.environ["OTS_INSTANCE"],
        retry_policy=NoRetryPolicy(),
    )
    arguments.update(changes)
    return OTSClient(**arguments)


def when(existence, column=None):
    return Condition(existence, column)


class Case(unittest.TestCase):
    """A test with a client and an instance without tables."""

    def setUp(self):
        self.ots = client()
        self.clear()

    def clear(self):
        for table in self.ots.list_table():
            self.ots.delete_table(table)

    def create(self, name, key, options=None, units=(0, 0), **more):
        meta = TableMeta(name, key, more.pop("defined", []))
        reserved = ReservedThroughput(CapacityUnit(*units))
        self.ots.create_table(meta, options or TableOptions(), reserved, **more)
        return meta

    def create_with_transactions(self, name, key):
        """The SDK has no argument for it: field 8 of the message is added on its way out."""
        encoder = self.ots.protocol.encoder
        encode = encoder.encode_request

        def with_field(operation, *args, **kwargs):
            message = encode(operation, *args, **kwargs)
            message.MergeFromString(bytes([8 << 3, 1]))
            return message

        encoder.encode_request = with_field
        try:
            self.create(name, key)
        finally:
            encoder.encode_request = encode

    def refused(self, status, code, message, call, *args, **kwargs):
        with self.assertRaises(OTSServiceError) as raised:
            call(*args, **kwargs)
        error = raised.exception
        self.assertEqual((error.http_status, error.code, error.message), (status, code, message))
        self.assertTrue(error.request_id)

    def get(self, table, key, **more):
        """The columns of a row without their timestamps; None when there is no row."""
        _, row, _ = self.ots.get_row(table, key, **more)
        return None if row is None else self.columns(row)

    def columns(self, row):
        return [(name, value) for name, value, _ in row.attribute_columns]

    def keys(self, rows):
        """Key values, without the names."""
        return [tuple(value for _, value in row.primary_key) for row in rows]

    def range(self, table, start, end, direction="FORWARD", **more):
        more.setdefault("max_version", 1)
        _, after, rows, _ = self.ots.get_range(table, direction, start, end, **more)
        return rows, after


def everything(*names):
    return [(name, INF_MIN) for name in names], [(name, INF_MAX) for name in names]
