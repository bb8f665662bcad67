//! Lists of the directory: filtered, sorted, paged, and never more than the principal may see.

use backend::ports::DirectoryEntry;
use backend::{
    ConversationFilter, ConversationQuery, Cursor, Order, Page, Principal, Result, Scope, SortKey,
};
use serde::{Deserialize, Serialize};

use super::State;
use super::directory::{COLUMNS, read, title_key};
use super::terms::{self, Term};
use crate::failure::Attempt;
use crate::json;
use crate::keyset::{Walk, order_name, page_size};
use crate::sql::{Connection, Value, params, params_from_iter};

/// A term with fewer entries than this leads: its entries are looked up and sorted. With more, the list is walked in
/// its order and each entry is asked for the term.
const LEADING_MAX_ENTRIES: i64 = 1_000;

/// An entry's place in a list: what it is sorted by, then its id.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
struct Place(Key, String);

/// What an entry is sorted by. All keys of one list are of one sort.
#[derive(Debug, Clone, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Time(i64),
    Text(String),
}

impl Key {
    fn of(entry: &DirectoryEntry, sort: SortKey) -> Self {
        match sort {
            SortKey::CreatedAt => Self::Time(entry.document.created_at.as_micros()),
            SortKey::UpdatedAt => Self::Time(entry.document.updated_at.as_micros()),
            // The id comes second in every place.
            SortKey::Id => Self::Text(String::new()),
            SortKey::Title => Self::Text(title_key(&entry.document)),
        }
    }

    fn into_value(self) -> Value {
        match self {
            Self::Time(micros) => Value::Integer(micros),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// Everything that selects and orders a list: a cursor opens only in a list with the same.
#[derive(Serialize)]
struct ListName<'a> {
    tenant: &'a str,
    unowned: bool,
    user: Option<&'a str>,
    filter: &'a ConversationFilter,
    sort: SortKey,
    order: &'static str,
}

/// A statement that grows with the filters. Values are only ever bound.
struct Select {
    sql: String,
    values: Vec<Value>,
}

impl Select {
    fn push(&mut self, sql: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(sql);
        self.values.extend(values);
    }

    /// `column` is one of `values`, where there are any.
    fn push_any(&mut self, column: &str, values: Vec<&str>) -> Attempt<()> {
        if values.is_empty() {
            return Ok(());
        }
        let values = json::to_text("filter", &values)?;
        self.push(
            &format!(" AND d.{column} IN (SELECT j.value FROM json_each(?) j)"),
            [Value::Text(values)],
        );
        Ok(())
    }
}

impl State {
    pub(super) async fn page(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
    ) -> Result<Page<DirectoryEntry>> {
        let size = page_size(&query.page)?;
        let terms = terms::of_filter(&query.filter)?;
        let list = name_of(principal, query)?;
        let walk: Walk<Place> = Walk::of_conversations(&query.page, &list)?;
        let lists = lists_of(principal, query, &terms);
        let found = self
            .store
            .read_together(|connection| {
                let items = read_lists(
                    connection,
                    &lists,
                    walk.start.as_ref(),
                    walk.descending,
                    size + 1,
                )?;
                walk.cut(items, size, |nearest| {
                    let behind =
                        read_lists(connection, &lists, Some(nearest), !walk.descending, 1)?;
                    Ok(!behind.is_empty())
                })
            })
            .await?;
        found.into_page(&list)
    }

    pub(super) async fn count_list(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
    ) -> Result<u64> {
        let terms = terms::of_filter(&query.filter)?;
        let lists = lists_of(principal, query, &terms);
        self.store
            .read_together(|connection| {
                let mut count = 0;
                for list in &lists {
                    count += list.count(connection)?;
                }
                Ok(count)
            })
            .await
    }

    pub(super) async fn cursor_of(
        &self,
        principal: &Principal,
        query: &ConversationQuery,
        skip: u64,
    ) -> Result<Option<Cursor>> {
        let Some(before_last) = skip.checked_sub(1) else {
            return Ok(None);
        };
        let terms = terms::of_filter(&query.filter)?;
        let lists = lists_of(principal, query, &terms);
        let descending = query.page.order == Order::Desc;
        let last = self
            .store
            .read_together(|connection| match lists.as_slice() {
                [list] => Ok(list.places(connection, descending, 1, before_last)?.pop()),
                lists => {
                    let mut places = Vec::new();
                    for list in lists {
                        places.extend(list.places(connection, descending, skip, 0)?);
                    }
                    places.sort_by(|a, b| in_order(a, b, descending));
                    Ok(usize::try_from(before_last)
                        .ok()
                        .filter(|last| *last < places.len())
                        .map(|last| places.swap_remove(last)))
                }
            })
            .await?;
        let list = name_of(principal, query)?;
        last.map(|place| Cursor::encode(&list, &place)).transpose()
    }
}

fn in_order(a: &Place, b: &Place, descending: bool) -> std::cmp::Ordering {
    let order = a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal);
    if descending { order.reverse() } else { order }
}

/// Everything that selects and orders a list, as text.
fn name_of(principal: &Principal, query: &ConversationQuery) -> Result<String> {
    json::to_text(
        "list",
        &ListName {
            tenant: &principal.tenant,
            unowned: principal.may(Scope::Unowned),
            user: principal.user.as_deref(),
            filter: &query.filter,
            sort: query.sort,
            order: order_name(query.page.order),
        },
    )
}

/// The tenants whose entries together make a list. What belongs to nobody has the empty tenant.
fn lists_of<'a>(
    principal: &'a Principal,
    query: &'a ConversationQuery,
    terms: &'a [Term],
) -> Vec<List<'a>> {
    std::iter::once(&*principal.tenant)
        .chain(principal.may(Scope::Unowned).then_some(""))
        .map(|tenant| List {
            tenant,
            user: principal.user.as_deref(),
            query,
            terms,
        })
        .collect()
}

