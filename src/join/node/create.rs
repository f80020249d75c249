//! Creates the Jobs, after one that owns all the others and what carries the agent; deletes that one.

use std::time::Duration;

use checks::kit::{
    kube::{
        DeleteParams, JobProblem, KubeError, KubeRequest, List, ListParams, Object, PostParams,
    },
    net::Fault,
};
use futures::{
    future::join_all,
    stream::{self, StreamExt},
};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::{jobs::Jobs, manifest::Start, starts::Starts};

/// How many requests are under way at once.
const AT_ONCE: usize = 16;
/// The pause between the ConfigMaps and the pods that mount them. An API server that is still handing
/// megabytes on to all who watch them may tell a node's kubelet of a pod before it tells its own
/// authorizer of nodes; then that kubelet is refused the ConfigMaps, and asks again after a second.
/// Without the pause that befell 3 of 30 Jobs on an idle cluster, with 60 ms none of 30.
const HAND_ON: Duration = Duration::from_millis(100);
/// How long deleting may take.
const DELETE_WAIT: Duration = Duration::from_secs(20);
/// How often the owner is looked for where its creation was not answered, and the pause between.
const LOOKS_FOR_OWNER: u32 = 6;
const LOOK_PAUSE: Duration = Duration::from_secs(1);

impl Jobs<'_> {
    /// Creates everything. What a kubelet finds missing it looks for again only after a pause, which
    /// grows: so what the pods mount is there before them.
    pub(super) async fn create_all(&self) {
        let starts = Starts::of(self.settings, self.nodes, self.packages).await;
        for (number, why) in &starts.unable {
            self.settle(*number, Err(why.clone()));
        }
        let Some(owner) = starts.owner(self.settings, self.nodes) else { return };
        let owner = match self.create_owner(owner, starts.maps(self.settings)).await {
            Ok(owner) => owner,
            Err(error) => {
                let refused = || Err(self.refused(&error));
                return starts.able.iter().for_each(|(number, _)| self.settle(*number, refused()));
            }
        };
        for (number, start) in &starts.able {
            self.slots.borrow_mut()[*number].start = Some(start.clone());
        }
        let jobs = stream::iter(&starts.able);
        let creating = jobs.map(|(number, start)| self.create(*number, start, &owner));
        creating.buffer_unordered(AT_ONCE).for_each(|()| std::future::ready(())).await;
    }

    /// Creates the Job without a pod, and the ConfigMaps that it owns. Returns its id.
    async fn create_owner(&self, owner: Value, maps: Vec<Value>) -> Result<String, KubeError> {
        self.may_own.set(true);
        let owner = self.create_job(&self.settings.owner_name(), &owner).await?.metadata.uid;
        let path = format!("/api/v1/namespaces/{}/configmaps", self.settings.namespace);
        let create = async |map: Value| {
            let map = self.settings.owned(map, &owner).to_string().into_bytes();
            let request = KubeRequest::new(&path).create(&PostParams::default(), map)?;
            self.kube.ask::<Object>(self.cx, request).await
        };
        let has_maps = !maps.is_empty();
        for created in join_all(maps.into_iter().map(create)).await {
            match created {
                Err(error) if !error.is_already_there() => return Err(error),
                _ => {}
            }
        }
        if has_maps {
            sleep(HAND_ON).await;
        }
        self.note_progress();
        Ok(owner)
    }

    fn refused(&self, error: &KubeError) -> JobProblem {
        JobProblem::refused(error, &self.settings.namespace)
    }

    /// Creates the Job of a node.
    async fn create(&self, number: usize, start: &Start, owner: &str) {
        let job = self.settings.job(number, &self.nodes[number], start);
        let job = self.settings.owned(job, owner);
        match self.create_job(&self.settings.name(number), &job).await {
            Ok(job) => self.job_created(number, job.metadata.uid).await,
            Err(error) => self.settle(number, Err(self.refused(&error))),
        }
    }

    /// Creates a Job, or finds the one that a request made whose answer did not arrive.
    async fn create_job(&self, name: &str, job: &Value) -> Result<Object, KubeError> {
        let job = serde_json::to_vec(job).unwrap_or_default();
        let request = self.jobs().create(&PostParams::default(), job)?;
        let created = match self.kube.ask(self.cx, request).await {
            Err(error) if error.is_already_there() => self.existing(name).await,
            created => created,
        };
        self.created.set(self.created.get() + usize::from(created.is_ok()));
        created
    }

    /// Returns the Job of this run with that name. It is listed, which we may: not to read one alone.
    async fn existing(&self, name: &str) -> Result<Object, KubeError> {
        let params = ListParams::default().labels(&self.settings.selector());
        let listed = self.kube.ask::<List<Object>>(self.cx, self.jobs().list(&params)?).await?;
        let found = listed.items.into_iter().find(|job| job.metadata.name == name);
        found.ok_or(KubeError::Unreadable)
    }

    /// Deletes the Job that owns everything else, which goes with it: Kubernetes' garbage collector
    /// sees to that, also for what a request creates that was under way. Returns how many Jobs that are.
    pub(super) async fn delete_all(&self) -> usize {
        if !self.may_own.get() {
            return 0;
        }
        let deleted = timeout(DELETE_WAIT, self.delete_owner()).await;
        let deleted = deleted.unwrap_or(Err(KubeError::Broken(Fault::TimedOut)));
        let Err(error) = deleted else { return self.created.get() };
        // The first may exist where its creation was not answered.
        let (count, said) = (self.created.get().max(1), error.said());
        let namespace = self.settings.namespace.clone();
        self.cx.add_finding(JobProblem::LeftBehind { count, namespace, said });
        0
    }

    async fn delete_owner(&self) -> Result<(), KubeError> {
        // Jobs orphan what they own unless this is asked for (batch/v1).
        let params = DeleteParams::background();
        for look in 0..LOOKS_FOR_OWNER {
            if look > 0 {
                sleep(LOOK_PAUSE).await;
            }
            let request = self.jobs().delete(&self.settings.owner_name(), &params)?;
            match self.kube.ask::<Value>(self.cx, request).await {
                // Where its creation was not answered, it may still come.
                Err(error) if error.status() == Some(404) && self.created.get() == 0 => {}
                Err(error) if error.status() == Some(404) => return Ok(()),
                Err(error) => return Err(error),
                Ok(_) => return Ok(()),
            }
        }
        Ok(())
    }
}
