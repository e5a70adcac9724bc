//! Structs as rows: [`TypedRow`], and the macro that implements it.

use crate::plainbuffer::ValueRef;
use crate::request::{Change, PutRow, UpdateRow};
use crate::row::Row;
use crate::table::{KeyType, TableMeta};
use crate::value::{Column, Key, PrimaryKey, Value};

/// A struct that is a row of a table; implemented with [`crate::typed_row!`].
pub trait TypedRow: Sized {
    /// The table.
    const TABLE: &'static str;
    /// Names and types of the key columns, in the order of the table.
    const KEY: &'static [(&'static str, KeyType)];

    /// Its key.
    fn primary_key(&self) -> PrimaryKey;

    /// Names and values of its columns; None is a column that the row does not have.
    fn fields(&self) -> Vec<(&'static str, Option<Value>)>;

    /// Takes it out of a row. Columns that it does not know are passed over.
    ///
    /// # Errors
    /// When a column is missing that is no `Option`, or has another type.
    fn from_row(row: &Row) -> Result<Self, Mismatch>;

    /// What creates its table.
    fn meta() -> TableMeta {
        let primary_key = Self::KEY.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
        TableMeta { name: Self::TABLE.to_owned(), primary_key, columns: Vec::new(), indexes: Vec::new() }
    }

    /// What writes it as a whole.
    fn put(&self) -> PutRow {
        let column = |(name, value): (&'static str, Option<Value>)| Some(Column::new(name, value?));
        let columns = self.fields().into_iter().filter_map(column).collect();
        PutRow { columns, ..PutRow::new(Self::TABLE, self.primary_key()) }
    }

    /// What writes it over the row that is there, whose other columns stay: a field that is None deletes
    /// its column.
    fn update(&self) -> UpdateRow {
        let change = |(name, value): (&'static str, Option<Value>)| match value {
            Some(value) => Change::Put(Column::new(name, value)),
            None => Change::Delete(name.into()),
        };
        let changes = self.fields().into_iter().map(change).collect();
        UpdateRow { changes, ..UpdateRow::new(Self::TABLE, self.primary_key()) }
    }
}

/// Why a row is not the struct that it should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("row {key} of table {table}: column {column} {what}")]
pub struct Mismatch {
    /// The struct's table.
    pub table: &'static str,
    /// The row's key, as people read it.
    pub key: String,
    /// The column.
    pub column: &'static str,
    /// What is wrong with it.
    pub what: &'static str,
}

impl Row {
    /// The row as a struct.
    ///
    /// # Errors
    /// As [`TypedRow::from_row`].
    pub fn to<T: TypedRow>(&self) -> Result<T, Mismatch> {
        T::from_row(self)
    }

    /// The key column `column` of a struct.
    ///
    /// # Errors
    /// When it is missing or has another type.
    pub fn read_key<T: TypedRow, V: KeyValue>(&self, column: &'static str) -> Result<V, Mismatch> {
        let value = self.get_key(column).ok_or_else(|| self.mismatch::<T>(column, "is missing"))?;
        V::from_key(value).ok_or_else(|| self.mismatch::<T>(column, "has another type"))
    }

    /// The column `column` of a struct.
    ///
    /// # Errors
    /// When it is missing, unless it may be, or has another type.
    pub fn read_column<T: TypedRow, V: ColumnValue>(&self, column: &'static str) -> Result<V, Mismatch> {
        match self.get(column) {
            Some(value) => V::from_column(value).ok_or_else(|| self.mismatch::<T>(column, "has another type")),
            None => V::missing().ok_or_else(|| self.mismatch::<T>(column, "is missing")),
        }
    }

    fn mismatch<T: TypedRow>(&self, column: &'static str, what: &'static str) -> Mismatch {
        let part = |value| match value {
            Some(ValueRef::String(text)) => text.to_owned(),
            Some(ValueRef::Integer(number)) => number.to_string(),
            other => format!("{other:?}"),
        };
        let key: Vec<String> = self.key().map(|cell| part(cell.value)).collect();
        Mismatch { table: T::TABLE, key: key.join(", "), column, what }
    }
}

/// A type that a key column can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key column",
    note = "key columns are `i64`, `i32`, `u32`, `String` or `Vec<u8>`"
)]
pub trait KeyValue: Sized + Into<Key> {
    /// The column's type.
    const KIND: KeyType;

