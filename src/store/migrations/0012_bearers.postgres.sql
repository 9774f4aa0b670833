-- Sign-ins that rest on an access token, and people of whom only such tokens tell.

ALTER TABLE sign_ins ADD COLUMN token BYTEA;         -- hash of that token: it makes one sign-in, once
CREATE UNIQUE INDEX sign_ins_by_token ON sign_ins (token);
ALTER TABLE identities ADD COLUMN voucher TEXT NOT NULL DEFAULT 'id_token';  -- id_token, access_token, machine
