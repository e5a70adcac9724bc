"""Ranges of keys."""

from tablestore import (
    BatchWriteRowRequest, CapacityUnit, ComparatorType, INF_MAX, INF_MIN, PutRowItem, Row, SingleColumnCondition,
    TableInBatchWriteRowItem,
)

from base import Case, IGNORE, everything, when

MIN, MAX = INF_MIN, INF_MAX


class Ranges(Case):
    def fill(self, table, keys, columns=()):
        request = BatchWriteRowRequest()
        items = [PutRowItem(Row(key, [("c", n)] + list(columns)), when(IGNORE)) for n, key in enumerate(keys)]
        request.add(TableInBatchWriteRowItem(table, items))
        self.assertTrue(self.ots.batch_write_row(request).is_all_succeed())

    def test_bounds_of_two_columns_in_all_types(self):
        firsts = {"STRING": ["a", "b", "c"], "INTEGER": [-1, 0, 300], "BINARY": [bytearray(b"\x00"), bytearray(b"\x00\x00"), bytearray(b"\x01")]}
        seconds = {"STRING": ["x", "y"], "INTEGER": [-7, 9], "BINARY": [bytearray(b"\xfe"), bytearray(b"\xff")]}
        for first, (a, b, c) in firsts.items():
            for second, (x, y) in seconds.items():
                table = first + second
                self.create(table, [("p", first), ("q", second)])
                everything = [(p, q) for p in (a, b, c) for q in (x, y)]
                self.fill(table, [[("p", p), ("q", q)] for p, q in reversed(everything)])
                ax, ay, bx, by, cx, cy = everything
                for start, end, expected in [
                    ((MIN, MIN), (MAX, MAX), everything),
                    ((a, MIN), (b, MAX), [ax, ay, bx, by]),
                    ((a, MIN), (a, MAX), [ax, ay]),
                    ((a, MAX), (b, MIN), []),
                    ((a, MAX), (c, MIN), [bx, by]),
                    (ax, ay, [ax]),
                    ((a, MIN), ay, [ax]),
                    (ax, (a, MAX), [ax, ay]),
                    (ax, cx, [ax, ay, bx, by]),
                    (ax, cy, [ax, ay, bx, by, cx]),
                    (ay, cx, [ay, bx, by]),
                    ((b, MIN), (a, MAX), None),
                    ((a, MAX), (a, MIN), None),
                    (bx, ax, None),
                    (ax, ax, None),
                ]:
                    self.check(table, start, end, expected)

    def check(self, table, start, end, expected):
        key = lambda bound: [("p", bound[0]), ("q", bound[1])]
        plain = lambda keys: [tuple(bytes(v) if isinstance(v, bytearray) else v for v in values) for values in keys]
        if expected is None:
            for direction, word, bounds in [("FORWARD", "less", (start, end)), ("BACKWARD", "more", (end, start))]:
                self.refused(
                    400, "OTSParameterInvalid", "Begin key must %s than end key in %s" % (word, direction),
                    self.range, table, key(bounds[0]), key(bounds[1]), direction,
                )
            return
        rows, after = self.range(table, key(start), key(end))
        self.assertEqual((plain(self.keys(rows)), after), (plain(expected), None), (start, end))
        # The other way the start is inside, and the end outside: the same rows but for the bounds themselves.
        rows, after = self.range(table, key(end), key(start), "BACKWARD")
        inside = [row for row in expected if row != start]
        others = [row for row in plain(self.keys(rows)) if row != tuple(plain([end])[0])]
        self.assertEqual((others, after), (plain(reversed(inside)), None), (start, end))

    def test_four_columns(self):
        names = ["p", "q", "r", "s"]
        self.create("t", list(zip(names, ["STRING", "STRING", "INTEGER", "INTEGER"])))
        values = [("A", "A", 10, 1), ("A", "A", 10, 2), ("A", "A", 10, 3), ("A", "B", 10, 1), ("C", "A", 10, 1)]
        keys = [list(zip(names, row)) for row in values]
        self.fill("t", keys)
        for start, end, expected in [
            (keys[1], keys[2], values[1:2]),
            (keys[1], keys[3], values[1:3]),
            (list(zip(names, ("A", "A", 10, MAX))), list(zip(names, ("A", "B", 10, MAX))), values[3:4]),
            (list(zip(names, ("A", MIN, 10, 1))), list(zip(names, ("B", MAX, 2, 9))), values[:4]),
        ]:
            self.assertEqual(self.keys(self.range("t", start, end)[0]), expected)

    def test_pages(self):
        self.create("t", [("k", "INTEGER")])
        self.fill("t", [[("k", n)] for n in range(23)])
        start, end = everything("k")
        rows, after = self.range("t", start, end, limit=10)
        self.assertEqual((self.keys(rows), after), ([(n,) for n in range(10)], [("k", 10)]))
        for limit in [1, 7, 23, 100]:
            found, at = [], start
            while at:
                rows, at = self.range("t", at, end, limit=limit)
                found += self.keys(rows)
            self.assertEqual(found, [(n,) for n in range(23)])
        for count in [None, 5]:
            consumed = CapacityUnit(0, 0)
            rows = list(self.ots.xget_range("t", "BACKWARD", end, start, consumed, count=count, max_version=1))
            self.assertEqual(self.keys(rows), [(n,) for n in range(22, -1, -1)][:count])
            self.assertGreaterEqual(consumed.read, 1)

    def test_units_are_of_what_was_looked_at(self):
        self.create("t", [("k", "STRING")])
        for size, units in [(400, 1), (800, 2)]:
            self.fill("t", [[("k", str(n))] for n in range(9)], [("v", "v" * size)])
            consumed, after, rows, _ = self.ots.get_range("t", "FORWARD", *everything("k"), max_version=1)
            self.assertEqual((len(rows), after, consumed.read, consumed.write), (9, None, units, 0))

    def test_empty_ranges(self):
        for count in range(1, 5):
            names = ["k%d" % n for n in range(count)]
            self.create("t%d" % count, [(name, "STRING") for name in names])
            consumed, after, rows, _ = self.ots.get_range("t%d" % count, "FORWARD", *everything(*names), max_version=1)
            self.assertEqual((rows, after, consumed.read, consumed.write), ([], None, 1, 0))

    def test_limits_that_cannot_be(self):
        self.create("t", [("k", "STRING")])
        for limit in [0, -1]:
            self.refused(
                400, "OTSParameterInvalid", "The limit must be greater than 0.",
                self.range, "t", *everything("k"), limit=limit,
            )
        self.refused(
            400, "OTSParameterInvalid", "Request table not exist",
            self.range, "none", *everything("k"),
        )

    def test_columns_and_filter(self):
        self.create("t", [("k", "INTEGER")])
        self.fill("t", [[("k", n)] for n in range(6)], [("v", "x")])
        rows, _ = self.range("t", *everything("k"), columns_to_get=["v"])
        self.assertEqual([self.columns(row) for row in rows], [[("v", "x")]] * 6)
        self.assertEqual(self.range("t", *everything("k"), columns_to_get=["none"])[0], [])
        large = SingleColumnCondition("c", 3, ComparatorType.GREATER_EQUAL)
        rows, after = self.range("t", *everything("k"), column_filter=large)
        self.assertEqual((self.keys(rows), after), ([(3,), (4,), (5,)], None))
