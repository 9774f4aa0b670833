//! Why a token opens nothing.

/// Why a token opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It is not believed; why, in words.
    Invalid(String),
    /// It is not good for what the app asks.
    Scope,
    /// The provider vouches for it, and whoever shows it is not let in: the reason's code.
    NotAdmitted(&'static str),
    /// Nothing is known: the provider cannot be asked.
    ProviderAway,
    /// Nothing is known: the store cannot be asked.
    StoreAway,
}

impl Refusal {
    /// Whether it holds for a while: what nobody could find out may be known in a moment.
    pub(super) fn lasts(&self) -> bool {
        match self {
            Self::Invalid(_) | Self::Scope | Self::NotAdmitted(_) => true,
            Self::ProviderAway | Self::StoreAway => false,
        }
    }
}
