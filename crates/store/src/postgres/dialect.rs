//! Statements in PostgreSQL's words.
//!
//! Statements are written in words that SQLite knows too; what the two say differently is turned here, one rule a
//! function. A statement that needs more than these rules is written in words that both know.

use std::fmt::Write as _;

/// Begins words that are ours alone, until the end of the remark.
const OURS: &str = "/*postgres:";

/// A statement in PostgreSQL's words.
pub(super) fn translate(sql: &str) -> String {
    let sql = sql
        .replace(OURS, "")
        .replace("*/", "")
        // These only tell SQLite's planner in which order and by which index to look.
        .replace("CROSS JOIN", "JOIN")
        .replace(" +d.", " d.")
        .replace("(+d.", "(d.")
        .replace("instr(", "strpos(");
    let sql = without_indexes(&sql);
    let sql = calls(&sql, "json_each(", of_list);
    let sql = calls(&sql, "json_group_array(", as_list);
    let sql = calls(&sql, "max(", greatest);
    let sql = paths(&members(&sql));
    numbered(&sql)
}

/// The list that is bound, a row for each of its members.
fn of_list(list: &str) -> Option<String> {
    Some(format!(
        "(SELECT value, ordinality - 1 AS key FROM json_array_elements_text(CAST({list} AS json)) \
         WITH ORDINALITY AS listed (value, ordinality))"
    ))
}

/// A list of what is found, as JSON text.
fn as_list(what: &str) -> Option<String> {
    Some(format!("CAST(coalesce(json_agg({what}), '[]') AS text)"))
}

/// The greater of two. Unlike SQLite's it is null only where both are: statements say `coalesce` where it matters.
fn greatest(of: &str) -> Option<String> {
    let mut depth = 0;
    let has_two = of.chars().any(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        character == ',' && depth == 0
    });
    has_two.then(|| format!("greatest({of})"))
}

/// Replaces each call of a function, `name` with its bracket, by what `turned` makes of its arguments; one of which it
/// makes nothing stays.
fn calls(sql: &str, name: &str, turned: fn(&str) -> Option<String>) -> String {
    let Some(at) = find_call(sql, name) else {
        return sql.to_owned();
    };
    let (before, rest) = (&sql[..at], &sql[at + name.len()..]);
    let mut depth = 1;
    let Some(end) = rest.find(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    }) else {
        return sql.to_owned();
    };
    let arguments = calls(&rest[..end], name, turned);
    let call = turned(&arguments).unwrap_or_else(|| format!("{name}{arguments})"));
    format!("{before}{call}{}", calls(&rest[end + 1..], name, turned))
}

