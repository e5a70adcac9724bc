"""Tables, their options, their indexes; who may ask."""

from tablestore import (
    CapacityUnit, OTSServiceError, ReservedThroughput, Row, SecondaryIndexMeta, SecondaryIndexType, TableOptions,
)

from base import Case, IGNORE, client, everything, when


class Tables(Case):
    def test_life_of_a_table(self):
        meta = self.create("first", [("a", "STRING"), ("b", "INTEGER"), ("c", "BINARY")])
        self.create("second", [("z", "INTEGER")])
        self.assertEqual(self.ots.list_table(), ("first", "second"))
        described = self.ots.describe_table("first")
        self.assertEqual(described.table_meta.table_name, "first")
        self.assertEqual(described.table_meta.schema_of_primary_key, meta.schema_of_primary_key)
        self.ots.delete_table("first")
        self.assertEqual(self.ots.list_table(), ("second",))
        for call in [self.ots.describe_table, self.ots.delete_table]:
            self.refused(404, "OTSObjectNotExist", "Requested table does not exist.", call, "first")

    def test_names_are_taken_once(self):
        self.create("t", [("a", "STRING"), ("b", "INTEGER")])
        self.refused(409, "OTSObjectAlreadyExist", "Requested table already exists.", self.create, "t", [("x", "STRING")])
        self.assertEqual(self.ots.list_table(), ("t",))
        self.refused(
            400, "OTSParameterInvalid", "Duplicated primary key name: 'a'.",
            self.create, "u", [("a", "STRING"), ("a", "INTEGER")],
        )
        self.assertEqual(self.ots.list_table(), ("t",))

    def test_a_name_can_be_used_again_with_another_key(self):
        self.create("t", [("a", "INTEGER")], units=(1, 1))
        self.ots.put_row("t", Row([("a", 1)], [("v", 1)]), when(IGNORE))
        self.ots.delete_table("t")
        self.create("t", [("b", "INTEGER"), ("c", "STRING")], units=(2, 2))
        self.assertEqual(self.range("t", *everything("b", "c")), ([], None))
        self.assertEqual(self.ots.describe_table("t").table_meta.schema_of_primary_key, [("b", "INTEGER"), ("c", "STRING")])

    def test_every_type_of_key_in_every_place(self):
        for kind in ["STRING", "INTEGER", "BINARY"]:
            key = [(name, kind) for name in "abcd"]
            self.create("t" + kind, key)
            self.assertEqual(self.ots.describe_table("t" + kind).table_meta.schema_of_primary_key, key)
        self.refused(
            400, "OTSParameterInvalid", "The number of primary key columns must be in range: [1, 4].",
            self.create, "five", [(name, "STRING") for name in "abcde"],
        )

    def test_options(self):
        self.create("t", [("a", "STRING")])
        for wanted in [None, TableOptions(1200000, 2, 86401), TableOptions(-1, 3, 86402)]:
            if wanted:
                self.ots.update_table("t", wanted)
            wanted = wanted or TableOptions(-1, 1, 86400)
            options = self.ots.describe_table("t").table_options
            self.assertEqual(
                (options.time_to_live, options.max_version, options.max_time_deviation),
                (wanted.time_to_live, wanted.max_version, wanted.max_time_deviation),
            )
        self.refused(
            400, "OTSParameterInvalid", "TimeToLive cannot be 0 or less than -1.",
            self.ots.update_table, "t", TableOptions(0, 1, 86400),
        )

    def test_reserved_units(self):
        for units in [(0, 0), (0, 1), (1, 0), (7, 9)]:
            name = "t%d_%d" % units
            self.create(name, [("a", "STRING")], units=units)
            reserved = self.ots.describe_table(name).reserved_throughput_details.capacity_unit
            self.assertEqual((reserved.read, reserved.write), units)
        self.ots.update_table("t0_0", reserved_throughput=ReservedThroughput(CapacityUnit(3, 4)))
        reserved = self.ots.describe_table("t0_0").reserved_throughput_details.capacity_unit
        self.assertEqual((reserved.read, reserved.write), (3, 4))

    def test_search_indexes_are_none(self):
        self.create("t", [("a", "STRING")])
        self.assertEqual(self.ots.list_search_index("t"), [])


