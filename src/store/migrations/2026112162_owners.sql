-- Whose a project is and who asked for a run; none is the operator, to whom everything from before belongs, and to whom
-- the projects of a person who is removed go. A cancellation says who wants it. A question has a number that only
-- those know who were asked: an answer by button carries it.
alter table project add column owner_id text references person (id) on delete set null;

alter table run add column asked_by text references person (id) on delete set null;

alter table run add column cancel_by text;

alter table ask add column nonce text;
