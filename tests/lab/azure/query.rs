//! Azure Resource Graph: the few queries that this lab knows.

use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::ControlPlane;
use super::arm::Asked;
use super::reply::Reply;
use super::resources::{no_route, shown};
use super::store::{id_of, text, within};

/// A query: `resources | where FIELD =~ 'TEXT' [and …] | project FIELD, … | limit N`.
#[derive(Debug, Default)]
struct Query {
    /// A field, the text that it must equal, and whether case matters.
    wanted: Vec<(String, String, bool)>,
    /// The fields of a row; all if empty.
    fields: Vec<String>,
    limit: Option<usize>,
}

impl Query {
    /// Parses a query. Any other form is refused, so that nobody relies on what is not understood.
    fn parse(text: &str) -> Option<Self> {
        let mut own = Self::default();
        let mut parts = text.split('|').map(str::trim);
        if !parts.next()?.eq_ignore_ascii_case("resources") {
            return None;
        }
        for part in parts {
            let (verb, rest) = part.split_once(char::is_whitespace)?;
            match verb {
                "where" => {
                    for clause in rest.split(" and ") {
                        let (field, operator, value) = comparison(clause.trim())?;
                        own.wanted.push((field.to_owned(), value.to_owned(), operator == "=="));
                    }
                }
                "project" => {
                    own.fields = rest.split(',').map(|field| field.trim().to_owned()).collect();
                    let plain = |c: char| c.is_ascii_alphanumeric() || c == '.';
                    if own.fields.iter().any(|field| field.is_empty() || !field.chars().all(plain))
                    {
                        return None;
                    }
                }
                "limit" | "take" => own.limit = Some(rest.trim().parse().ok()?),
                _ => return None,
            }
        }
        Some(own)
    }
}

/// Splits `FIELD =~ 'TEXT'`.
fn comparison(clause: &str) -> Option<(&str, &str, &str)> {
    let at = clause.find(['=', ' '])?;
    let (field, rest) = clause.split_at(at);
    let rest = rest.trim_start();
    let operator = ["=~", "=="].into_iter().find(|one| rest.starts_with(one))?;
    let value = rest[2..].trim();
    let quote = value.chars().next().filter(|c| ['\'', '"'].contains(c))?;
    let inner = value.strip_prefix(quote)?.strip_suffix(quote)?;
    let plain = field.chars().all(|c| c.is_ascii_alphanumeric() || c == '.') && !field.is_empty();
    (plain && !inner.contains(quote)).then_some((field, operator, inner))
}

impl ControlPlane {
    /// Responds to `POST /providers/Microsoft.ResourceGraph/resources`: the shape of the example
    /// ResourcesBasicQuery.json of Azure/azure-rest-api-specs (resourcegraph, 2021-03-01, with
    /// `resultFormat` objectArray). A resource that the caller may not read is no row.
    pub(super) fn resource_graph(&self, asked: &Asked) -> Reply {
        if asked.method != Method::POST {
            return no_route(asked);
        }
        let Some(query) = Query::parse(text(&asked.body, "/query")) else {
            return invalid();
        };
        let only = asked.body.get("subscriptions").and_then(Value::as_array);
        let rows: Vec<_> = self.with(|store| {
            let all = store.all().filter(|one| id_of(one).starts_with("/subscriptions/"));
            // Only what has a location is a resource of this table.
            let all = all.filter(|one| one.get("location").is_some());
            all.map(|one| shown(store, one, "9999")).collect()
        });
        let rows = rows.into_iter().filter(|one| {
            let id = id_of(one);
            let tenant = self.tenants.iter().find(|(own, _)| within(id, &subscription(own)));
            tenant.is_some_and(|(own, tenant)| self.reaches(&asked.who.tenant, own, tenant))
                && only.is_none_or(|many| {
                    let mut ids = many.iter().filter_map(Value::as_str);
                    ids.any(|own| within(id, &subscription(own)))
                })
                && self.permits(asked, &format!("{}/read", text(one, "/type")), id)
        });
        let rows = rows.map(|one| self.row(&one)).filter(|row| {
            query.wanted.iter().all(|(field, value, exact)| {
                let own = field_of(row, field).and_then(Value::as_str).unwrap_or_default();
                if *exact { own == value } else { own.eq_ignore_ascii_case(value) }
            })
        });
        let rows: Vec<_> = rows.take(query.limit.unwrap_or(1_000)).collect();
        let from = text(&asked.body, "/options/$skipToken").parse::<usize>().unwrap_or(0);
        let size = if self.settings.page_size == 0 { 1_000 } else { self.settings.page_size };
        let page: Vec<_> =
            rows.iter().skip(from).take(size).map(|row| project(row, &query.fields)).collect();
        let mut body = json!({
            "totalRecords": rows.len(), "count": page.len(), "facets": [],
            "resultTruncated": "false", "data": page,
        });
        if rows.len() > from.saturating_add(size) {
            body["$skipToken"] = Value::from((from + size).to_string());
        }
        Reply::ok(body)
    }

    /// Returns a resource as a row of the table.
    fn row(&self, one: &Value) -> Value {
        let id = id_of(one).to_owned();
        let mut parts = id.split('/').skip(2);
        let subscription = parts.next().unwrap_or_default();
        let group = parts.nth(1).unwrap_or_default().to_ascii_lowercase();
        let tenant = self.tenants.get(subscription);
        let mut row = json!({
            "kind": "", "managedBy": "", "plan": null, "zones": null, "extendedLocation": null,
            "tags": {}, "identity": null, "sku": null,
            "tenantId": tenant, "subscriptionId": subscription, "resourceGroup": group,
        });
        super::store::merge(&mut row, one);
        row["type"] = Value::from(text(one, "/type").to_ascii_lowercase());
        row
    }
}

fn subscription(id: &str) -> String {
    format!("/subscriptions/{id}")
}

/// Returns a field of a row; dots lead deeper.
fn field_of<'a>(row: &'a Value, field: &str) -> Option<&'a Value> {
    field.split('.').try_fold(row, |row, key| row.get(key))
}

/// Returns the fields of a row that a query asks for; a deep one has its dots replaced, as in
/// Kusto.
fn project(row: &Value, fields: &[String]) -> Value {
    if fields.is_empty() {
        return row.clone();
    }
    let pairs = fields
        .iter()
        .map(|field| (field.replace('.', "_"), field_of(row, field).cloned().unwrap_or_default()));
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// Returns the error of a query in the form of the documentation "Troubleshoot errors using Azure
/// Resource Graph".
fn invalid() -> Reply {
    let body = json!({ "error": {
        "code": "BadRequest",
        "message": "Please provide below info when asking for support: timestamp = 2026-01-08T09:12:31.4410972Z, \
                    correlationId = 5f0c9a1e-7b2d-4c63-8e15-000000000000.",
        "details": [{ "code": "InvalidQuery", "message": "Query is invalid. Please refer to the documentation for \
                      the Azure Resource Graph service and fix the error before retrying." }],
    } });
    Reply::new(StatusCode::BAD_REQUEST, body)
}
