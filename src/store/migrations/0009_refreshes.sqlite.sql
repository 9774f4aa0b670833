-- By what the claims behind a sign-in are confirmed while nobody waits.

CREATE TABLE refreshes (
    sign_in TEXT    PRIMARY KEY REFERENCES sign_ins (id),
    token   BLOB    NOT NULL,                -- sealed for this sign-in and serial
    serial  INTEGER NOT NULL,                -- counts the tokens of a sign-in
    due     INTEGER NOT NULL,
    lease   INTEGER NOT NULL DEFAULT 0       -- until when somebody asks with it
) STRICT;
CREATE INDEX refreshes_due ON refreshes (due);
