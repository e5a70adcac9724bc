//! What is written by hand against what the messages and the borrowed reader make of it, over random
//! requests and rows.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message;

use crate::filter::{CastType, Comparator, Condition, Filter, RowExistence};
use crate::messages::{
    self, BatchGetRowRequest, BatchWriteRowRequest, GetRangeRequest, GetRowRequest, WriteRowRequest,
};
use crate::plainbuffer::{CellRef, Writer, rows};
use crate::request::{
    BatchGetRow, BatchWriteRow, Change, DeleteRow, Direction, GetRange, GetRow, GetRows, PutRow, Return, RowChange,
    TimeRange, TransactionId, UpdateRow,
};
use crate::row::Row;
use crate::value::{Column, Key, Name, PrimaryKey, Value};
use crate::wire::EncodeRow;

fn name() -> impl Strategy<Value = Name> {
    ".{0,20}".prop_map(Name::from)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_filter("NaN", |v| !v.is_nan()).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        ".{0,300}".prop_map(Value::String),
        vec(any::<u8>(), 0..60).prop_map(Value::Binary),
    ]
}

fn key() -> impl Strategy<Value = PrimaryKey> {
    let value = prop_oneof![
        any::<i64>().prop_map(Key::Integer),
        ".{0,40}".prop_map(Key::String),
        vec(any::<u8>(), 0..40).prop_map(Key::Binary),
        Just(Key::Min),
        Just(Key::Max),
        Just(Key::AutoIncrement),
    ];
    vec((name(), value), 1..5).prop_map(PrimaryKey)
}

fn column() -> impl Strategy<Value = Column> {
    (name(), value(), any::<Option<i64>>()).prop_map(|(name, value, timestamp)| Column { name, value, timestamp })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        column().prop_map(Change::Put),
        name().prop_map(Change::Delete),
        (name(), any::<i64>()).prop_map(|(name, at)| Change::DeleteVersion(name, at)),
        (name(), any::<i64>()).prop_map(|(name, delta)| Change::Increment(name, delta)),
    ]
}

fn filter() -> impl Strategy<Value = Filter> {
    let comparator = prop_oneof![
        Just(Comparator::Equal),
        Just(Comparator::NotEqual),
        Just(Comparator::GreaterThan),
        Just(Comparator::GreaterEqual),
        Just(Comparator::LessThan),
        Just(Comparator::LessEqual),
    ];
    let compared = (name(), comparator, value(), any::<bool>(), any::<bool>(), option::of(".{0,20}")).prop_map(
        |(name, comparator, value, missing, any_version, regex)| {
            let filter = Filter::compare(name, comparator, value).pass_if_missing(missing);
            let filter = if any_version { filter.any_version() } else { filter };
            match regex {
                Some(regex) => filter.extract(regex, CastType::Double),
                None => filter,
            }
        },
    );
    let leaf = prop_oneof![
        4 => compared,
        1 => name().prop_map(Filter::exists),
        1 => name().prop_map(Filter::not_exists),
        1 => (any::<i32>(), any::<i32>()).prop_map(|(offset, limit)| Filter::Pagination { offset, limit }),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(Filter::not),
            vec(inner.clone(), 0..4).prop_map(Filter::And),
            vec(inner, 0..4).prop_map(Filter::Or),
        ]
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let existence =
        prop_oneof![Just(RowExistence::Ignore), Just(RowExistence::ExpectExist), Just(RowExistence::ExpectNotExist)];
    (existence, option::of(filter())).prop_map(|(existence, column)| Condition { existence, column })
}

fn transaction() -> impl Strategy<Value = Option<TransactionId>> {
    option::of(".{0,200}".prop_map(TransactionId))
}

fn put() -> impl Strategy<Value = PutRow> {
    (name(), key(), vec(column(), 0..6), condition(), any::<bool>(), transaction()).prop_map(
        |(table, primary_key, columns, condition, return_primary_key, transaction)| PutRow {
            columns,
            condition,
            return_primary_key,
            transaction,
            ..PutRow::new(table, primary_key)
        },
    )
}

