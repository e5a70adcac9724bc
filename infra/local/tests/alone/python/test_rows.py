"""Rows one by one."""

import math

from tablestore import PK_AUTO_INCR, ReturnType, Row, TableOptions

from base import Case, EXIST, IGNORE, NOT_EXIST, everything, when

ALL_TYPES = [
    ("bytes", bytearray(b"\x00\x01\xff")), ("double", 3.14), ("int", 123), ("no", False), ("text", "文字"), ("yes", True),
]


class Rows(Case):
    def test_every_type_of_column(self):
        for name, key in [
            ("mixed", [("a", "k"), ("b", 123)]),
            ("binary", [("a", bytearray(3)), ("b", bytearray("武汉", "utf-8"))]),
        ]:
            kinds = {str: "STRING", int: "INTEGER", bytearray: "BINARY"}
            self.create(name, [(column, kinds[type(value)]) for column, value in key])
            self.assertIsNone(self.get(name, key))
            self.ots.put_row(name, Row(key, ALL_TYPES), when(IGNORE))
            _, row, token = self.ots.get_row(name, key)
            self.assertEqual(row.primary_key, key)
            self.assertFalse(token)
            self.assertEqual(self.columns(row), ALL_TYPES)
            self.ots.update_row(name, Row(key, {"PUT": [("int", 5)]}), when(IGNORE))
            self.assertEqual(dict(self.get(name, key))["int"], 5)
            self.ots.delete_row(name, Row(key), when(IGNORE))
            self.assertIsNone(self.get(name, key))

    def test_a_put_replaces_and_values_change_their_type(self):
        self.create("t", [("k", "STRING")])
        key = [("k", "x")]
        for value in [1, 1.5, "text", True, bytearray(b"abc")]:
            columns = [("c%04d" % n, value) for n in range(1024)]
            self.ots.put_row("t", Row(key, columns), when(IGNORE))
            self.assertEqual(self.get("t", key), columns)
        self.ots.put_row("t", Row(key, [("only", 1)]), when(IGNORE))
        self.assertEqual(self.get("t", key), [("only", 1)])
        columns = [("c%04d" % n, 1) for n in range(1025)]
        self.refused(
            400, "OTSParameterInvalid",
            "The number of attribute columns exceeds the limit, limit count: 1024, column count: 1025.",
            self.ots.put_row, "t", Row(key, columns), when(IGNORE),
        )

    def test_updates_cover_add_and_delete(self):
        self.create("t", [("k", "STRING")])
        key = [("k", "x")]
        for expectation in [EXIST, IGNORE]:
            self.ots.put_row("t", Row(key, [("a", "A"), ("b", "B")]), when(IGNORE))
            for change, expected in [
                ({"PUT": [("a", "1"), ("b", "2")]}, [("a", "1"), ("b", "2")]),
                ({"PUT": [("c", "3")]}, [("a", "1"), ("b", "2"), ("c", "3")]),
                ({"DELETE_ALL": ["a", "b"]}, [("c", "3")]),
                ({"PUT": [("a", "4")], "DELETE_ALL": ["c", "none"]}, [("a", "4")]),
                ({"INCREMENT": [("n", 10)]}, [("a", "4"), ("n", 10)]),
                ({"INCREMENT": [("n", -30)]}, [("a", "4"), ("n", -20)]),
            ]:
                self.ots.update_row("t", Row(key, change), when(expectation))
                self.assertEqual(self.get("t", key), expected, change)

    def test_deletions_alone_make_no_row(self):
        self.create("t", [("k", "INTEGER")])
        names = ["c%d" % n for n in range(128)]
        for columns in [names[:1], names]:
            self.ots.update_row("t", Row([("k", 1)], {"DELETE_ALL": columns}), when(IGNORE))
            self.assertIsNone(self.get("t", [("k", 1)]))
        # A row without columns is one all the same.
        self.ots.put_row("t", Row([("k", 1)], [("c0", 1)]), when(IGNORE))
        self.ots.update_row("t", Row([("k", 1)], {"DELETE_ALL": ["c0"]}), when(EXIST))
        self.assertEqual(self.get("t", [("k", 1)]), [])

    def test_versions(self):
        self.create("t", [("k", "STRING")], TableOptions(-1, 2, 10 ** 9))
        key, now = [("k", "x")], 1_700_000_000_000
        for value, time in [("b", now + 2), ("c", now + 3), ("a", now + 1)]:
            self.ots.update_row("t", Row(key, {"PUT": [("v", value, time)]}), when(IGNORE))
        read = lambda **more: self.ots.get_row("t", key, **more)[1].attribute_columns
        self.assertEqual(read(max_version=5), [("v", "c", now + 3), ("v", "b", now + 2)])
        self.assertEqual(read(max_version=1), [("v", "c", now + 3)])
        self.assertEqual(read(max_version=5, time_range=(now, now + 3)), [("v", "b", now + 2)])
        self.assertEqual(read(max_version=None, time_range=now + 2), [("v", "b", now + 2)])
        self.ots.update_row("t", Row(key, {"DELETE": [("v", None, now + 3)]}), when(IGNORE))
        self.assertEqual(read(max_version=5), [("v", "b", now + 2)])

    def test_columns_to_get(self):
        self.create("t", [("k", "STRING"), ("n", "INTEGER")])
        key = [("k", "x"), ("n", 1)]
        self.ots.put_row("t", Row(key, ALL_TYPES), when(IGNORE))
        for wanted, expected in [
            ([], ALL_TYPES), (["int"], [("int", 123)]), (["yes", "no"], [("no", False), ("yes", True)]), (["k"], []),
            (["none"], None),
        ]:
            self.assertEqual(self.get("t", key, columns_to_get=wanted), expected, wanted)
        self.assertEqual(self.get("t", key, start_column="int", end_column="text"), [("int", 123), ("no", False)])

    def test_keys_that_do_not_fit(self):
        self.create("t", [("k", "STRING"), ("n", "INTEGER")])
        for key, message in [
            ([("x", "a"), ("n", 1)], "Validate PK name fail. Input: x, Meta: k."),
            ([("n", 1), ("k", "a")], "Validate PK name fail. Input: n, Meta: k."),
            ([("k", 1), ("n", 1)], "Validate PK type fail. Input: VT_INTEGER, Meta: VT_STRING."),
            ([("k", bytearray(1)), ("n", 1)], "Validate PK type fail. Input: VT_BLOB, Meta: VT_STRING."),
            ([("k", "a")], "Validate PK size fail. Input: 1, Meta: 2."),
            ([("k", "a"), ("n", 1), ("m", 1)], "Validate PK size fail. Input: 3, Meta: 2."),
        ]:
            for call in [
                lambda: self.ots.get_row("t", key),
                lambda: self.ots.put_row("t", Row(key, [("c", 1)]), when(IGNORE)),
                lambda: self.ots.update_row("t", Row(key, {"PUT": [("c", 1)]}), when(IGNORE)),
                lambda: self.ots.delete_row("t", Row(key), when(IGNORE)),
                lambda: self.range("t", key, everything(*(name for name, _ in key))[1]),
            ]:
                self.refused(400, "OTSInvalidPK", message, call)

    def test_the_largest_key_and_row(self):
        names = ["P" * 254 + str(n) for n in range(4)]
        self.create("t", [(name, "STRING") for name in names])
        key = [(name, "x" * 1024) for name in names]
        columns = [("a%0254d" % n, "v" * 65536) for n in range(15)]
        self.ots.put_row("t", Row(key, columns), when(IGNORE))
        self.assertEqual(self.get("t", key), columns)
        rows, after = self.range("t", *everything(*names))
        self.assertEqual((self.columns(rows[0]), after), (columns, None))
        self.ots.put_row("t", Row(key, [("one", "x" * 2097152)]), when(IGNORE))
        self.refused(
            400, "OTSParameterInvalid",
            "The length of attribute column: 'one' exceeds the MaxLength:2097152 with CurrentLength:2097153.",
            self.ots.put_row, "t", Row(key, [("one", "x" * 2097153)]), when(IGNORE),
        )

    def test_capacity_units(self):
        self.create("t", [("k", "STRING")])
        key = [("k", "x")]
        for size in [1, 4000, 4096, 12000]:
            consumed, _ = self.ots.put_row("t", Row(key, [("c", "v" * size)]), when(IGNORE))
            expected = math.ceil((len("k") + len("x") + len("c") + size) / 4096)
            self.assertEqual((consumed.read, consumed.write), (0, expected))
            consumed, _, _ = self.ots.get_row("t", key)
            self.assertEqual((consumed.read, consumed.write), (expected, 0))
        consumed, row, _ = self.ots.get_row("t", [("k", "none")])
        self.assertEqual((row, consumed.read, consumed.write), (None, 1, 0))
        consumed, _ = self.ots.delete_row("t", Row([("k", "none")]), when(IGNORE))
        self.assertEqual((consumed.read, consumed.write), (0, 1))

    def test_the_service_chooses_a_key(self):
        self.create("t", [("k", "STRING"), ("seq", "INTEGER", PK_AUTO_INCR)])
        chosen = []
        for n in range(3):
            row = Row([("k", "x"), ("seq", PK_AUTO_INCR)], [("n", n)])
            _, returned = self.ots.put_row("t", row, when(IGNORE), ReturnType.RT_PK)
            chosen.append(returned.primary_key[1][1])
            self.assertEqual(self.get("t", returned.primary_key), [("n", n)])
        self.assertEqual(chosen, sorted(set(chosen)))

    def test_expectations_of_existence(self):
        self.create("t", [("k", "INTEGER")])
        here, gone, failed = [("k", 1)], [("k", 2)], "Condition check failed."
        self.ots.put_row("t", Row(here, [("c", 0)]), when(NOT_EXIST))
        put = lambda key, expect: self.ots.put_row("t", Row(key, [("c", 1)]), when(expect))
        update = lambda key, expect: self.ots.update_row("t", Row(key, {"PUT": [("c", 2)]}), when(expect))
        delete = lambda key, expect: self.ots.delete_row("t", Row(key), when(expect))
        code = "OTSConditionCheckFail"
        self.refused(403, code, "Row exists which is expected nonexistent", put, here, NOT_EXIST)
        self.refused(403, code, "Row does not exist which is expected existent", put, gone, EXIST)
        for write in [update, delete]:
            self.refused(403, code, failed, write, gone, EXIST)
            self.refused(403, code, failed, write, here, NOT_EXIST)
        self.assertEqual((self.get("t", here), self.get("t", gone)), ([("c", 0)], None))
        put(here, EXIST), update(here, EXIST), delete(here, EXIST), delete(here, NOT_EXIST), update(here, NOT_EXIST)
        self.assertEqual(self.get("t", here), [("c", 2)])
