-- Since when a server leaves looks unanswered: a few in a row within seconds are one short outage.
alter table server_check add column silent_since bigint;
