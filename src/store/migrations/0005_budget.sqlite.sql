-- How many requests a target got in the day that is counted.

ALTER TABLE targets ADD COLUMN day_ends INTEGER;                    -- NULL before the first
ALTER TABLE targets ADD COLUMN spent    INTEGER NOT NULL DEFAULT 0;
