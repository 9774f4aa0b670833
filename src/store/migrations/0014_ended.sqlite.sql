-- Sign-ins that ended go, the oldest first.

CREATE INDEX sign_ins_by_until ON sign_ins (until);
