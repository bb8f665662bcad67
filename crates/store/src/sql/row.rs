//! Rows that were found, and their columns.

use rusqlite::types::{FromSql, ValueRef};

use super::{Error, Result};
use crate::postgres::FoundRow;

/// Rows that were found, one after the other.
pub(crate) enum Rows<'s> {
    Sqlite(rusqlite::Rows<'s>),
    /// All of them were sent at once; the second is the one that is looked at.
    Postgres(std::vec::IntoIter<FoundRow>, Option<FoundRow>),
}

impl Rows<'_> {
    /// The next row.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>> {
        match self {
            Self::Sqlite(rows) => Ok(rows.next()?.map(Row::Sqlite)),
            Self::Postgres(rows, current) => {
                *current = rows.next();
                Ok(current.as_ref().map(Row::Postgres))
            }
        }
    }
}

/// A row that was found.
pub(crate) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r FoundRow),
}

/// A column, by its number from 0 or by its name.
pub(crate) trait Column: rusqlite::RowIndex + Copy {
    /// Its number in a row.
    fn number_in(self, row: &FoundRow) -> Result<usize>;
}

impl Column for usize {
    fn number_in(self, _row: &FoundRow) -> Result<usize> {
        Ok(self)
    }
}

impl Column for &str {
    fn number_in(self, row: &FoundRow) -> Result<usize> {
        row.column(self)
            .ok_or_else(|| rusqlite::Error::InvalidColumnName(self.to_owned()).into())
    }
}

impl Row<'_> {
    /// The value of a column.
    pub(crate) fn get<C: Column, T: FromSql>(&self, column: C) -> Result<T> {
        match self {
            Self::Sqlite(row) => Ok(row.get(column)?),
            Self::Postgres(_) => T::column_result(self.get_ref(column)?).map_err(Error::Column),
        }
    }

    /// The value of a column where it lies.
    pub(crate) fn get_ref<C: Column>(&self, column: C) -> Result<ValueRef<'_>> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(column)?),
            Self::Postgres(row) => row.value(column.number_in(row)?),
        }
    }
}
