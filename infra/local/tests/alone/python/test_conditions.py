"""Column conditions of writes, and the same as filters of reads."""

from tablestore import (
    CastType, ComparatorType as Is, CompositeColumnCondition, LogicalOperator, RegexRule, Row, SingleColumnCondition,
    SingleColumnRegexCondition, TableOptions,
)

from base import Case, EXIST, IGNORE, when

KEY = [("k", 1)]


def composite(operator, *parts):
    condition = CompositeColumnCondition(operator)
    for part in parts:
        condition.add_sub_condition(part)
    return condition


def both(*parts):
    return composite(LogicalOperator.AND, *parts)


def either(*parts):
    return composite(LogicalOperator.OR, *parts)


def neither(part):
    return composite(LogicalOperator.NOT, part)


def single(name, value, comparator=Is.EQUAL, missing=True, latest=True):
    return SingleColumnCondition(name, value, comparator, missing, latest)


def regex(comparator, value, pattern, cast):
    return SingleColumnRegexCondition("log", comparator, value, RegexRule(pattern, cast))


# The row is n=5, s=b, log=...; which conditions hold for it.
CONDITIONS = [
    (single("n", 5), True), (single("n", 6), False), (single("s", "b"), True), (single("s", "c"), False),
    (single("n", 5, Is.NOT_EQUAL), False), (single("n", 4, Is.NOT_EQUAL), True),
    (single("n", 5, Is.GREATER_THAN), False), (single("n", 4, Is.GREATER_THAN), True),
    (single("n", 6, Is.GREATER_EQUAL), False), (single("n", 5, Is.GREATER_EQUAL), True),
    (single("n", 5, Is.LESS_THAN), False), (single("n", 6, Is.LESS_THAN), True),
    (single("n", 4, Is.LESS_EQUAL), False), (single("n", 5, Is.LESS_EQUAL), True),
    (single("s", "a", Is.GREATER_THAN), True), (single("s", "ba", Is.LESS_THAN), True),
    # Another type is another value.
    (single("n", "5"), False), (single("n", 5.0), False), (single("s", bytearray(b"b")), False),
    # A column that is missing.
    (single("x", 1), True), (single("x", 1, missing=False), False),
    (single("x", 1, Is.NOT_EQUAL), True), (single("x", 1, Is.NOT_EQUAL, missing=False), False),
    # Combinations.
    (both(single("n", 5), single("s", "b")), True), (both(single("n", 5), single("s", "c")), False),
    (either(single("n", 6), single("s", "b")), True), (either(single("n", 6), single("s", "c")), False),
    (neither(single("n", 6)), True), (neither(single("n", 5)), False),
    (neither(either(single("n", 6), single("s", "c"))), True),
    (both(either(single("n", 6), single("s", "b")), neither(single("n", 7)), single("n", 5)), True),
    (both(either(single("n", 6), single("s", "b")), neither(single("n", 5))), False),
    # Parts of strings, and presence.
    (regex(Is.EQUAL, 42, "id=([0-9]+)", CastType.VT_INTEGER), True),
    (regex(Is.GREATER_THAN, 42, "id=([0-9]+)", CastType.VT_INTEGER), False),
    (regex(Is.LESS_THAN, 0.8, "load=([0-9.]+)", CastType.VT_DOUBLE), True),
    (regex(Is.EQUAL, "ann", "user=([a-z]+)", CastType.VT_STRING), True),
    (regex(Is.EQUAL, "ann", "group=([a-z]+)", CastType.VT_STRING), False),
    (SingleColumnRegexCondition("n", Is.EXIST), True), (SingleColumnRegexCondition("x", Is.EXIST), False),
    (SingleColumnRegexCondition("n", Is.NOT_EXIST), False), (SingleColumnRegexCondition("x", Is.NOT_EXIST), True),
]


class Conditions(Case):
    def setUp(self):
        super().setUp()
        self.create("t", [("k", "INTEGER")])
        self.fresh()

    def fresh(self):
        columns = [("n", 5), ("s", "b"), ("log", "id=42 load=0.75 user=ann")]
        self.ots.put_row("t", Row(KEY, columns), when(IGNORE))

    def each(self, write, done):
        """Writes under every condition; done says whether the write happened."""
        for condition, holds in CONDITIONS:
            with self.subTest(vars(condition)):
                self.fresh()
                if holds:
                    write(when(EXIST, condition))
                else:
                    self.refused(403, "OTSConditionCheckFail", "Condition check failed.", write, when(EXIST, condition))
                self.assertEqual(done(), holds)

    def test_of_puts(self):
        write = lambda condition: self.ots.put_row("t", Row(KEY, [("new", 1)]), condition)
        self.each(write, lambda: self.get("t", KEY) == [("new", 1)])

    def test_of_updates(self):
        write = lambda condition: self.ots.update_row("t", Row(KEY, {"PUT": [("new", 1)]}), condition)
        self.each(write, lambda: ("new", 1) in self.get("t", KEY))

    def test_of_deletions(self):
        write = lambda condition: self.ots.delete_row("t", Row(KEY), condition)
        self.each(write, lambda: self.get("t", KEY) is None)

    def test_as_filters(self):
        for condition, holds in CONDITIONS:
            with self.subTest(vars(condition)):
                self.assertEqual(self.get("t", KEY, column_filter=condition) is not None, holds)
                rows, _ = self.range("t", [("k", 0)], [("k", 2)], column_filter=condition)
                self.assertEqual(len(rows), int(holds))

    def test_filters_see_what_is_read(self):
        seen = lambda columns, missing: self.get("t", KEY, columns_to_get=columns, column_filter=single("n", 9, missing=missing))
        self.assertIsNone(seen(["n", "s"], True))
        self.assertIsNone(seen(["s"], False))
        self.assertEqual(seen(["s"], True), [("s", "b")])

    def test_on_a_row_that_is_missing(self):
        key = [("k", 2)]
        put = lambda condition: self.ots.put_row("t", Row(key, [("a", 1)]), when(IGNORE, condition))
        self.refused(403, "OTSConditionCheckFail", "Condition check failed.", put, single("n", 1, missing=False))
        put(single("n", 1, missing=True))
        self.assertEqual(self.get("t", key), [("a", 1)])

    def test_of_versions(self):
        self.create("v", [("k", "INTEGER")], TableOptions(-1, 3, 10 ** 9))
        for value in [1, 2]:
            self.ots.update_row("v", Row(KEY, {"PUT": [("n", value, 1_700_000_000_000 + value)]}), when(IGNORE))
        found = lambda latest: self.get("v", KEY, column_filter=single("n", 1, latest=latest), max_version=1)
        self.assertEqual((found(True), found(False)), (None, [("n", 2)]))

    def test_too_many(self):
        leaves = lambda count: both(*[single("n", 5) for _ in range(count)])
        self.assertIsNotNone(self.get("t", KEY, column_filter=leaves(31)))
        self.refused(
            400, "OTSParameterInvalid", "The count of filter exceeds the max: 32.",
            self.get, "t", KEY, column_filter=leaves(32),
        )
