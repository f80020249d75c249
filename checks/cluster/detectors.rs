//! What do AKS's own detectors say of it?
//!
//! They are quoted beside the verdict and never decide it. Azure Resource Manager runs a detector
//! when it is read: `managedClusters/NAME/detectors/ID`. Ids, request and answer are those of
//! Azure/vscode-aks-tools (`src/commands/utils/detectors.ts`, and the recorded answers below
//! `webview-ui/src/manualTest/detectorData`); there is no public specification of them.

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{Cluster, Problem};
use crate::{
    arm::ControlPlane,
    data_path::DataPath,
    kit::{
        Cx, NoFact, StepResult,
        azure::resource::{property, text},
    },
};

/// The version of the API that is asked.
const API: &str = "2024-05-01";
/// How long all detectors together may take: each one analyses the cluster while it is waited for.
pub const DETECTOR_WAIT: Duration = Duration::from_secs(15);
/// The detectors that look at the way out of the cluster.
const OF_NETWORK: [&str; 3] = ["snat-usage", "user-defined-routing", "cluster-subnet"];
/// The one that looks at the cluster's service principal.
const OF_PRINCIPAL: [&str; 1] = ["InvalidClientServicePrincipal"];
/// The kind of a table that holds insights: a status and a message.
const INSIGHTS: u64 = 7;
/// How many tables of an answer are read. The recorded ones have up to 20.
const MAX_TABLES: usize = 64;
/// How many statements of one detector are quoted.
const MAX_QUOTES: usize = 2;

/// What AKS's own detectors say.
#[derive(Serialize)]
pub struct Detectors {
    /// What they object to, in their words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quoted: Vec<String>,
    /// The detectors that answered.
    asked: Vec<&'static str>,
}

/// Reads the detectors that concern the way in which a pull failed.
pub async fn detectors(
    cx: &Cx,
    control_plane: &ControlPlane,
    cluster: &Cluster,
    pull: &DataPath,
) -> StepResult<Detectors> {
    let concerned = concerned(cluster, pull);
    if concerned.is_empty() {
        return Err(NoFact::skipped(Problem::NoDetectorConcerned {}));
    }
    let readings = concerned.iter().map(|id| {
        let path = format!("{}/detectors/{id}", cluster.id());
        async move { Some((*id, control_plane.read(cx, &path, API).await.ok()?)) }
    });
    let answers = timeout(DETECTOR_WAIT, join_all(readings)).await.unwrap_or_default();
    let answers: Vec<(&'static str, Value)> = answers.into_iter().flatten().collect();
    if answers.is_empty() {
        return Err(NoFact::skipped(Problem::DetectorsNotRead {}));
    }
    Ok(Detectors {
        quoted: answers.iter().flat_map(|(_, answer)| objections(answer)).collect(),
        asked: answers.iter().map(|(id, _)| *id).collect(),
    })
}

/// Returns the detectors that look at what failed.
fn concerned(cluster: &Cluster, pull: &DataPath) -> Vec<&'static str> {
    if pull.works() {
        return vec![];
    }
    if pull.unreached().is_some() {
        return OF_NETWORK.to_vec();
    }
    let is_sign_in = pull.failure().is_some_and(|found| found.code.starts_with("token/"))
        || matches!(&*pull.identity, Err(NoFact::Failed(_)));
    if is_sign_in && cluster.has_service_principal() { OF_PRINCIPAL.to_vec() } else { vec![] }
}

/// Returns what a detector objects to: of each table of insights the first row counts, with a status
/// other than `Success` (as `getStatusForInsightDataset` of Azure/vscode-aks-tools has it; `AppLens`
/// also knows `Info` and `None`).
pub fn objections(answer: &Value) -> Vec<String> {
    let name = text(answer, "properties.metadata.name").unwrap_or("AKS");
    let tables = property(answer, "properties.dataset").and_then(Value::as_array);
    let tables = tables.into_iter().flatten().take(MAX_TABLES);
    let insights = tables.filter(|table| {
        property(table, "renderingProperties.type").and_then(Value::as_u64) == Some(INSIGHTS)
    });
    let quotes = insights.filter_map(|table| {
        let (status, message) = (cell(table, "Status")?, cell(table, "Message")?);
        let is_fine = ["success", "info", "none"].contains(&&*status.to_ascii_lowercase());
        (!is_fine && !message.is_empty()).then(|| format!("{name}: {status}: {message}"))
    });
    let mut found: Vec<String> = vec![];
    for quote in quotes {
        if !found.contains(&quote) && found.len() < MAX_QUOTES {
            found.push(quote);
        }
    }
    found
}

/// Returns a text in the first row of a table, by the name of its column.
fn cell<'t>(table: &'t Value, column: &str) -> Option<&'t str> {
    let columns = property(table, "table.columns")?.as_array()?;
    let place = columns.iter().position(|one| text(one, "columnName") == Some(column))?;
    property(table, "table.rows")?.as_array()?.first()?.as_array()?.get(place)?.as_str()
}

impl Cluster {
    /// Returns whether its nodes sign in as a service principal and not as a managed identity.
    fn has_service_principal(&self) -> bool {
        let client = self.resource.text("properties.servicePrincipalProfile.clientId");
        client.is_some_and(|client| client != "msi")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(kind: u64, rows: &Value) -> Value {
        let columns = ["Message", "Status"].map(|name| json!({ "columnName": name }));
        json!({ "renderingProperties": { "type": kind }, "table": { "columns": columns, "rows": rows } })
    }

    #[test]
    fn what_is_not_a_success_is_quoted() {
        let said = |tables: Value| {
            objections(
                &json!({ "properties": { "metadata": { "name": "SNAT" }, "dataset": tables } }),
            )
        };
        let bad = table(7, &json!([["no ports", "Critical"], ["second row", "Critical"]]));
        assert_eq!(said(json!([bad, bad])), ["SNAT: Critical: no ports"]);
        let fine = json!([["fine", "Success"]]);
        let odd = json!([
            table(7, &fine),
            table(9, &json!([["x", "Critical"]])),
            table(7, &json!([[1]])),
            3
        ]);
        assert_eq!(said(odd), [""; 0]);
        for none in [json!({}), json!(null), json!({ "properties": { "dataset": {} } })] {
            assert_eq!(objections(&none), [""; 0]);
        }
    }
}
