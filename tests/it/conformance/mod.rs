//! What the OpenID Foundation's suite for relying parties asks, module by module, and what we ask beyond it.
//! `docs/conformance.md` says which case stands for which module. Each case proves first that the plain sign-in passes, for
//! a refusal alone shows nothing.

mod back_channel;
mod client;
mod elsewhere;
mod form_post;
mod front_channel;
mod id_token;
mod keys;
mod sign_out;
mod userinfo;