fn update() -> impl Strategy<Value = UpdateRow> {
    let returns = prop_oneof![Just(Return::Nothing), Just(Return::PrimaryKey), Just(Return::Incremented)];
    (name(), key(), vec(change(), 0..6), condition(), returns, transaction()).prop_map(
        |(table, primary_key, changes, condition, returns, transaction)| UpdateRow {
            changes,
            condition,
            returns,
            transaction,
            ..UpdateRow::new(table, primary_key)
        },
    )
}

fn delete() -> impl Strategy<Value = DeleteRow> {
    (name(), key(), condition(), any::<bool>()).prop_map(|(table, primary_key, condition, return_primary_key)| {
        DeleteRow { condition, return_primary_key, ..DeleteRow::new(table, primary_key) }
    })
}

type Selection =
    (Vec<Name>, Option<i32>, Option<TimeRange>, Option<Filter>, (Option<Name>, Option<Name>), Option<Bytes>);

fn selection() -> impl Strategy<Value = Selection> {
    let time = prop_oneof![
        (any::<i64>(), any::<i64>()).prop_map(|(start, end)| TimeRange::Between(start, end)),
        any::<i64>().prop_map(TimeRange::At),
    ];
    let token = option::of(vec(any::<u8>(), 0..20).prop_map(Bytes::from));
    let bounds = (option::of(name()), option::of(name()));
    (vec(name(), 0..4), any::<Option<i32>>(), option::of(time), option::of(filter()), bounds, token)
}

fn get_row() -> impl Strategy<Value = GetRow> {
    (name(), key(), selection(), transaction()).prop_map(|(table, primary_key, selection, transaction)| {
        let (columns, max_versions, time_range, filter, (start_column, end_column), token) = selection;
        GetRow {
            table,
            primary_key,
            columns,
            max_versions,
            time_range,
            filter,
            start_column,
            end_column,
            token,
            transaction,
        }
    })
}

fn get_range() -> impl Strategy<Value = GetRange> {
    (name(), key(), key(), any::<bool>(), selection(), any::<Option<i32>>(), transaction()).prop_map(
        |(table, start, end, forward, selection, limit, transaction)| {
            let (columns, max_versions, time_range, filter, (start_column, end_column), token) = selection;
            let direction = if forward { Direction::Forward } else { Direction::Backward };
            GetRange {
                table,
                direction,
                start,
                end,
                columns,
                max_versions,
                time_range,
                filter,
                start_column,
                end_column,
                limit,
                token,
                transaction,
            }
        },
    )
}

/// The message reads it, and writes the same bytes: nothing is lost, and fields are in order.
fn is_message<M: Message + Default>(body: &[u8]) -> M {
    let message = M::decode(body).unwrap();
    assert_eq!(message.encode_to_vec(), body);
    message
}

