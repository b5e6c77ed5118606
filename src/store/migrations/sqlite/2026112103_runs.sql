-- Runs and their journal. The PostgreSQL text of this migration differs only in how it numbers rows.
create table run (
    -- A small number that the journal uses in place of the id.
    number integer primary key,
    id text not null unique,
    project_id text references project (id) on delete set null,
    -- JSON: what was asked for
    request text not null,
    status text not null,
    reason text,
    forked_from text,
    forked_at bigint,
    -- the number of the newest event
    seq bigint not null,
    cancel_requested boolean not null,
    created_at bigint not null,
    updated_at bigint not null
);

create index run_project on run (project_id);

-- Append-only, and by far the largest table: one key and no other index keeps 2,000 steps under 1 MB. The key is
-- run.number * 2^24 + seq, so a run's events lie together and in order. An event never changes: its one moment is
-- "at", and there is no updated_at.
create table run_event (
    id integer primary key,
    at bigint not null,
    kind text not null,
    body text not null
);

-- The newest whole progress of a run; older ones are replaced.
create table run_snapshot (
    run_number integer primary key references run (number),
    seq bigint not null,
    body text not null,
    created_at bigint not null,
    updated_at bigint not null
);

-- Changes of the outside world. A fork takes the done effects of its origin along under the same key, so the key is
-- unique in a run, not in the store.
create table effect (
    number integer primary key,
    key text not null,
    run_number bigint not null references run (number),
    kind text not null,
    mark text not null,
    args text not null,
    result text,
    -- the number of the run's newest event when the mark was set
    seq bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    unique (key, run_number)
);

create index effect_run on effect (run_number);