/// One tenant's part of a list.
struct List<'a> {
    tenant: &'a str,
    user: Option<&'a str>,
    query: &'a ConversationQuery,
    terms: &'a [Term],
}

/// The next entries of all lists together, in order.
fn read_lists(
    connection: &Connection,
    lists: &[List<'_>],
    start: Option<&Place>,
    descending: bool,
    limit: usize,
) -> Attempt<Vec<(Place, DirectoryEntry)>> {
    let mut items = Vec::new();
    for list in lists {
        items.extend(list.read(connection, start, descending, limit)?);
    }
    if lists.len() > 1 {
        items.sort_by(|(a, _), (b, _)| in_order(a, b, descending));
        items.truncate(limit);
    }
    Ok(items)
}

impl List<'_> {
    fn read(
        &self,
        connection: &Connection,
        start: Option<&Place>,
        descending: bool,
        limit: usize,
    ) -> Attempt<Vec<(Place, DirectoryEntry)>> {
        let select = self.select(connection, start, descending, limit)?;
        let mut statement = connection.prepare_cached(&select.sql)?;
        let mut rows = statement.query(params_from_iter(select.values))?;
        let mut items = Vec::new();
        while let Some(row) = rows.next()? {
            let entry = read(&row)?;
            items.push((
                Place(
                    Key::of(&entry, self.query.sort),
                    entry.location.id.to_string(),
                ),
                entry,
            ));
        }
        Ok(items)
    }

    fn select(
        &self,
        connection: &Connection,
        start: Option<&Place>,
        descending: bool,
        limit: usize,
    ) -> Attempt<Select> {
        let mut select = self.selected(connection, COLUMNS)?;
        self.order(&mut select, start, descending, limit);
        Ok(select)
    }

    fn count(&self, connection: &Connection) -> Attempt<u64> {
        let select = self.selected(connection, "count(*)")?;
        let mut statement = connection.prepare_cached(&select.sql)?;
        Ok(statement.query_row(params_from_iter(select.values), |row| row.get(0))?)
    }

    /// The places of entries, without their documents.
    fn places(
        &self,
        connection: &Connection,
        descending: bool,
        limit: u64,
        skip: u64,
    ) -> Attempt<Vec<Place>> {
        let column = self.column().unwrap_or("id");
        let mut select = self.selected(connection, &format!("d.{column}, d.id"))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.order(&mut select, None, descending, limit);
        let skip = i64::try_from(skip).unwrap_or(i64::MAX);
        select.push(" OFFSET ?", [Value::Integer(skip)]);
        let mut statement = connection.prepare_cached(&select.sql)?;
        let mut rows = statement.query(params_from_iter(select.values))?;
        let mut places = Vec::new();
        while let Some(row) = rows.next()? {
            let key = match self.query.sort {
                SortKey::CreatedAt | SortKey::UpdatedAt => Key::Time(row.get(0)?),
                SortKey::Id => Key::Text(String::new()),
                SortKey::Title => Key::Text(row.get(0)?),
            };
            places.push(Place(key, row.get(1)?));
        }
        Ok(places)
    }

    /// The column of what it is sorted by, where that is not the id.
    fn column(&self) -> Option<&'static str> {
        match self.query.sort {
            SortKey::CreatedAt => Some("created_at"),
            SortKey::UpdatedAt => Some("updated_at"),
            SortKey::Id => None,
            SortKey::Title => Some("title"),
        }
    }

    /// What is selected of all entries of the list.
    fn selected(&self, connection: &Connection, what: &str) -> Attempt<Select> {
        let ConversationFilter {
            status,
            kind,
            priority,
            label: _,
            participant: _,
            backend,
            updated_after,
            metadata: _,
        } = &self.query.filter;
        let leading = self.leading(connection)?;
        let tenant = || Value::Text(self.tenant.to_owned());
        let mut select = Select {
            sql: format!("SELECT {what} FROM "),
            values: Vec::new(),
        };
        match leading {
            // CROSS JOIN keeps this order.
            Some(index) => {
                let Term { field, value } = &self.terms[index];
                select.push(
                    "directory_terms t CROSS JOIN directory d ON d.number = t.entry \
                     WHERE t.tenant = ? AND t.field = ? AND t.value = ? AND d.tenant = ? AND d.hidden = 0",
                    [tenant(), Value::Text(field.clone()), Value::Text(value.clone()), tenant()],
                );
            }
            None => select.push(
                "directory d WHERE d.tenant = ? AND d.hidden = 0",
                [tenant()],
            ),
        }
        for (_, Term { field, value }) in self
            .terms
            .iter()
            .enumerate()
            .filter(|(index, _)| Some(*index) != leading)
        {
            select.push(
                " AND EXISTS (SELECT 1 FROM directory_terms x \
                 WHERE x.tenant = ? AND x.field = ? AND x.value = ? AND x.entry = d.number)",
                [
                    tenant(),
                    Value::Text(field.clone()),
                    Value::Text(value.clone()),
                ],
            );
        }
        if let Some(user) = self.user {
            select.push(" AND d.owner = ?", [Value::Text(user.to_owned())]);
        }
        if let Some(backend) = backend {
            select.push(
                " AND d.backend = ?",
                [Value::Text(backend.as_ref().to_owned())],
            );
        }
        if let Some(after) = updated_after {
            select.push(" AND d.updated_at > ?", [Value::Integer(after.as_micros())]);
        }
        select.push_any(
            "status",
            status.iter().map(|status| status.as_str()).collect(),
        )?;
        select.push_any("kind", kind.iter().map(|kind| kind.as_str()).collect())?;
        select.push_any(
            "priority",
            priority.iter().map(|priority| priority.as_str()).collect(),
        )?;
        Ok(select)
    }

    fn order(&self, select: &mut Select, start: Option<&Place>, descending: bool, limit: usize) {
        let column = self.column();
        let (sign, direction) = if descending {
            ("<", "DESC")
        } else {
            (">", "ASC")
        };
        if let Some(Place(key, id)) = start.cloned() {
            match column {
                Some(column) => select.push(
                    &format!(" AND (d.{column}, d.id) {sign} (?, ?)"),
                    [key.into_value(), Value::Text(id)],
                ),
                None => select.push(&format!(" AND d.id {sign} ?"), [Value::Text(id)]),
            }
        }
        let first = column
            .map(|column| format!("d.{column} {direction}, "))
            .unwrap_or_default();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        select.push(
            &format!(" ORDER BY {first}d.id {direction} LIMIT ?"),
            [Value::Integer(limit)],
        );
    }

    /// The rarest term, where it is rare enough to lead.
    fn leading(&self, connection: &Connection) -> Attempt<Option<usize>> {
        let mut leading: Option<(i64, usize)> = None;
        for (index, Term { field, value }) in self.terms.iter().enumerate() {
            let entries: i64 = connection
                .prepare_cached(
                    "SELECT count(*) FROM (SELECT 1 FROM directory_terms \
                     WHERE tenant = ?1 AND field = ?2 AND value = ?3 LIMIT ?4) counted",
                )?
                .query_row(
                    params![self.tenant, field, value, LEADING_MAX_ENTRIES],
                    |row| row.get(0),
                )?;
            let so_far = leading.map_or(LEADING_MAX_ENTRIES, |(fewest, _)| fewest);
            if entries < so_far {
                leading = Some((entries, index));
            }
        }
        Ok(leading.map(|(_, index)| index))
    }
}