fn plainbuffer(row: &impl EncodeRow) -> Vec<u8> {
    let mut writer = Writer::default();
    row.encode_row(&mut writer);
    writer.end_row();
    writer.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn writes_are_their_messages(put in put(), update in update(), delete in delete()) {
        let message: WriteRowRequest = is_message(&put.to_body());
        prop_assert_eq!(&message.row, &plainbuffer(&put));
        let row = rows(&message.row).next().unwrap().unwrap();
        let columns: Vec<CellRef<'_>> = put.columns.iter().map(Column::borrow).collect();
        prop_assert_eq!(row.columns, columns);
        prop_assert_eq!(PrimaryKey::from_plainbuffer(&message.row).unwrap(), put.primary_key);
        let message: WriteRowRequest = is_message(&update.to_body());
        prop_assert_eq!(&message.row, &plainbuffer(&update));
        let message: WriteRowRequest = is_message(&delete.to_body());
        prop_assert!(rows(&message.row).next().unwrap().unwrap().delete_marker);
    }

    #[test]
    fn reads_are_their_messages(get in get_row(), range in get_range()) {
        let message: GetRowRequest = is_message(&get.to_body());
        prop_assert_eq!(&*message.table_name, &*get.table);
        prop_assert_eq!(message.columns_to_get.len(), get.columns.len());
        prop_assert_eq!(message.token, get.token);
        let message: GetRangeRequest = is_message(&range.to_body());
        prop_assert_eq!(message.direction(), range.direction);
        prop_assert_eq!(PrimaryKey::from_plainbuffer(&message.exclusive_end_primary_key).unwrap(), range.end);
        prop_assert_eq!((message.limit, message.max_versions), (range.limit, range.max_versions));
        prop_assert_eq!(message.end_column.as_deref(), range.end_column.as_deref());
    }

    #[test]
    fn batches_are_their_messages(
        puts in vec(put(), 0..3), updates in vec(update(), 0..3), deletes in vec(delete(), 0..2), get in get_row(),
        keys in vec(key(), 0..4), atomic: bool,
    ) {
        let changes = puts.into_iter().map(RowChange::from).chain(updates.into_iter().map(RowChange::from));
        let changes: Vec<RowChange> = changes.chain(deletes.into_iter().map(RowChange::from)).collect();
        let count = changes.len();
        let batch = BatchWriteRow { atomic, ..BatchWriteRow::new(changes) };
        let message: BatchWriteRowRequest = is_message(&batch.to_body());
        prop_assert_eq!(message.tables.iter().map(|table| table.rows.len()).sum::<usize>(), count);
        prop_assert_eq!(message.is_atomic, atomic.then_some(true));
        let count = keys.len();
        let rows = GetRows { columns: get.columns, filter: get.filter, ..GetRows::new(get.table, keys) };
        let message: BatchGetRowRequest = is_message(&BatchGetRow::new([rows]).to_body());
        prop_assert_eq!(message.tables.iter().map(|table| table.primary_key.len()).sum::<usize>(), count);
    }

    #[test]
    fn filters_are_their_messages(filter in filter()) {
        let _: messages::Filter = is_message(&filter.to_bytes());
    }

    /// Rows as windows hold what the borrowed reader reads.
    #[test]
    fn rows_hold_what_was_written(all in vec((key(), vec(column(), 0..6)), 0..5)) {
        let mut writer = Writer::default();
        for (key, columns) in &all {
            key.encode_row(&mut writer);
            columns.iter().for_each(|column| writer.cell(&column.borrow()));
            writer.end_row();
        }
        let buffer = Bytes::from(writer.finish());
        let read = Row::all_from_plainbuffer(&buffer).unwrap();
        let borrowed: Vec<_> = rows(&buffer).map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), all.len());
        for ((row, (key, columns)), borrowed) in read.iter().zip(&all).zip(&borrowed) {
            prop_assert_eq!(&row.primary_key(), key);
            let copied: Vec<Column> = row.columns().map(|cell| Column::copy_of(cell).unwrap()).collect();
            prop_assert_eq!(&copied, columns);
            prop_assert!(row.columns().eq(borrowed.columns.iter().copied()));
            prop_assert_eq!(row, &Row::new(key, columns));
            for column in columns {
                let first = columns.iter().find(|other| other.name == column.name).map(|first| first.value.borrow());
                prop_assert_eq!(row.get(&column.name), first);
            }
            prop_assert_eq!(row.joined(row).columns().count(), 2 * columns.len());
            prop_assert_eq!(&row.joined(row).primary_key(), key);
        }
    }

    #[test]
    fn damaged_answers_never_panic(
        key in key(), columns in vec(column(), 0..6),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6), cut in any::<prop::sample::Index>(),
    ) {
        let mut writer = Writer::default();
        key.encode_row(&mut writer);
        columns.iter().for_each(|column| writer.cell(&column.borrow()));
        writer.end_row();
        let mut bytes = writer.finish();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        if let Ok(rows) = Row::all_from_plainbuffer(&bytes.into()) {
            for row in rows {
                let _ = (row.primary_key(), row.columns().count(), row.get("x"));
            }
        }
    }
}