    /// Reads it; None when it is something else.
    fn from_key(value: ValueRef<'_>) -> Option<Self>;
}

/// A type that a column can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a column",
    note = "columns are `i64`, `i32`, `u32`, `f64`, `bool`, `String`, `Vec<u8>`, or an `Option` of one of them"
)]
pub trait ColumnValue: Sized {
    /// What is written; None for no column.
    fn to_column(&self) -> Option<Value>;

    /// Reads it; None when it is something else.
    fn from_column(value: ValueRef<'_>) -> Option<Self>;

    /// What stands for a column that is not there; None when it must be there.
    fn missing() -> Option<Self> {
        None
    }
}

macro_rules! key_values {
    ($($type:ty: $kind:ident, $read:expr;)*) => {
        $(impl KeyValue for $type {
            const KIND: KeyType = KeyType::$kind;

            fn from_key(value: ValueRef<'_>) -> Option<Self> {
                let read: fn(ValueRef<'_>) -> Option<Self> = $read;
                read(value)
            }
        })*
    };
}

key_values! {
    i64: Integer, |value| value.as_int();
    i32: Integer, |value| value.as_int()?.try_into().ok();
    u32: Integer, |value| value.as_int()?.try_into().ok();
    String: String, |value| value.as_str().map(str::to_owned);
    Vec<u8>: Binary, |value| value.as_bytes().map(<[u8]>::to_vec);
}

macro_rules! column_values {
    ($($type:ty: $read:expr;)*) => {
        $(impl ColumnValue for $type {
            fn to_column(&self) -> Option<Value> {
                Some(self.clone().into())
            }

            fn from_column(value: ValueRef<'_>) -> Option<Self> {
                let read: fn(ValueRef<'_>) -> Option<Self> = $read;
                read(value)
            }
        })*
    };
}

column_values! {
    i64: |value| value.as_int();
    i32: |value| value.as_int()?.try_into().ok();
    u32: |value| value.as_int()?.try_into().ok();
    f64: |value| value.as_double();
    bool: |value| value.as_bool();
    String: |value| value.as_str().map(str::to_owned);
    Vec<u8>: |value| value.as_bytes().map(<[u8]>::to_vec);
}

impl<T: ColumnValue> ColumnValue for Option<T> {
    fn to_column(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_column)
    }

    fn from_column(value: ValueRef<'_>) -> Option<Self> {
        T::from_column(value).map(Some)
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

/// Makes a struct a [`TypedRow`]. All its fields are named, those of the key first and in the order of the
/// table; the compiler complains about one that is forgotten, misspelt, of another type or of a type that
/// the service does not have. The struct also gets a function `key`, which makes a key of the key's fields.
///
/// ```
/// use tablestore::{GetRow, TypedRow, typed_row};
///
/// struct Lock {
///     instance_id: String,
///     holder: String,
///     tries: Option<i64>,
/// }
///
/// typed_row! {
///     Lock in "locks":
///     key { instance_id: String }
///     columns { holder: String, tries: Option<i64> }
/// }
///
/// let lock = Lock { instance_id: "i-1".into(), holder: "m-1".into(), tries: None };
/// let put = lock.put();
/// let get = GetRow::new(Lock::TABLE, Lock::key("i-1"));
/// assert_eq!(put.primary_key, get.primary_key);
/// ```
///
/// A double cannot be a key:
///
/// ```compile_fail
/// struct Bad {
///     id: f64,
/// }
///
/// tablestore::typed_row! {
///     Bad in "bad":
///     key { id: f64 }
///     columns {}
/// }
/// ```
#[macro_export]
macro_rules! typed_row {
    (
        $row:ident in $table:literal:
        key { $($key:ident: $key_type:ty),+ $(,)? }
        columns { $($column:ident: $column_type:ty),* $(,)? }
    ) => {
        impl $row {
            /// The key of the row with these values.
            pub fn key($($key: impl Into<$key_type>),+) -> $crate::PrimaryKey {
                $crate::PrimaryKey(vec![$((stringify!($key).into(), Into::<$key_type>::into($key).into())),+])
            }
        }

        impl $crate::TypedRow for $row {
            const TABLE: &'static str = $table;
            const KEY: &'static [(&'static str, $crate::KeyType)] = {
                let key: &[(&str, $crate::KeyType)] =
                    &[$((stringify!($key), <$key_type as $crate::typed::KeyValue>::KIND)),+];
                assert!(key.len() <= 4, "a key has at most four columns");
                key
            };

            fn primary_key(&self) -> $crate::PrimaryKey {
                Self::key($(self.$key.clone()),+)
            }

            fn fields(&self) -> Vec<(&'static str, Option<$crate::Value>)> {
                let Self { $($key: _,)+ $($column),* } = self;
                vec![$((stringify!($column), <$column_type as $crate::typed::ColumnValue>::to_column($column))),*]
            }

            fn from_row(row: &$crate::Row) -> Result<Self, $crate::typed::Mismatch> {
                Ok(Self {
                    $($key: row.read_key::<Self, $key_type>(stringify!($key))?,)+
                    $($column: row.read_column::<Self, $column_type>(stringify!($column))?,)*
                })
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    struct Everything {
        part: String,
        seq: i64,
        raw: Vec<u8>,
        number: i64,
        small: u32,
        ratio: f64,
        yes: bool,
        text: String,
        bytes: Vec<u8>,
        maybe: Option<String>,
    }

    crate::typed_row! {
        Everything in "everything":
        key { part: String, seq: i64, raw: Vec<u8> }
        columns {
            number: i64, small: u32, ratio: f64, yes: bool, text: String, bytes: Vec<u8>, maybe: Option<String>,
        }
    }

    fn everything() -> Everything {
        Everything {
            part: "p".into(),
            seq: -3,
            raw: vec![0, 255],
            number: i64::MIN,
            small: u32::MAX,
            ratio: -0.5,
            yes: true,
            text: "später".into(),
            bytes: vec![],
            maybe: None,
        }
    }

    fn stored(put: &PutRow) -> Row {
        Row::new(&put.primary_key, &put.columns)
    }

    #[test]
    fn a_struct_comes_back() {
        for maybe in [None, Some("there".to_owned())] {
            let struct_ = Everything { maybe, ..everything() };
            assert_eq!(stored(&struct_.put()).to::<Everything>().unwrap(), struct_);
        }
    }

    #[test]
    fn an_update_deletes_what_is_none() {
        let changes = everything().update().changes;
        assert_eq!(changes.last(), Some(&Change::Delete("maybe".into())));
        assert_eq!(changes.len(), 7);
    }

    #[test]
    fn the_table_has_its_key() {
        let expected = TableMeta::new("everything", "part", KeyType::String)
            .key("seq", KeyType::Integer)
            .key("raw", KeyType::Binary);
        assert_eq!(Everything::meta(), expected);
        assert_eq!(Everything::key("p", -3, vec![0, 255]), everything().primary_key());
    }

    #[test]
    fn a_row_that_does_not_fit_says_where() {
        let mut put = everything().put();
        put.columns[0].value = "a string".into();
        let error = stored(&put).to::<Everything>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "row p, -3, Some(Binary([0, 255])) of table everything: column number has another type"
        );
        put.columns[0].value = 1.into();
        put.columns[1].value = (-1).into();
        assert_eq!(stored(&put).to::<Everything>().unwrap_err().column, "small");
        put.columns.remove(1);
        assert_eq!(stored(&put).to::<Everything>().unwrap_err().what, "is missing");
    }
}
