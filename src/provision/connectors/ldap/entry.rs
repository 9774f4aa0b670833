//! An entry as it is found.

use ldap3::SearchEntry;

/// An entry. Names of attributes are read without case (RFC 4512, section 2.5).
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    /// Names, and what they hold.
    attributes: Vec<(String, Vec<Vec<u8>>)>,
}

impl From<SearchEntry> for Entry {
    fn from(SearchEntry { dn, attrs, bin_attrs }: SearchEntry) -> Self {
        let texts = attrs
            .into_iter()
            .map(|(name, values)| (name, values.into_iter().map(String::into_bytes).collect()));
        // Where one value is no text, all are here, too.
        Self { dn, attributes: bin_attrs.into_iter().chain(texts).collect() }
    }
}

impl Entry {
    fn raw(&self, name: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }

    /// The values of an attribute that are texts.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.raw(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    pub(super) fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.raw(name).first().map(Vec::as_slice)
    }

    /// The value of an attribute that is as wanted, but for case, or else its first.
    pub(super) fn like(&self, name: &str, wanted: &str) -> Option<&str> {
        let same = self.values(name).find(|value| *value == wanted);
        let alike = || self.values(name).find(|value| value.to_lowercase() == wanted.to_lowercase());
        same.or_else(alike).or_else(|| self.first(name))
    }

    /// Whether it is of this object class.
    pub(super) fn is_a(&self, class: &str) -> bool {
        self.values("objectClass").any(|found| found.eq_ignore_ascii_case(class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_whatever_they_are() {
        let entry = Entry::from(SearchEntry {
            dn: "uid=ada,dc=x".into(),
            attrs: [("Mail".to_owned(), vec!["a@x".to_owned(), "B@x".to_owned()])].into(),
            bin_attrs: [("objectGUID".to_owned(), vec![vec![0xff, 1]])].into(),
        });
        assert_eq!(entry.like("mail", "b@x"), Some("B@x"));
        assert_eq!(entry.like("mail", "c@x"), Some("a@x"));
        assert_eq!(entry.like("title", "x"), None);
        assert_eq!(entry.bytes("objectguid"), Some(&[0xff, 1][..]));
        assert_eq!((entry.bytes("mail"), entry.first("objectGUID")), (Some(&b"a@x"[..]), None));
    }
}
