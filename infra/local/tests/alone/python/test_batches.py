"""Many rows in one request."""

from tablestore import (
    BatchGetRowRequest, BatchWriteRowRequest, ComparatorType, DeleteRowItem, PutRowItem, ReturnType, Row,
    SingleColumnCondition, TableInBatchGetRowItem, TableInBatchWriteRowItem, UpdateRowItem,
)

from base import Case, EXIST, IGNORE, NOT_EXIST, when


class Batches(Case):
    def setUp(self):
        super().setUp()
        self.create("a", [("k", "STRING"), ("n", "INTEGER")])
        self.create("b", [("k", "STRING"), ("n", "INTEGER")])

    def write(self, **tables):
        request = BatchWriteRowRequest()
        for name, items in tables.items():
            request.add(TableInBatchWriteRowItem(name, items))
        return self.ots.batch_write_row(request)

    def read(self, **tables):
        request = BatchGetRowRequest()
        for name, (keys, columns, condition) in tables.items():
            request.add(TableInBatchGetRowItem(name, keys, columns, condition, 1))
        return self.ots.batch_get_row(request)

    def key(self, n):
        return [("k", "x"), ("n", n)]

    def put(self, n, value, expect=IGNORE):
        return PutRowItem(Row(self.key(n), [("c", value)]), when(expect))

    def update(self, n, value, expect=IGNORE):
        return UpdateRowItem(Row(self.key(n), {"PUT": [("c", value)]}), when(expect))

    def delete(self, n, expect=IGNORE):
        return DeleteRowItem(Row(self.key(n)), when(expect))

    def test_all_kinds_in_two_tables(self):
        self.assertTrue(self.write(a=[self.put(1, "p"), self.update(2, "u"), self.put(3, "gone")], b=[self.put(1, "q")]).is_all_succeed())
        answer = self.write(a=[self.put(1, "P"), self.update(2, "U"), self.delete(3)])
        self.assertTrue(answer.is_all_succeed())
        for items in [answer.get_put(), answer.get_update(), answer.get_delete()]:
            succeeded, failed = items
            self.assertEqual(([item.is_ok for item in succeeded], failed), ([True], []))
            self.assertEqual((succeeded[0].consumed.read, succeeded[0].consumed.write), (0, 1))
        keys = [self.key(n) for n in [3, 1, 2, 1]]
        answer = self.read(a=(keys, [], None), b=([self.key(1)], ["c"], None))
        self.assertTrue(answer.is_all_succeed())
        rows = answer.get_result_by_table("a")
        self.assertEqual([row.row and self.columns(row.row) for row in rows], [None, [("c", "P")], [("c", "U")], [("c", "P")]])
        self.assertEqual(answer.get_result_by_table("b")[0].row.primary_key, self.key(1))

    def test_columns_to_get_and_filter(self):
        row = Row(self.key(1), [("c", 1), ("d", 2)])
        self.write(a=[PutRowItem(row, when(IGNORE)), self.put(2, 9)], b=[self.put(1, 9)])
        for columns, expected in [([], [("c", 1), ("d", 2)]), (["d"], [("d", 2)]), (["k"], []), (["none"], None)]:
            got = self.read(a=([self.key(1)], columns, None)).get_result_by_table("a")[0]
            self.assertEqual(got.row and self.columns(got.row), expected)
        nine = SingleColumnCondition("c", 9, ComparatorType.EQUAL)
        answer = self.read(a=([self.key(1), self.key(2)], [], nine), b=([self.key(1)], [], nine))
        found = [bool(row.row) for table in "ab" for row in answer.get_result_by_table(table)]
        self.assertEqual(found, [False, True, True])

    def test_each_row_fails_for_itself(self):
        self.write(a=[self.put(1, "there")])
        wrong = [("z", "x"), ("n", 1)]
        answer = self.write(a=[
            self.put(1, 0, NOT_EXIST), self.put(7, 0, EXIST), self.update(8, 0, EXIST), self.delete(9, EXIST),
            PutRowItem(Row(wrong, [("c", 1)]), when(IGNORE)), self.put(2, "new"),
        ])
        self.assertFalse(answer.is_all_succeed())
        succeeded, failed = answer.get_put()
        self.assertEqual(len(succeeded), 1)
        errors = failed + answer.get_update()[1] + answer.get_delete()[1]
        condition = ("OTSConditionCheckFail", "Condition check failed.")
        pk = ("OTSInvalidPK", "Validate PK name fail. Input: z, Meta: k.")
        self.assertEqual([(e.error_code, e.error_message) for e in errors], [condition, condition, pk, condition, condition])
        self.assertEqual((self.get("a", self.key(1)), self.get("a", self.key(2))), ([("c", "there")], [("c", "new")]))
        answer = self.read(a=([self.key(1), wrong], [], None))
        succeeded, failed = answer.get_result()
        self.assertEqual((len(succeeded), [(e.error_code, e.error_message) for e in failed]), (1, [pk]))

    def test_conditions_on_columns(self):
        self.write(a=[self.put(n, n) for n in range(4)])
        is_one = lambda missing=True: when(IGNORE, SingleColumnCondition("c", 1, ComparatorType.EQUAL, missing))
        answer = self.write(a=[
            PutRowItem(Row(self.key(0), [("c", "put")]), is_one()),
            PutRowItem(Row(self.key(1), [("c", "put")]), is_one()),
            UpdateRowItem(Row(self.key(2), {"PUT": [("c", "update")]}), is_one()),
            DeleteRowItem(Row(self.key(3)), is_one()),
            DeleteRowItem(Row(self.key(8)), is_one(False)),
            UpdateRowItem(Row(self.key(9), {"PUT": [("c", "update")]}), is_one()),
        ])
        oks = [[len(part) for part in parts] for parts in [answer.get_put(), answer.get_update(), answer.get_delete()]]
        self.assertEqual(oks, [[1, 1], [1, 1], [0, 2]])
        self.assertEqual([self.get("a", self.key(n)) for n in [0, 1, 2, 9]], [[("c", 0)], [("c", "put")], [("c", 2)], [("c", "update")]])

    def test_the_same_row_twice(self):
        self.write(a=[self.put(1, 0)])
        for first, second, expected in [
            (self.put(1, 1), self.update(1, 2), [("c", 2)]),
            (self.put(1, 3), self.delete(1), None),
            (self.update(1, 4), self.delete(1), None),
            (self.delete(1), self.update(1, 5), [("c", 5)]),
        ]:
            self.assertTrue(self.write(a=[first, second]).is_all_succeed())
            self.assertEqual(self.get("a", self.key(1)), expected)
        self.refused(
            400, "OTSParameterInvalid", "Repeated rows do not support row exist expectation check in BatchModify.",
            self.write, a=[self.put(1, 1), self.put(1, 2, EXIST)],
        )

    def test_returned_keys(self):
        item = PutRowItem(Row(self.key(1), [("c", 1)]), when(IGNORE), ReturnType.RT_PK)
        succeeded, _ = self.write(a=[item]).get_put()
        self.assertEqual(succeeded[0].row.primary_key, self.key(1))

    def test_nothing_in_it(self):
        bad = (400, "OTSParameterInvalid")
        self.refused(*bad, "No row is specified in BatchWriteRow.", self.write)
        self.refused(*bad, "No operation is specified for table: 'a'.", self.write, a=[])
        self.refused(*bad, "No row specified in the request of BatchGetRow.", self.read)
        self.assertEqual(self.read(a=([], [], None)).get_result_by_table("a"), [])

    def test_too_much_in_it(self):
        self.refused(
            400, "OTSParameterInvalid", "Rows count exceeds the upper limit: 200.",
            self.write, a=[self.put(n, 1) for n in range(201)],
        )
        self.assertTrue(self.write(a=[self.put(n, 1) for n in range(200)]).is_all_succeed())
        self.refused(
            400, "OTSParameterInvalid", "Rows count exceeds the upper limit: 100.",
            self.read, a=([self.key(n) for n in range(101)], [], None),
        )
        self.assertTrue(self.read(a=([self.key(n) for n in range(100)], [], None)).is_all_succeed())
