-- when a question is decided without an answer; null for as long as it takes
alter table ask add column deadline bigint;

create index ask_deadline on ask (deadline) where deadline is not null and answer is null;