/// Where a function is called: its name is no end of another.
fn find_call(sql: &str, name: &str) -> Option<usize> {
    sql.match_indices(name)
        .map(|(at, _)| at)
        .find(|at| !sql[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_'))
}

/// Members of a list that are lists themselves: SQLite reads any text as JSON.
fn members(sql: &str) -> String {
    let mut sql = sql.to_owned();
    for value in ["j.value", "value"] {
        for index in 0..4 {
            let read = format!("{value} ->> {index}");
            sql = replace_words(&sql, &read, &format!("(CAST({value} AS json) ->> {index})"));
        }
    }
    sql
}

/// Members of a document, by their path: SQLite reads any text as JSON.
fn paths(sql: &str) -> String {
    const READ: &str = " ->> '$.";
    let mut turned = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some((before, after)) = rest.split_once(READ) {
        let column = before
            .rfind(|character: char| !(character.is_alphanumeric() || "_.".contains(character)))
            .map_or(0, |at| at + 1);
        let (path, further) = after.split_once('\'').unwrap_or((after, ""));
        turned.push_str(&before[..column]);
        // A string takes all that is written to it.
        let _always = write!(
            turned,
            "(CAST({} AS json) #>> '{{{}}}')",
            &before[column..],
            path.replace('.', ",")
        );
        rest = further;
    }
    turned.push_str(rest);
    turned
}

/// Replaces where what stands before is no part of the same name.
fn replace_words(sql: &str, from: &str, to: &str) -> String {
    let mut turned = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(from) {
        let is_name =
            rest[..at].ends_with(|before: char| before.is_alphanumeric() || before == '.');
        turned.push_str(&rest[..at]);
        turned.push_str(if is_name { from } else { to });
        rest = &rest[at + from.len()..];
    }
    turned.push_str(rest);
    turned
}

/// Without the indexes that SQLite is told to use.
fn without_indexes(sql: &str) -> String {
    const WORDS: &str = " INDEXED BY ";
    let mut turned = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find(WORDS) {
        turned.push_str(&rest[..at]);
        let name = &rest[at + WORDS.len()..];
        rest = name.find(' ').map_or("", |end| &name[end..]);
    }
    turned.push_str(rest);
    turned
}

/// Values by number, as PostgreSQL writes them: `?3` is `$3`, and `?` the one after the last. What stands in quotes is
/// left alone.
fn numbered(sql: &str) -> String {
    let mut turned = String::with_capacity(sql.len() + 16);
    let (mut is_quoted, mut count) = (false, 0);
    let mut characters = sql.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                is_quoted = !is_quoted;
                turned.push(character);
            }
            '?' if !is_quoted => {
                turned.push('$');
                if !characters.peek().is_some_and(char::is_ascii_digit) {
                    count += 1;
                    // A string takes all that is written to it.
                    let _always = write!(turned, "{count}");
                }
            }
            character => turned.push(character),
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_numbered() {
        assert_eq!(
            translate("SELECT a FROM b WHERE c = ?2 AND d = ?1 AND e = '?'"),
            "SELECT a FROM b WHERE c = $2 AND d = $1 AND e = '?'"
        );
        assert_eq!(translate("a = ? AND b > ?"), "a = $1 AND b > $2");
    }

    #[test]
    fn the_greater_of_two_is_no_aggregate() {
        assert_eq!(
            translate("SELECT max(a), max(coalesce(b, ?1), ?1), climax(c, d)"),
            "SELECT max(a), greatest(coalesce(b, $1), $1), climax(c, d)"
        );
    }

    #[test]
    fn lists_are_bound_and_made() {
        let turned = translate(
            "SELECT j.key, j.value ->> 1 FROM json_each(?3) j CROSS JOIN m ON m.id = j.value ->> 0",
        );
        assert!(
            turned.contains("json_array_elements_text(CAST($3 AS json))"),
            "{turned}"
        );
        assert!(
            turned.contains(") j JOIN m ON m.id = (CAST(j.value AS json) ->> 0)"),
            "{turned}"
        );
        assert_eq!(
            translate("(SELECT json_group_array(DISTINCT b.native) FROM b)"),
            "(SELECT CAST(coalesce(json_agg(DISTINCT b.native), '[]') AS text) FROM b)"
        );
    }

    #[test]
    fn members_of_documents_are_read() {
        assert_eq!(
            translate("DELETE FROM a WHERE record ->> '$.principal.tenant' = ?1 AND b = 2"),
            "DELETE FROM a WHERE (CAST(record AS json) #>> '{principal,tenant}') = $1 AND b = 2"
        );
    }

    #[test]
    fn hints_of_sqlite_are_left_out() {
        assert_eq!(
            translate("SELECT a FROM b INDEXED BY b_by_c WHERE +d.c = ?1 AND (+d.e, +d.f) IN (?2)"),
            "SELECT a FROM b WHERE d.c = $1 AND (d.e, d.f) IN ($2)"
        );
    }

    #[test]
    fn what_is_said_to_postgres_alone_is_said() {
        assert_eq!(
            translate(&format!(
                "SELECT a FROM b WHERE c = ?1{}",
                crate::sql::LOCKED
            )),
            "SELECT a FROM b WHERE c = $1  FOR UPDATE"
        );
    }
}
