"""Local transactions."""

from tablestore import (
    BatchWriteRowRequest, DeleteRowItem, INF_MAX, INF_MIN, PutRowItem, Row, TableInBatchWriteRowItem, UpdateRowItem,
)

from base import Case, EXIST, IGNORE, when


class Transactions(Case):
    def setUp(self):
        super().setUp()
        self.create_with_transactions("t", [("p", "INTEGER"), ("q", "STRING")])
        for name in "ab":
            self.ots.put_row("t", Row(self.key(name), [("v", "old")]), when(IGNORE))

    def key(self, name, p=1):
        return [("p", p), ("q", name)]

    def begin(self, p=1):
        return self.ots.start_local_transaction("t", [("p", p)])

    def all(self, transaction=None):
        bound = lambda q: [("p", 1), ("q", q)]
        rows, _ = self.range("t", bound(INF_MIN), bound(INF_MAX), transaction_id=transaction)
        return {row.primary_key[1][1]: self.columns(row)[0][1] for row in rows}

    def writes(self, transaction):
        """One way to write after the other: what it does, and what the rows are then."""
        def batch():
            request = BatchWriteRowRequest()
            request.add(TableInBatchWriteRowItem("t", [
                PutRowItem(Row(self.key("c"), [("v", "batch")]), when(IGNORE)),
                UpdateRowItem(Row(self.key("a"), {"PUT": [("v", "batch")]}), when(EXIST)),
                DeleteRowItem(Row(self.key("b")), when(EXIST)),
            ]))
            request.set_transaction_id(transaction)
            self.assertTrue(self.ots.batch_write_row(request).is_all_succeed())

        new = [("v", "new")]
        return {
            "put": (
                lambda: self.ots.put_row("t", Row(self.key("a"), new), when(IGNORE), None, transaction),
                {"a": "new", "b": "old"},
            ),
            "update": (
                lambda: self.ots.update_row("t", Row(self.key("a"), {"PUT": new}), when(IGNORE), None, transaction),
                {"a": "new", "b": "old"},
            ),
            "delete": (
                lambda: self.ots.delete_row("t", Row(self.key("a")), when(IGNORE), transaction_id=transaction),
                {"b": "old"},
            ),
            "batch": (batch, {"a": "batch", "c": "batch"}),
        }

    def test_writes_are_committed_or_not(self):
        old = {"a": "old", "b": "old"}
        for commit in [True, False]:
            for way in self.writes(None):
                with self.subTest(way, commit=commit):
                    self.setUp()
                    transaction = self.begin()
                    write, new = self.writes(transaction)[way]
                    write()
                    self.assertEqual((self.all(transaction), self.all()), (new, old))
                    inside = self.get("t", self.key("a"), transaction_id=transaction)
                    self.assertEqual(inside, [("v", new["a"])] if "a" in new else None)
                    end = self.ots.commit_transaction if commit else self.ots.abort_transaction
                    end(transaction)
                    self.assertEqual(self.all(), new if commit else old)
                    self.refused(404, "OTSSessionNotExist", "Session not exist or may be timeout.", end, transaction)

    def test_its_partition_is_held(self):
        transaction = self.begin()
        conflict = (409, "OTSRowOperationConflict", "Data is being modified by the other request.")
        put = lambda p, transaction=None: self.ots.put_row("t", Row(self.key("a", p), [("v", 1)]), when(IGNORE), None, transaction)
        self.refused(*conflict, self.begin)
        self.refused(*conflict, put, 1)
        put(2)
        self.refused(400, "OTSDataOutOfRange", "Data out of scope of transaction.", put, 2, transaction)
        other = self.begin(2)
        self.ots.abort_transaction(other)
        self.ots.abort_transaction(transaction)
        put(1)

    def test_ids_that_are_none(self):
        put = lambda transaction: self.ots.put_row("t", Row(self.key("a"), [("v", 1)]), when(IGNORE), None, transaction)
        self.refused(400, "OTSParameterInvalid", "TransactionID is invalid.", put, "not existed transaction id")

    def test_tables_without_them(self):
        self.create("plain", [("p", "INTEGER")])
        self.refused(
            400, "OTSParameterInvalid",
            "Try to call method using explicit transaction on explicit-transaction-disabled table.",
            self.ots.start_local_transaction, "plain", [("p", 1)],
        )
