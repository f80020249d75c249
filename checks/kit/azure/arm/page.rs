//! The pages of lists and of Resource Graph queries.

use serde_json::Value;

/// One page of a list.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// The items.
    pub items: Vec<Value>,
    /// The link to the next page.
    pub next: Option<String>,
}

impl Page {
    /// Parses a page: an object with the array `value`, and `nextLink` unless it is the last one.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let Value::Array(items) = body.get_mut("value")?.take() else { return None };
        let next = match &body["nextLink"] {
            Value::Null => None,
            Value::String(link) if link.is_empty() => None,
            Value::String(link) => Some(link.clone()),
            _ => return None,
        };
        Some(Self { items, next })
    }
}

/// One page of a query's result (`resultFormat` `objectArray`).
#[derive(Debug, PartialEq)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Value>,
    /// The token that the next page is requested with.
    pub skip_token: Option<String>,
    /// Whether the result was cut: then this page without a token is not the last one.
    pub is_truncated: bool,
    /// How many rows there are in all pages.
    pub total: Option<u64>,
}

impl Rows {
    /// Parses a page.
    ///
    /// The fields are those of `QueryResponse` in Azure/azure-rest-api-specs,
    /// resourcegraph/2022-10-01; `resultTruncated` is a string there.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut body: Value = serde_json::from_slice(body).ok()?;
        let Value::Array(rows) = body.get_mut("data")?.take() else { return None };
        let skip_token = body["$skipToken"].as_str().filter(|token| !token.is_empty());
        let is_truncated = match &body["resultTruncated"] {
            Value::Bool(truncated) => *truncated,
            Value::String(said) => said.eq_ignore_ascii_case("true"),
            _ => false,
        };
        let skip_token = skip_token.map(str::to_owned);
        Some(Self { rows, skip_token, is_truncated, total: body["totalRecords"].as_u64() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn page(body: &Value) -> Option<Page> {
        Page::read(body.to_string().as_bytes())
    }

    #[test]
    fn what_is_no_page_is_none() {
        assert_eq!(page(&json!({ "value": [] })), Some(Page { items: vec![], next: None }));
        let next = json!({ "value": [1], "nextLink": "https://a.example" });
        assert_eq!(page(&next).unwrap().next.as_deref(), Some("https://a.example"));
        assert_eq!(page(&json!({ "value": [], "nextLink": "" })).unwrap().next, None);
        for body in
            [json!([]), json!({}), json!({ "value": {} }), json!({ "value": [], "nextLink": 1 })]
        {
            assert_eq!(page(&body), None, "{body}");
        }
        assert_eq!(Page::read("[".repeat(100_000).as_bytes()), None);
    }

    #[test]
    fn a_cut_result_says_so() {
        let rows = |body: Value| Rows::read(body.to_string().as_bytes());
        let cut =
            rows(json!({ "data": [1], "resultTruncated": "true", "totalRecords": 9 })).unwrap();
        assert!(cut.is_truncated && cut.skip_token.is_none() && cut.total == Some(9));
        let whole = rows(json!({ "data": [], "resultTruncated": "false", "$skipToken": "x" }));
        assert!(!whole.as_ref().unwrap().is_truncated && whole.unwrap().skip_token.is_some());
        // The format `table`, which was not asked for.
        assert_eq!(rows(json!({ "data": { "columns": [], "rows": [] } })), None);
    }
}
