//! Values that only Active Directory has.

use uuid::Uuid;

/// The bit of `userAccountControl` that shuts an account (ACCOUNTDISABLE).
const SHUT: i64 = 0x2;
/// An account of a person (NORMAL_ACCOUNT).
const NORMAL: i64 = 0x200;

/// What `userAccountControl` is of an account that is made and not open yet.
pub(super) const NEW: i64 = NORMAL | SHUT;

/// Whether an account may be used whose `userAccountControl` is this.
pub(super) fn is_open(control: &str) -> bool {
    control.parse::<i64>().is_ok_and(|control| control & SHUT == 0)
}

/// The same, open or shut, with all other bits as they were.
pub(super) fn opened(control: &str, open: bool) -> Option<String> {
    let control: i64 = control.parse().ok()?;
    let control = if open { control & !SHUT } else { control | SHUT };
    Some(control.to_string())
}

/// An `objectGUID` as people write it: its first three fields are stored in reverse.
pub(super) fn guid(bytes: &[u8]) -> Option<String> {
    Some(Uuid::from_bytes_le(bytes.try_into().ok()?).to_string())
}

/// The bytes of such an id, as a filter holds them.
pub(super) fn guid_in_filter(id: &str) -> Option<String> {
    let bytes = id.parse::<Uuid>().ok()?.to_bytes_le();
    Some(bytes.iter().map(|byte| format!("\\{byte:02x}")).collect())
}

/// A password as `unicodePwd` takes it: in quotes, as UTF-16.
pub(super) fn password(text: &str) -> Vec<u8> {
    format!("\"{text}\"").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_other_bits_of_an_account_stay() {
        // A password that never ends (0x10000) is not ours to end.
        assert_eq!(opened("66048", false).as_deref(), Some("66050"));
        assert_eq!(opened("66050", true).as_deref(), Some("66048"));
        assert_eq!(opened("66048", true).as_deref(), Some("66048"));
        assert!(is_open("512") && !is_open("514") && !is_open(&NEW.to_string()) && !is_open("?"));
        assert_eq!(opened("?", true), None);
    }

    #[test]
    fn an_id_is_written_with_its_fields_in_order() {
        let bytes: Vec<u8> = (0..16).collect();
        assert_eq!(guid(&bytes).as_deref(), Some("03020100-0504-0706-0809-0a0b0c0d0e0f"));
        assert_eq!(
            guid_in_filter("03020100-0504-0706-0809-0a0b0c0d0e0f").as_deref(),
            Some("\\00\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f")
        );
        assert_eq!((guid(&bytes[1..]), guid_in_filter("*")), (None, None));
    }

    #[test]
    fn a_password_is_quoted_and_wide() {
        assert_eq!(password("aÄ"), [0x22, 0, 0x61, 0, 0xc4, 0, 0x22, 0]);
    }

    proptest! {
        #[test]
        fn shutting_and_opening_is_opening(control in 0..1_i64 << 30) {
            let text = control.to_string();
            let shut = opened(&text, false).unwrap();
            prop_assert!(!is_open(&shut));
            let open = opened(&shut, true).unwrap();
            prop_assert!(is_open(&open));
            prop_assert_eq!(open, opened(&text, true).unwrap());
        }
    }
}
