//! Steps: which calls each of them is, and with what.

use super::Rest;
use super::answers::Came;
use super::call::Call;
use super::description::Entitling;
use super::known::Known;
use super::request::shown;
use super::run::{Aim, misfit};
use crate::account::{Entitlement, Profile, Step};
use crate::provision::connector::{Call as Shown, Fault, Key, Refusal};
use serde_json::{Value, json};

impl Rest {
    /// Takes `step`; returns the target's own id of an account, where it is told.
    pub(super) async fn take(&self, key: &Key, step: &Step) -> Result<Option<String>, Fault> {
        let mut known = self.known_for(Some(key), step).map_err(misfit)?;
        match step {
            Step::Create(_) => self.create(key, known).await,
            Step::Adopt { native_id } => {
                if let Some(calls) = &self.description.adopt {
                    self.run(Aim::Step).all(calls, &mut known).await?;
                }
                Ok(Some(native_id.clone()))
            }
            Step::Give { entitlement, .. } => {
                let calls = self.entitling(&self.description.give, entitlement)?;
                // Where the group is made if there is none of its name, two first members must not make two.
                let _one_at_a_time = self.giving.lock().await;
                match self.run(Aim::Step).all(calls, &mut known).await? {
                    Came::NotFound => {
                        Err(Fault::transient(format!("finds no {entitlement}, or no such account")))
                    }
                    Came::Done | Came::Already => Ok(None),
                }
            }
            Step::Take { entitlement, .. } => {
                let calls = self.entitling(&self.description.take, entitlement)?;
                self.run(Aim::Step).all(calls, &mut known).await.map(|_| None)
            }
            // Gone meanwhile: the next look sees that, and what follows from it.
            step => self.run(Aim::Step).all(self.calls_of(step), &mut known).await.map(|_| None),
        }
    }

    async fn create(&self, key: &Key, mut known: Known) -> Result<Option<String>, Fault> {
        let looked = known.clone();
        match self.run(Aim::Step).all(&self.description.create, &mut known).await {
            Ok(Came::Done | Came::Already) => {
                Ok(known.get("id").as_ref().and_then(super::expression::text).filter(|id| !id.is_empty()))
            }
            Ok(Came::NotFound) => Err(misfit("finds nothing to make an account in".to_owned())),
            Err(conflict @ Fault::Refused { why: Refusal::Conflict, .. }) => {
                // Made by a call whose answer was lost, or by another worker: then it is ours.
                match self.by_mark(key, &looked).await? {
                    Some(told) => told.id(self.how()).map(Some).map_err(misfit),
                    None => Err(conflict),
                }
            }
            Err(fault) => Err(fault),
        }
    }

    /// The calls of `step` that change something, as far as it is known beforehand which.
    pub(super) fn shown(&self, step: &Step) -> Vec<Shown> {
        let calls = match step {
            Step::Give { entitlement, .. } => {
                self.entitling(&self.description.give, entitlement).unwrap_or_default()
            }
            Step::Take { entitlement, .. } => {
                self.entitling(&self.description.take, entitlement).unwrap_or_default()
            }
            step => self.calls_of(step),
        };
        let known = self.known_for(None, step).unwrap_or_default();
        let what = |call: &Call| match &call.when {
            Some(when) => format!("{}, where {when}", what(step)),
            None => what(step),
        };
        calls.iter().filter(|call| !call.call.reads()).map(|call| shown(call, &known, &what(call))).collect()
    }

    fn calls_of(&self, step: &Step) -> &[Call] {
        let description = &self.description;
        let calls = match step {
            Step::Create(_) => Some(&description.create),
            Step::Enable { .. } => Some(&description.enable),
            Step::Disable { .. } => Some(&description.disable),
            Step::Adopt { .. } => description.adopt.as_ref(),
            Step::Update { .. } => description.update.as_ref(),
            Step::Delete { .. } => description.delete.as_ref(),
            Step::EndSessions { .. } => description.sessions.as_ref(),
            Step::HandOver { .. } => description.hand_over.as_ref(),
            Step::Give { .. } | Step::Take { .. } => None,
        };
        calls.map(Vec::as_slice).unwrap_or_default()
    }