class SecondaryIndexes(Case):
    DEFINED = [("i", "INTEGER"), ("ok", "BOOLEAN"), ("d", "DOUBLE"), ("s", "STRING"), ("b", "BINARY")]

    def indexes(self):
        found = self.ots.describe_table("t").secondary_indexes
        return [(i.index_name, i.primary_key_names, i.defined_column_names, i.index_type) for i in found]

    def test_created_with_the_table(self):
        self.create(
            "t", [("gid", "INTEGER"), ("uid", "STRING")], defined=self.DEFINED,
            secondary_indexes=[SecondaryIndexMeta("by_is", ["i", "s"], ["ok", "b", "d"])],
        )
        self.assertEqual(self.indexes(), [("by_is", ["i", "s"], ["ok", "b", "d"], SecondaryIndexType.GLOBAL_INDEX)])
        self.assertEqual(self.ots.describe_table("t").table_meta.defined_columns, self.DEFINED)
        columns = [("b", bytearray(b"\x00\x01")), ("d", 0.5), ("i", -3), ("ok", True), ("s", "x"), ("z", 1)]
        self.ots.put_row("t", Row([("gid", 1), ("uid", "u")], columns), when(IGNORE))
        key = [("i", -3), ("s", "x"), ("gid", 1), ("uid", "u")]
        self.assertEqual(self.get("by_is", key), [("b", bytearray(b"\x00\x01")), ("d", 0.5), ("ok", True)])

    def test_created_later_over_rows(self):
        self.create("t", [("gid", "INTEGER"), ("uid", "STRING")], defined=self.DEFINED)
        self.ots.create_secondary_index("t", SecondaryIndexMeta("gone", ["s", "b"], ["i"]), False)
        self.assertEqual(len(self.indexes()), 1)
        self.ots.delete_secondary_index("t", "gone")
        self.assertEqual(self.indexes(), [])
        for n in range(3):
            self.ots.put_row("t", Row([("gid", 0), ("uid", str(n))], [("s", "s%d" % (9 - n)), ("ok", n > 0)]), when(IGNORE))
        local = SecondaryIndexMeta("by_s", ["gid", "s"], ["ok"], SecondaryIndexType.LOCAL_INDEX)
        self.ots.create_secondary_index("t", local, True)
        self.assertEqual(self.indexes(), [("by_s", ["gid", "s"], ["ok"], SecondaryIndexType.LOCAL_INDEX)])
        rows, _ = self.range("by_s", *everything("gid", "s", "uid"))
        self.assertEqual(self.keys(rows), [(0, "s7", "2"), (0, "s8", "1"), (0, "s9", "0")])
        self.assertEqual(self.columns(rows[0]), [("ok", True)])
        self.assertEqual(self.get("by_s", [("gid", 0), ("s", "s8"), ("uid", "1")], columns_to_get=["ok"]), [("ok", True)])


class Signatures(Case):
    def test_wrong_keys(self):
        for changes, message in [
            (dict(access_key_secret="wrong"), "Signature mismatch."),
            (dict(access_key_id="LTAInobody"), "The AccessKeyID does not exist."),
            (dict(instance_name="elsewhere"), "The instance is not found."),
        ]:
            with self.assertRaises(OTSServiceError) as raised:
                client(**changes).list_table()
            error = raised.exception
            self.assertEqual((error.http_status, error.code, error.message), (403, "OTSAuthFailed", message))

    def test_version_4(self):
        self.create("t", [("a", "STRING")])
        # With a region the SDK signs by version 4, and checks the answers by the derived key.
        ots = client(region="cn-hangzhou")
        self.assertEqual(ots.list_table(), ("t",))
        ots.put_row("t", Row([("a", "x")], [("v", 1)]), when(IGNORE))
        self.assertEqual(self.get("t", [("a", "x")]), [("v", 1)])
