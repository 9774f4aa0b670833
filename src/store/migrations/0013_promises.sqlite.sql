-- Which accounts of before were to be adopted once and then were not (`accounts.adopting` has the last one): a call that
-- was on its way may yet arrive, and what we did not create is never deleted.

CREATE TABLE promises (
    account TEXT NOT NULL REFERENCES accounts (id),
    target TEXT NOT NULL,
    native_id TEXT NOT NULL,
    PRIMARY KEY (account, native_id)
) STRICT;
CREATE INDEX promises_native ON promises (target, native_id);
