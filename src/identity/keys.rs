//! Signing keys as values.
pub struct SigningKey(Vec<u8>);
impl SigningKey {
    pub fn generate() -> Result<Self, String> {
        Ok(Self(vec![1]))
    }
    pub fn from_pkcs8(b: &[u8]) -> Result<Self, String> {
        Ok(Self(b.to_vec()))
    }
    pub fn pkcs8(&self) -> &[u8] {
        &self.0
    }
}
