//! Any text is a policy or is told what is wrong with it; one that is laid out anew means the same.
//!
//! Input: a policy file.
#![no_main]

use guestpass::document::Mistakes;
use guestpass::policy::{Known, Policy, format};
use libfuzzer_sys::fuzz_target;

fn read(text: &str) -> Option<String> {
    let known = Known {
        providers: ["staff", "partners"].map(|name| name.parse().unwrap()).into(),
        apps: ["wiki", "notes", "dashboard"].map(|name| name.parse().unwrap()).into(),
    };
    let mut mistakes = Mistakes::default();
    let policy = Policy::parse(&[("policy.yaml".to_owned(), text.to_owned())], &known, &mut mistakes);
    assert_eq!(policy.is_none(), mistakes.errors() > 0, "{mistakes}");
    policy.map(|policy| policy.version().to_string())
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let version = read(text);
    let Ok(laid_out) = format("policy.yaml", text) else { return };
    if version.is_some() {
        assert_eq!(version, read(&laid_out), "{laid_out}");
    }
});
