//! How many outbound connections of the cluster failed for lack of a port, by Azure Monitor.
//!
//! The metrics and their dimension `ConnectionState` are those of "Supported metrics for
//! Microsoft.Network/loadBalancers" and "… /natGateways"; the request and its answer are
//! `Metrics_List` of Azure/azure-rest-api-specs, Microsoft.Insights (2018-01-01).

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{
    arm::ControlPlane,
    kit::{Cx, StepResult, azure::resource::property, azure::resource::text, target::ResourceId},
};

/// The version of the API for metrics.
const API: &str = "2018-01-01";
/// How far back is looked.
const SPAN: SignedDuration = SignedDuration::from_hours(1);
/// How many points are read: each minute of an hour, for each combination of dimensions.
const MAX_POINTS: usize = 4096;

/// Connections that failed in one minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailedAt {
    /// The minute.
    pub at: Timestamp,
    /// How many.
    pub count: u64,
}

/// Returns the minutes of the last hour in which connections failed at a load balancer or at a NAT
/// gateway.
pub(super) async fn failed(
    cx: &Cx,
    control_plane: &ControlPlane,
    id: &ResourceId,
) -> StepResult<Vec<FailedAt>> {
    let is_gateway = id.as_str().to_ascii_lowercase().contains("/natgateways/");
    let metric = if is_gateway { "SNATConnectionCount" } else { "SnatConnectionCount" };
    let now = control_plane.now(cx);
    let from = now.checked_sub(SPAN).unwrap_or(now);
    let (path, span) =
        (format!("{id}/providers/Microsoft.Insights/metrics"), format!("{from}/{now}"));
    let query = [
        ("metricnames", metric),
        ("aggregation", "Total"),
        ("interval", "PT1M"),
        ("timespan", &span),
        ("$filter", "ConnectionState eq 'Failed'"),
    ];
    let answer = control_plane.read_with(cx, &path, API, &query).await?;
    Ok(failures(&answer))
}

/// Reads the minutes in which a metric was above zero. What cannot be read did not happen.
pub fn failures(answer: &Value) -> Vec<FailedAt> {
    let list = |value: &Value, name: &str| -> Vec<Value> {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let series = list(answer, "value").into_iter().flat_map(|metric| list(&metric, "timeseries"));
    let points = series.flat_map(|series| list(&series, "data")).take(MAX_POINTS);
    let failed = points.filter_map(|point| {
        let at = text(&point, "timeStamp")?.parse().ok()?;
        let total = property(&point, "total")?.as_f64().filter(|total| *total >= 1.0)?;
        // A count is no larger than this; a conversion of floats is saturating.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at least 1")]
        let count = total as u64;
        Some(FailedAt { at, count })
    });
    failed.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn minutes_with_failures() {
        let point = |minute: &str, total: Value| json!({ "timeStamp": format!("2026-11-28T14:{minute}:00Z"), "total": total });
        let data = [
            point("01", json!(0.0)),
            point("02", json!(17.0)),
            point("03", json!("many")),
            point("04", json!(-3)),
            point("x", json!(1)),
            json!({ "timeStamp": "2026-11-28T14:05:00Z" }),
            point("06", json!(1e300)),
        ];
        let answer = json!({ "value": [{ "timeseries": [{ "data": data }, {}] }, 3] });
        let found = failures(&answer);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].count, found[0].at.to_string()), (17, "2026-11-28T14:02:00Z".into()));
        assert_eq!(found[1].count, u64::MAX);
        for none in [json!(null), json!([]), json!({ "value": [] }), json!({ "value": {} })] {
            assert_eq!(failures(&none), []);
        }
    }
}