    fn entitling<'a>(&'a self, how: &'a Entitling, what: &Entitlement) -> Result<&'a [Call], Fault> {
        let (calls, kind) = match what {
            Entitlement::Group(_) => (&how.group, "groups"),
            Entitlement::Role(_) => (&how.role, "roles"),
        };
        calls
            .as_deref()
            .ok_or_else(|| misfit(format!("{} has no {kind} that we give", self.description.title)))
    }

    /// What is known when `step` is taken.
    fn known_for(&self, key: Option<&Key>, step: &Step) -> Result<Known, String> {
        let (id, profile): (Option<&String>, Option<&Profile>) = match step {
            Step::Create(profile) => (None, Some(profile)),
            Step::Update { native_id, profile } => (Some(native_id), Some(profile)),
            Step::Adopt { native_id }
            | Step::Enable { native_id }
            | Step::Disable { native_id }
            | Step::EndSessions { native_id }
            | Step::HandOver { native_id, .. }
            | Step::Delete { native_id }
            | Step::Give { native_id, .. }
            | Step::Take { native_id, .. } => (Some(native_id), None),
        };
        let mut known = self.known(key, profile)?;
        // Of one that is yet to be made, it is not known.
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            known.learn("id", json!(id));
        }
        match step {
            Step::Give { entitlement: Entitlement::Group(name), .. }
            | Step::Take { entitlement: Entitlement::Group(name), .. } => known.learn("group", json!(name)),
            Step::Give { entitlement: Entitlement::Role(name), .. }
            | Step::Take { entitlement: Entitlement::Role(name), .. } => known.learn("role", json!(name)),
            Step::HandOver { heir, .. } => known.learn("heir", json!(heir)),
            _ => {}
        }
        known.name(&self.description.names)?;
        Ok(known)
    }

    /// What is known in every call: of the target, of whose account it is, and of what the account is to be.
    pub(super) fn known(&self, key: Option<&Key>, profile: Option<&Profile>) -> Result<Known, String> {
        let mut known = Known::default()
            .with("settings", self.settings.clone())
            .with("groups", profile.map_or_else(|| json!([]), groups));
        if let Some(key) = key {
            known.learn("external_id", json!(key.external_id));
        }
        if let Some(profile) = profile {
            let attribute = |name: &String| {
                (name.clone(), profile.attributes.get(name).map_or(Value::Null, |value| json!(value)))
            };
            let attributes = self.how().attributes.keys().map(attribute).collect();
            let expires = self.how().expires.as_ref().zip(profile.expires);
            known.learn("user_name", json!(profile.user_name));
            known.learn("display_name", json!(profile.display_name));
            known.learn("email", json!(profile.email));
            known.learn("attributes", Value::Object(attributes));
            known.learn("expires", expires.map_or(Value::Null, |(how, deadline)| how.written(deadline)));
        }
        known.name(&self.description.names)?;
        Ok(known)
    }
}

/// The names of the groups that an account is to be in.
fn groups(profile: &Profile) -> Value {
    let group = |one: &Entitlement| match one {
        Entitlement::Group(name) => Some(json!(name)),
        Entitlement::Role(_) => None,
    };
    profile.entitlements.iter().filter_map(group).collect()
}

/// What a step comes to, in a few words.
fn what(step: &Step) -> String {
    match step {
        Step::Create(profile) => format!("make {}", profile.user_name),
        Step::Update { profile, .. } => {
            let attributes = profile.attributes.iter().map(|(name, value)| format!("{name} {value}"));
            let named = [Some(&profile.user_name), profile.display_name.as_ref(), profile.email.as_ref()];
            let named = named.into_iter().flatten().cloned().chain(attributes);
            format!("set {}", named.collect::<Vec<_>>().join(", "))
        }
        Step::Adopt { .. } => "put our mark on it".to_owned(),
        Step::Enable { .. } => "enable it".to_owned(),
        Step::Disable { .. } => "disable it".to_owned(),
        Step::EndSessions { .. } => "end its sessions".to_owned(),
        Step::HandOver { heir, .. } => format!("hand its work to {heir}"),
        Step::Delete { .. } => "delete it".to_owned(),
        Step::Give { entitlement, .. } => format!("give {entitlement}"),
        Step::Take { entitlement, .. } => format!("take {entitlement}"),
    }
}
